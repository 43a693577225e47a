"""Starts services of the distributed tier without importing them anew: imports once, forks for each start.

Reads a JSON object a line on standard input (`service`, `settings`, `log`), and answers with the process id. The child
is what `heliograph run SERVICE` is, under these settings, and writes to the file `log`.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import warnings
from typing import Any

import elasticsearch  # noqa: F401 - for the children
import faust  # noqa: F401 - for the children
import kafka  # noqa: F401 - for the children

import heliograph.runtime.faust_app  # noqa: F401 - for the children
from heliograph.cli.run import start
from heliograph.compose import distributed
from heliograph.detect.files import defaults_folder, load_definitions
from heliograph.settings import load_settings


def child(service: str, settings: dict[str, Any], log: str) -> None:
    """Run one service until it is told to stop, or killed."""
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for number in (1, 2):
        os.dup2(file, number)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    warnings.simplefilter("ignore")
    start(load_settings(None, settings), [service])
    sys.stdout.flush()
    os._exit(0)


def main() -> None:
    """Fork on command."""
    # Warm caches that every start would fill again; no thread may run before a fork.
    load_definitions([defaults_folder()])
    distributed(load_settings())
    # Nobody waits for the children: whoever holds a pidfd sees them end.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    os.write(1, b"ready\n")
    for line in sys.stdin:
        wanted = json.loads(line)
        pid = os.fork()
        if pid == 0:
            child(**wanted)
        os.write(1, f"{pid}\n".encode())


if __name__ == "__main__":
    main()
