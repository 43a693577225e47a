"""Processes that outlive us: started in a session of their own, remembered by pid and start time.

A pid alone names nobody: it is given to another process some time after its owner has ended. The start time tells them
apart, so what is ended here is what was started here.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

RUNNING = "running"
PAUSED = "paused"
STOPPED = "stopped"
PAUSE = 0.05  # seconds between two looks at something that is awaited


@dataclass(frozen=True)
class Process:
    """A process that was started here: its number, and the moment of its start in the system's own terms."""

    pid: int
    started: str

    def state(self) -> str:
        """Return RUNNING, PAUSED or STOPPED; a stranger with the same pid counts as STOPPED, and so does pid 0."""
        if self.pid <= 0:
            return STOPPED  # never started; to the system, 0 means every process of our group
        letter, started = _look(self.pid)
        if not letter or started != self.started:
            return STOPPED
        if letter in "ZX":
            if _threads(self.pid) > 1:
                return RUNNING  # killed: its first thread has ended, others have not, and its ports are still taken
            with contextlib.suppress(ChildProcessError):
                os.waitpid(self.pid, os.WNOHANG)  # our own child: it need not stay as a zombie
            return STOPPED
        return PAUSED if letter == "T" else RUNNING

    def send(self, number: signal.Signals) -> None:
        """Send a signal if the process is still the one that was started here."""
        if self.state() != STOPPED:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def ended(self, within: float) -> bool:
        """Return whether it has ended, waiting for that for some seconds."""
        return await_that(lambda: self.state() == STOPPED, within)


def spawn(command: Sequence[str], output: Path, environment: Mapping[str, str]) -> Process:
    """Start a command in a session of its own, its output in a file; what an earlier start wrote is kept beside it."""
    if output.exists():
        output.replace(output.with_name(output.name + ".1"))
    pid = os.posix_spawnp(
        command[0],
        list(command),
        dict(environment),
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(output), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
        setsigmask=(),
        setsigdef=(signal.SIGINT, signal.SIGPIPE),
    )
    return Process(pid, _look(pid)[1])


def await_that(holds: Callable[[], bool], within: float) -> bool:
    """Return whether something holds, looking again and again for some seconds."""
    end = time.monotonic() + within
    while not holds():
        if time.monotonic() >= end:
            return False
        # What is awaited are ports that open and processes, not ours to wait for, that end: neither sends an event.
        time.sleep(PAUSE)
    return True


def _threads(pid: int) -> int:
    """Return how many threads a process still has; 0 where that cannot be told."""
    try:
        return sum(1 for _ in Path(f"/proc/{pid}/task").iterdir())
    except OSError:
        return 0


def _look(pid: int) -> tuple[str, str]:
    """Return the state letter and the start time of a process; two empty texts where there is none."""
    if Path("/proc/self/stat").exists():
        try:
            text = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
        except OSError:
            return "", ""
        fields = text.rpartition(")")[2].split()  # the name before it may hold spaces and parentheses
        return fields[0], fields[19]
    command = ["ps", "-o", "state=,lstart=", "-p", str(pid)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    letter, _, started = done.stdout.strip().partition(" ")
    return letter[:1], started.strip()
