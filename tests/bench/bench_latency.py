"""End to end at 50 articles a second: from the moment of fetching to searchable, and to the alert handed to a webhook.

    python tests/bench/bench_latency.py [--seconds 30] [--rate 50]

The real program runs in a process of its own; feeds and receiver are servers here. Every article is a hit of a shipped
topic, so every one of them is alerted: the worst case of the rate.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from datetime import datetime
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).resolve().parents[2]), str(Path(__file__).resolve().parents[2] / "services")]

from tests.stories.press import FEEDS, Press

CONFIG = """
data = "{folder}/data"
sources = "{folder}/sources.yaml"
[web]
port = {port}
[logs]
level = "error"
[fetch]
allow_networks = ["127.0.0.0/8"]
poll_min = "250ms"
poll_max = "500ms"
per_host = 16
[[channels]]
name = "desk"
type = "webhook"
url = "{hook}"
secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
[[policies]]
name = "everything"
query = "topic: *"
channels = ["desk"]
"""


def run(seconds: int = 30, rate: int = 50, port: int = 8493) -> dict[str, float]:
    """Return p50 and p99 in seconds, the program's CPU and memory, and what was sent and received."""
    with tempfile.TemporaryDirectory() as folder, Press(only_hits=True, window=30) as press:
        feeds = "".join(
            f"  - {{id: f{n}, url: '{press.url(f'/feed/{n}.rss')}', language: en, evidence: answering}}\n"
            for n in range(FEEDS)
        )
        outlet = f"outlets:\n- id: press\n  title: Press\n  country: az\n  ownership: private\n  feeds:\n{feeds}"
        Path(folder, "sources.yaml").write_text(outlet)
        Path(folder, "heliograph.toml").write_text(CONFIG.format(folder=folder, port=port, hook=press.url("/hook")))
        command = [sys.executable, "-m", "heliograph", "run", "--config", f"{folder}/heliograph.toml"]
        program = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert program.stdout is not None
        program.stdout.readline()
        base = f"http://127.0.0.1:{port}"
        while sum(bool(feed["last_success"]) for feed in _get(f"{base}/api/v1/feeds")["items"]) < FEEDS:
            time.sleep(0.1)
        watch = _Watch(base, total=seconds * rate)
        watch.start()
        started = time.monotonic()
        for tick in range(seconds * 5):
            press.release(tick * rate // 5, rate // 5)
            time.sleep(max(0.0, started + (tick + 1) / 5 - time.monotonic()))
        watch.join(30)
        watch.over.set()
        with press.changed:
            press.changed.wait_for(lambda: len(press.deliveries) >= seconds * rate, 60)
        watch.join(30)
        spent = time.monotonic() - started
        cpu = _cpu_seconds(program.pid)
        usage = Path(f"/proc/{program.pid}/status").read_text()
        program.terminate()
        program.wait(20)
        program.stdout.close()
        alerted = [arrived - watch.fetched[title] for title, arrived in press.arrived.items() if title in watch.fetched]
    return {
        "articles": seconds * rate,
        "alerts_received": len(press.deliveries),
        "searchable_p50_s": _percentile(watch.delays, 0.5),
        "searchable_p99_s": _percentile(watch.delays, 0.99),
        "alerted_p50_s": _percentile(alerted, 0.5),
        "alerted_p99_s": _percentile(alerted, 0.99),
        "program_cpu_share": round(cpu / spent, 2),
        "program_rss_mb": round(int(usage.split("VmHWM:")[1].split()[0]) / 1024),
    }


class _Watch(threading.Thread):
    """Asks for the newest articles five times a second and notes when each is first found."""

    def __init__(self, base: str, total: int) -> None:
        super().__init__(daemon=True)
        self._base, self._total = base, total
        self.delays: list[float] = []
        self.over = threading.Event()
        self.fetched: dict[str, float] = {}

    def run(self) -> None:
        seen: set[str] = set()
        while len(seen) < self._total and not self.over.is_set():
            page = _get(f"{self._base}/api/v1/search?q=&scope=flagged&limit=150")
            now = time.time()
            for item in page["items"]:
                if item["id"] not in seen and item["matches"]:
                    seen.add(item["id"])
                    self.fetched[item["title"]] = datetime.fromisoformat(item["fetched"]).timestamp()
                    self.delays.append(now - self.fetched[item["title"]])
            self.over.wait(0.2)


def _get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=20) as answer:
        return json.load(answer)


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))], 3) if ordered else 0.0


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--rate", type=int, default=50)
    arguments = parser.parse_args()
    print(json.dumps(run(arguments.seconds, arguments.rate), indent=2))


if __name__ == "__main__":
    main()
