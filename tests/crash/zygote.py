"""Starts the program many times without importing it many times: imports once, then forks a child for each start.

Reads the path of a settings file a line on standard input; for each, forks a process that composes and runs the real
program, and answers with its process id. The child reports on standard output when it is ready: `ready PID SECONDS`.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path

from heliograph.compose import program
from heliograph.detect.files import defaults_folder, load_definitions
from heliograph.runtime.logs import configure_logs
from heliograph.settings import load_settings


def child(config: Path) -> None:
    """Run the program until it is killed."""
    started = time.perf_counter()
    configure_logs("error")
    running = program(load_settings(config))
    running.start()
    os.write(1, f"ready {os.getpid()} {time.perf_counter() - started:.3f}\n".encode())
    threading.Event().wait()


def main() -> None:
    """Fork on command."""
    # Warm caches that every start would fill again; no thread may run before a fork.
    load_definitions([defaults_folder()])
    os.write(1, b"zygote\n")
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            child(Path(line.strip()))
        os.write(1, f"started {pid}\n".encode())
        # Reap the one before, which was killed by now.
        os.waitpid(pid, 0)
        os.write(1, f"gone {pid}\n".encode())


if __name__ == "__main__":
    main()
