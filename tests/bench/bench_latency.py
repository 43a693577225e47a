"""End to end at 50 articles a second: from the moment of fetching to searchable, and to the alert handed to a webhook.

    python tests/bench/bench_latency.py [--seconds 30] [--rate 50] [--hits 5]

The real program runs in a process of its own; feeds and receiver are servers here. One article in five is a hit of a
shipped topic and alerted (`--hits 5`); with `--hits 1` every one is, which is the worst case of the rate.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
import time
import urllib.request
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).resolve().parents[2]), str(Path(__file__).resolve().parents[2] / "services")]

from tests.bench.tier import running
from tests.stories.desk import wait_for
from tests.stories.press import FEEDS, Press

PAGE = 150
"""Articles a page of what is searched for: what comes in three seconds."""
CONFIG = """
data = "{folder}/data"
sources = "{folder}/sources.yaml"
[web]
port = 0
[logs]
level = "error"
[fetch]
allow_networks = ["127.0.0.0/8"]
poll_min = "1s"
poll_max = "2s"
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


def run(seconds: int = 30, rate: int = 50, hits: int = 5) -> dict[str, float]:
    """Return p50 and p99 in seconds, the program's CPU and memory, and what was sent and received."""
    with tempfile.TemporaryDirectory() as name, press_of(hits) as press:
        config = Path(name, "heliograph.toml")
        config.write_text(written(Path(name), press))
        with running([()], config) as programs:
            (program,) = programs
            wait_for_feeds(program.url)
            cpu, started = program.cpu_seconds(), time.monotonic()
            figures = flow(program.url, press, seconds, rate, hits)
            share = (program.cpu_seconds() - cpu) / (time.monotonic() - started)
            return {**figures, "program_cpu_share": round(share, 2), "program_rss_mb": program.peak_mb()}


def press_of(hits: int) -> Press:
    """Return a press of which one article in `hits` is a hit, and whose feeds hold the newest."""
    return Press(hits=lambda number: number % hits == 0, window=30)


def written(folder: Path, press: Press) -> str:
    """Write the sources, and return the settings, for a program that reads this press and alerts it."""
    feeds = "".join(
        f"  - {{id: f{n}, url: '{press.url(f'/feed/{n}.rss')}', language: en, evidence: answering}}\n"
        for n in range(FEEDS)
    )
    outlet = f"outlets:\n- id: press\n  title: Press\n  country: az\n  ownership: private\n  feeds:\n{feeds}"
    (folder / "sources.yaml").write_text(outlet)
    return CONFIG.format(folder=folder, hook=press.url("/hook"))


def wait_for_feeds(base: str, within: float = 120.0) -> None:
    """Return once each feed has been polled, so that what comes from now on is new."""

    def polled() -> bool:
        return sum(bool(feed["last_success"]) for feed in _get(f"{base}/api/v1/feeds")["items"]) >= FEEDS

    wait_for(polled, within, "every feed is polled")


def flow(
    base: str, press: Press, seconds: int, rate: int, hits: int, first: int = 0, *, every: float = 0.2
) -> dict[str, float]:
    """Publish so many articles a second for so long; return how long each took to be searchable, and to be alerted.

    One in `hits` is a hit. `first` is the number of the first: those before it were published by another flow, of whole
    seconds. `every` is the seconds between two looks at what is found, which cost the program a search.
    """
    total = seconds * rate
    watch = _Watch(base, {f"Report {number}" for number in range(first, first + total)}, every)
    watch.start()
    started = time.monotonic()
    for tick in range(seconds * 5):
        press.release(first + tick * rate // 5, rate // 5)
        # The load is paced by the clock: this is what is measured, not waiting for something.
        time.sleep(max(0.0, started + (tick + 1) / 5 - time.monotonic()))
    watch.join(60)
    watch.over.set()
    wanted = {f"Report {number}" for number in range(first, first + total) if number % hits == 0}
    with press.changed:
        press.changed.wait_for(lambda: wanted <= press.arrived.keys(), 60)
    watch.join(30)
    alerted = [
        press.arrived[title] - watch.fetched[title] for title in wanted & press.arrived.keys() & watch.fetched.keys()
    ]
    return {
        "articles": total,
        "articles_found": len(watch.delays),
        "alerts_wanted": len(wanted),
        "alerts_received": len(wanted & press.arrived.keys()),
        "searchable_p50_s": _percentile(watch.delays, 0.5),
        "searchable_p99_s": _percentile(watch.delays, 0.99),
        "alerted_p50_s": _percentile(alerted, 0.5),
        "alerted_p99_s": _percentile(alerted, 0.99),
    }


class _Watch(threading.Thread):
    """Asks for the newest articles, again and again, and notes when each is first found.

    What is not found among the newest, because too much came at once, counts as found at the end.
    """

    def __init__(self, base: str, wanted: set[str], every: float) -> None:
        super().__init__(daemon=True)
        self._base, self._wanted, self._every = base, wanted, every
        self.delays: list[float] = []
        self.over = threading.Event()
        self.fetched: dict[str, float] = {}

    def run(self) -> None:
        while not self._done() and not self.over.is_set():
            self._look(PAGE // 2)
            self.over.wait(self._every)
        if not self._done():
            self._look(0)

    def _done(self) -> bool:
        return len(self.fetched) >= len(self._wanted)

    def _look(self, least: int) -> None:
        """Read pages, newest first, for as long as each holds so many new articles."""
        cursor = ""
        while True:
            page = _get(f"{self._base}/api/v1/search?q=&scope=all&limit={PAGE}&cursor={quote(cursor)}")
            now, known = time.time(), len(self.fetched)
            for item in page["items"]:
                title = item["title"]
                if title in self._wanted and title not in self.fetched:
                    self.fetched[title] = datetime.fromisoformat(item["fetched"]).timestamp()
                    self.delays.append(now - self.fetched[title])
            cursor = page["next"] or ""
            if not cursor or len(self.fetched) - known < least or self._done():
                return


def _get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=20) as answer:
        return json.load(answer)


def _percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))], 3) if ordered else 0.0


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--rate", type=int, default=50)
    parser.add_argument("--hits", type=int, default=5)
    print(json.dumps(run(**vars(parser.parse_args())), indent=2))


if __name__ == "__main__":
    main()
