"""Processes of the local stack: what counts as ended."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from deploy.stack.process import RUNNING, STOPPED, await_that, spawn

PATIENCE = 20.0
# The first thread ends; the other one goes on, as those of a big process that was killed do for a while.
HEADLESS = """
import ctypes, threading
threading.Thread(target=threading.Event().wait, daemon=True).start()
print("started", flush=True)
ctypes.CDLL(None).pthread_exit(None)
"""


def test_a_process_whose_first_thread_alone_has_ended_still_runs(tmp_path: Path) -> None:
    output = tmp_path / "output.log"
    process = spawn([sys.executable, "-c", HEADLESS], output, {})
    try:
        stat = Path(f"/proc/{process.pid}/stat")
        assert await_that(lambda: stat.read_text().rpartition(")")[2].split()[0] == "Z", PATIENCE), output.read_text()
        assert process.state() == RUNNING
    finally:
        process.send(signal.SIGKILL)
    assert process.ended(PATIENCE)
    assert process.state() == STOPPED
