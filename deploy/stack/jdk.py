"""Which Java runs the servers: `JAVA_HOME`, what lies in the usual places, or `java` on the path."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from deploy.stack import StackError

PLACES = ("/usr/lib/jvm/*", "/usr/java/*", "/opt/java/*", "/Library/Java/JavaVirtualMachines/*/Contents/Home")
VERSION = re.compile(r'"(?:1\.)?(\d+)[^"]*"')


def find(
    least: int,
    what: str,
    environment: Mapping[str, str],
    *,
    compiler: bool = False,
    places: Sequence[str] = PLACES,
) -> Path:
    """Return the home of a Java that is new enough for `what`, with `javac` where a compiler is asked for.

    `JAVA_HOME` wins if it suffices; of the others, the oldest that does, since that is what the servers are tested
    with longest. Raises StackError naming what was found and what is missing.
    """
    found = {home: version(home) for home in homes(environment, places)}
    fit = [
        home
        for home, number in found.items()
        if number >= least and (not compiler or (home / "bin" / "javac").is_file())
    ]
    if fit:
        named = environment.get("JAVA_HOME")
        return min(fit, key=lambda home: (not named or home != Path(named), found[home]))
    seen = ", ".join(f"{number} in {home}" for home, number in found.items()) or "none"
    kind = "a JDK (with javac)" if compiler else "Java"
    raise StackError(f"{what} needs {kind} {least} or newer; found: {seen}. Install one, or name it in JAVA_HOME")


def homes(environment: Mapping[str, str], places: Sequence[str]) -> Iterator[Path]:
    """Yield where a Java is, each once: JAVA_HOME first, then the usual places, then the path."""
    seen = set()
    named = environment.get("JAVA_HOME")
    java = shutil.which("java", path=environment.get("PATH", ""))
    usual = [path for pattern in places for path in sorted(Path("/").glob(pattern[1:]))]
    on_path = [Path(java).resolve().parent.parent] if java else []
    for home in [*([Path(named)] if named else []), *usual, *on_path]:
        real = home.resolve()
        if real not in seen and (real / "bin" / "java").is_file():
            seen.add(real)
            yield home


def version(home: Path) -> int:
    """Return the feature release of a Java, such as 21; 0 where it does not say."""
    release = home / "release"
    if release.is_file():
        lines = release.read_text("utf-8", "replace").splitlines()
        text = next((line for line in lines if line.startswith("JAVA_VERSION=")), "")
    else:
        try:
            done = subprocess.run(
                [str(home / "bin" / "java"), "-version"], capture_output=True, text=True, timeout=30, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            return 0
        text = done.stderr
    stated = VERSION.search(text)
    return int(stated[1]) if stated else 0
