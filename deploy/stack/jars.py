"""The jars that the servers run from: fetched once by Maven, kept in a cache outside the checkout.

A folder of the cache is named by a digest of what it was made from, is written beside its place and moved there when it
is complete. So a changed version makes a new folder, and a download that broke off leaves none.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from deploy.stack import StackError

PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
EVERY = 50  # downloads between two words about them


def cache(environment: Mapping[str, str]) -> Path:
    """Return the folder of the cache: `STACK_CACHE`, else a place in the user's own cache."""
    if named := environment.get("STACK_CACHE"):
        return Path(named).expanduser().resolve()
    base = environment.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "heliograph" / "stack"


def say(text: str) -> None:
    """Tell a person on stderr what is going on; stdout belongs to the answer."""
    print(f"stack: {text}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def locked(path: Path, waiting: str) -> Iterator[None]:
    """Hold a file as a lock between processes and threads; say once that another holds it, and wait."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(waiting)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def kept(folder: Path, name: str, sources: Sequence[Path], make: Callable[[Path], None]) -> Path:
    """Return the folder of the cache that was made from these sources, making it first where it is not there yet."""
    digest = hashlib.sha256(b"\0".join(source.read_bytes() for source in sources)).hexdigest()[:12]
    place = folder / f"{name}-{digest}"
    if place.is_dir():
        return place
    with locked(folder / "lock", f"another process fills {folder}; waiting for it"):
        if not place.is_dir():
            half = folder / f"{name}-{digest}.part"
            shutil.rmtree(half, ignore_errors=True)
            half.mkdir(parents=True)
            make(half)
            half.rename(place)
    return place


def maven(environment: Mapping[str, str]) -> str:
    """Return where Maven is. Raises StackError where it is not installed."""
    found = shutil.which("mvn", path=environment.get("PATH", ""))
    if found is None:
        raise StackError("the servers are fetched by Maven, and mvn is not on the path; install it")
    return found


def fetch(pom: Path, into: Path, what: str, environment: Mapping[str, str], *, size: str = "45 MB") -> None:
    """Copy all that a pom depends on at run time into a folder. Raises StackError with what Maven said."""
    # Strict: a file that does not match its published checksum is an error.
    options = ["--batch-mode", "--strict-checksums", f"-DoutputDirectory={into}", "-DincludeScope=runtime"]
    command = [maven(environment), *options, "-f", str(pom), PLUGIN]
    say(f"fetching {what} ({size}, once)")
    errors: list[str] = []
    count = 0
    with subprocess.Popen(
        command, env=dict(environment), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as running:
        assert running.stdout is not None
        for line in running.stdout:
            if line.startswith("[ERROR]"):
                errors.append(line.removeprefix("[ERROR]").strip())
            if line.startswith(("Downloaded from", "[INFO] Downloaded from")):
                count += 1
                if count % EVERY == 0:
                    say(f"fetching {what}: {count} files so far")
    jars = sum(1 for _ in into.glob("*.jar"))
    if running.returncode != 0 or not jars:
        raise StackError(f"Maven could not fetch {what}: {errors[0] if errors else f'exit {running.returncode}'}")
    say(f"{what}: {jars} jars")


def default_environment() -> dict[str, str]:
    """Return this process's environment; the one place of the stack that reads it."""
    return dict(os.environ)
