"""A Kafka node in KRaft mode, broker and controller at once; one alone, or several as a cluster."""

from __future__ import annotations

import socket
import string
import struct
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.stack import StackError, jars, jdk
from deploy.stack.ports import HOST

HERE = Path(__file__).resolve().parent / "kafka"
JAVA = 17
ANSWER = 3.0  # seconds that a node is given for one answer
METADATA, METADATA_VERSION = 3, 7


@dataclass(frozen=True)
class Broker:
    """One node: its folder, its two ports, its number, and the controllers' ports of the whole cluster by number.

    It is ready when it knows its `fellows`, which are brokers that are started with it.
    """

    folder: Path
    port: int
    peer: int
    id: int
    peers: Mapping[int, int]
    fellows: frozenset[int]
    cluster: str
    heap: str
    environment: Mapping[str, str]

    def prepare(self) -> None:
        """Write the properties, and format the storage where there is none yet; data of an earlier run stay."""
        data = self.folder / "data"
        self.folder.mkdir(parents=True, exist_ok=True)
        properties = string.Template((HERE / "server.properties").read_text("utf-8")).substitute(
            id=self.id,
            voters=",".join(f"{number}@{HOST}:{port}" for number, port in sorted(self.peers.items())),
            port=self.port,
            peer=self.peer,
            data=data,
            replication=len(self.peers),
            insync=len(self.peers) // 2 + 1,
        )
        self._properties.write_text(properties, "utf-8")
        if (data / "meta.properties").exists():
            return
        tool = ["kafka.tools.StorageTool", "format", "-t", self.cluster, "-c", str(self._properties)]
        done = subprocess.run([*self._java("64m"), *tool], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            said = (done.stdout + done.stderr).strip().splitlines() or [f"exit {done.returncode}"]
            raise StackError(f"Kafka could not format {data}: {said[-1]}")

    def command(self) -> list[str]:
        """Return what starts the node."""
        return [*self._java(self.heap), "kafka.Kafka", str(self._properties)]

    def ready(self) -> bool:
        """Return whether the node answers, and counts itself and its fellows among the brokers of the cluster."""
        try:
            return {self.id, *self.fellows} <= brokers(self.port)
        except (OSError, struct.error):
            return False

    @property
    def _properties(self) -> Path:
        return self.folder / "server.properties"

    def _java(self, heap: str) -> list[str]:
        java = jdk.find(JAVA, "Kafka", self.environment) / "bin" / "java"
        libraries = jars.kept(jars.cache(self.environment), "kafka", [HERE / "pom.xml"], self._fetch) / "*"
        # The serial collector: several small heaps share few cores here.
        tuned = [f"-Xms{heap}", f"-Xmx{heap}", "-XX:+UseSerialGC", "-XX:+ExitOnOutOfMemoryError"]
        logs = [f"-Dlog4j2.configurationFile={HERE / 'log4j2.yaml'}", f"-XX:ErrorFile={self.folder}/crash-%p.log"]
        return [str(java), *tuned, *logs, "-cp", str(libraries)]

    def _fetch(self, into: Path) -> None:
        jars.fetch(HERE / "pom.xml", into, "Kafka", self.environment)


def brokers(port: int) -> set[int]:
    """Ask the node at a port who belongs to its cluster, and return their numbers.

    One metadata request in Kafka's own protocol, so that no client is needed to know whether a broker serves: a port
    that takes connections is not there yet. Raises OSError where nobody answers.
    """
    name = b"stack"
    body = struct.pack(f">hhih{len(name)}sib", METADATA, METADATA_VERSION, 1, len(name), name, 0, 0)
    with socket.create_connection((HOST, port), timeout=ANSWER) as connection:
        connection.sendall(struct.pack(">i", len(body)) + body)
        with connection.makefile("rb") as reader:
            (size,) = struct.unpack(">i", reader.read(4))
            answer = reader.read(size)
    at = 8  # behind the correlation id and the throttle time
    (count,) = struct.unpack_from(">i", answer, at)
    at += 4
    found = set()
    for _ in range(count):
        number, length = struct.unpack_from(">ih", answer, at)
        found.add(number)
        (rack,) = struct.unpack_from(">h", answer, at + 6 + length + 4)
        at += 6 + length + 4 + 2 + max(rack, 0)
    return found
