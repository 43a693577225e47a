"""From the command to ready, and the memory of an idle process with the shipped feeds.

python tests/bench/bench_start.py
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

IDLE = 20.0
"""Seconds after which the process counts as idle; the shipped feeds have all been tried once by then."""


def run(rounds: int = 5) -> dict[str, float]:
    """Return the median start in seconds, and resident megabytes of the program and of all its processes."""
    starts, own, children = [], 0.0, 0.0
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "heliograph", "run", "--data", f"{folder}/data", "--port", "0"]
        for number in range(rounds):
            before = time.perf_counter()
            program = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=folder)
            assert program.stdout is not None
            program.stdout.readline()
            starts.append(time.perf_counter() - before)
            if number == rounds - 1:
                # Memory at rest is measured: rest has no event.
                time.sleep(IDLE)
                own, children = _resident(program.pid), sum(_resident(pid) for pid in _children(program.pid))
            program.terminate()
            program.wait(20)
            program.stdout.close()
    return {
        "ready_s": round(sorted(starts)[len(starts) // 2], 2),
        "slowest_ready_s": round(max(starts), 2),
        "idle_rss_mb": round(own, 1),
        "idle_rss_with_children_mb": round(own + children, 1),
    }


def _resident(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def _children(pid: int) -> list[int]:
    return [int(child) for path in Path(f"/proc/{pid}/task").glob("*/children") for child in path.read_text().split()]


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
