"""An Elasticsearch node, put together from the published jars of the server.

Maven's repository has the server and its HTTP transport, but neither the distribution around them nor most modules. So
`home` lays out what the server expects (lib, modules, plugins), and two small classes of ours (elasticsearch/src) start
it and answer `GET /`. What is missing besides is listed in README.md.
"""

from __future__ import annotations

import os
import shutil
import string
import subprocess
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.stack import StackError, jars, jdk
from deploy.stack.ports import HOST

HERE = Path(__file__).resolve().parent / "elasticsearch"
POM = HERE / "pom.xml"
SOURCES = sorted((HERE / "src").rglob("*.java"))
JAVA = 21
ANSWER = 3.0  # seconds that the node is given for one answer
TRANSPORT = "transport-netty4"
DESCRIPTOR = "META-INF/es-plugins/transport-netty4/plugin-descriptor.properties"
# The jars that belong to the transport's own class loader.
OF_TRANSPORT = (TRANSPORT, "netty-", "elasticsearch-ssl-config")
ZSTD = ("/usr/lib/*-linux-gnu/libzstd.so.1", "/usr/lib64/libzstd.so.1", "/usr/lib/libzstd.so.1")
PLATFORM = {"x86_64": "linux-x64", "aarch64": "linux-aarch64"}


@dataclass(frozen=True)
class Node:
    """One node: its folder, its two ports and its heap."""

    folder: Path
    port: int
    peer: int
    heap: str
    environment: Mapping[str, str]

    def prepare(self) -> None:
        """Write the configuration; data of an earlier run stay."""
        config = self.folder / "config"
        config.mkdir(parents=True, exist_ok=True)
        settings = string.Template((HERE / "elasticsearch.yml").read_text("utf-8"))
        filled = settings.substitute(port=self.port, peer=self.peer, folder=self.folder)
        (config / "elasticsearch.yml").write_text(filled, "utf-8")
        shutil.copyfile(HERE / "log4j2.properties", config / "log4j2.properties")

    def command(self) -> list[str]:
        """Return what starts the node."""
        java = jdk.find(JAVA, "Elasticsearch", self.environment) / "bin" / "java"
        home = jars.kept(jars.cache(self.environment), "elasticsearch", [POM, *SOURCES], self._build)
        options = [
            *(f"-Xms{self.heap}", f"-Xmx{self.heap}", "-XX:+UseSerialGC", "-XX:+ExitOnOutOfMemoryError"),
            f"-XX:ErrorFile={self.folder}/crash-%p.log",
            # The library for vectors is not published; where it is looked for in vain, zstd is given up as well.
            "-Dorg.elasticsearch.nativeaccess.enableVectorLibrary=false",
            f"-Des.path.home={home}",
            *("--enable-native-access=ALL-UNNAMED", "--add-modules=jdk.incubator.vector"),
        ]
        path = f"{home}/main/*:{home}/lib/*"
        return [str(java), *options, "-cp", path, "heliograph.stack.Main", str(home), str(self.folder / "config")]

    def ready(self) -> bool:
        """Return whether the node answers and has opened every shard that it holds (yellow: replicas have no home)."""
        url = f"http://{HOST}:{self.port}/_cluster/health?wait_for_status=yellow&timeout=1s"
        try:
            with urllib.request.urlopen(url, timeout=ANSWER) as answer:
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError):
            return False

    def _build(self, home: Path) -> None:
        """Fetch the jars and lay them out; compile what is ours into a jar to start from and one that is a plugin."""
        compiler = jdk.find(JAVA, "Building for Elasticsearch", self.environment, compiler=True) / "bin" / "javac"
        lib, transport = home / "lib", home / "modules" / TRANSPORT
        jars.fetch(POM, lib, "Elasticsearch", self.environment)
        transport.mkdir(parents=True)
        for jar in lib.glob("*.jar"):
            if jar.name.startswith(OF_TRANSPORT):
                jar.rename(transport / jar.name)
        carrier = next(transport.glob(f"{TRANSPORT}-*.jar"))
        with zipfile.ZipFile(carrier) as packed:
            described = packed.read(DESCRIPTOR).decode().splitlines(keepends=True)
        # On the class path there are no modules to load it as.
        kept = "".join(line for line in described if not line.startswith("modulename"))
        (transport / "plugin-descriptor.properties").write_text(kept, "utf-8")
        version = carrier.stem.removeprefix(f"{TRANSPORT}-")

        with tempfile.TemporaryDirectory() as classes:
            command = [str(compiler), "-proc:none", "-nowarn", "--release", str(JAVA), "-cp", f"{lib}/*", "-d", classes]
            done = subprocess.run([*command, *map(str, SOURCES)], capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise StackError(f"javac refused {HERE / 'src'}: {done.stderr.strip().splitlines()[0]}")
            plugin = home / "plugins" / "heliograph-root"
            _pack(Path(classes), "Main", home / "main" / "main.jar")
            _pack(Path(classes), "RootPlugin", plugin / "root.jar")
        (plugin / "plugin-descriptor.properties").write_text(
            "name=heliograph-root\ndescription=answers GET /\nclassname=heliograph.stack.RootPlugin\n"
            f"version={version}\nelasticsearch.version={version}\njava.version={JAVA}\n",
            "utf-8",
        )
        _link_zstd(home)


def _pack(classes: Path, name: str, jar: Path) -> None:
    """Put a class and the classes inside it into a jar."""
    jar.parent.mkdir(parents=True)
    with zipfile.ZipFile(jar, "w") as packed:
        for path in sorted(classes.rglob(f"{name}*.class")):
            packed.write(path, path.relative_to(classes).as_posix())


def _link_zstd(home: Path) -> None:
    """Give the server the system's zstd, which the codec `best_compression` needs; without it, only that is missing."""
    platform = PLATFORM.get(os.uname().machine)
    found = next((path for pattern in ZSTD for path in sorted(Path("/").glob(pattern[1:]))), None)
    if platform and found:
        folder = home / "lib" / "platform" / platform
        folder.mkdir(parents=True)
        (folder / "libzstd.so").symlink_to(found)
