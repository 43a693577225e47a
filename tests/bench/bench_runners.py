"""Articles a second through `detect` with the shipped topics, under each runner, side by side in one run.

    python tests/bench/bench_runners.py [HOST:PORT] [--articles 6000]

Without an address a broker is started by deploy/stack and ended afterwards. `embedded` is PollRunner over SQLite,
`poll` PollRunner over Kafka, `faust` FaustRunner over Kafka. The articles, of 3,000 characters each, stand in the log
beforehand; time runs from the first one handed in to the commit of the last. `start_seconds` is what comes before.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "services"))

import msgspec
from tests.bench.bench_detect import articles, vocabularies
from tests.bench.tier import servers
from tests.stack.kafka import kafka_log, kafka_settings

from heliograph.core.codec import encode
from heliograph.core.event import ArticleFetched, Envelope
from heliograph.detect.engine import Engine
from heliograph.detect.files import defaults_folder, load_definitions
from heliograph.detect.stage import DetectStage
from heliograph.eventlog.port import Entry, EventLog
from heliograph.eventlog.sqlite import SqliteLog
from heliograph.runtime.faust import FaustRunner
from heliograph.runtime.metrics import Metrics
from heliograph.runtime.poll import PollRunner
from heliograph.runtime.stage import Outcome, Runner, Step

_MOMENT = datetime(2026, 1, 17, tzinfo=UTC)
MakeRunner = Callable[[EventLog, Sequence[Step], Metrics], Runner]


class Timed:
    """The detect stage, and when it was first called."""

    name = "detect"

    def __init__(self) -> None:
        shipped = load_definitions([defaults_folder()]).strict().compiled.values()
        self._stage = DetectStage(Engine(shipped))
        self.first = 0.0
        self.seen = 0
        self.calls = 0
        self.changed = threading.Condition()

    def handle(self, batch: Sequence[Envelope]) -> Sequence[Outcome]:
        self.first = self.first or time.perf_counter()
        self.calls += 1
        outcomes = self._stage.handle(batch)
        with self.changed:
            self.seen += len(batch)
            self.changed.notify_all()
        return outcomes


def entries(count: int) -> list[Entry]:
    """Return so many articles, one in fifty about a shipped topic."""
    chance = random.Random(7)
    made = articles(1_000, vocabularies(chance), chance)
    found = []
    for number in range(count):
        article = msgspec.structs.replace(made[number % len(made)], id=f"a-{number}")
        event = Envelope(id=f"e-{number}", time=_MOMENT, trace="t", data=ArticleFetched(article=article))
        found.append(Entry(event.id, article.id, encode(event)))
    return found


def measure(log: EventLog, make: MakeRunner, stream: Sequence[Entry]) -> dict[str, float]:
    """Return the figures of one runner on one log."""
    for start in range(0, len(stream), 500):
        log.append("articles", stream[start : start + 500])
    stage = Timed()
    runner = make(log, [Step(stage, "articles", sink="matches")], Metrics())
    started, cpu = time.perf_counter(), time.process_time()
    runner.start()
    with stage.changed:
        if not stage.changed.wait_for(lambda: stage.seen >= len(stream), 300):
            raise TimeoutError(f"{stage.seen} of {len(stream)} in 300 s: {runner.health()}")
    waiting = threading.Event()
    while runner.health()[0].lag_events:
        waiting.wait(0.02)
    took, cpu = time.perf_counter() - stage.first, time.process_time() - cpu
    before = time.perf_counter()
    runner.stop()
    return {
        "articles_per_second": round(len(stream) / took),
        "articles_per_cpu_second": round(len(stream) / cpu),
        "events_per_batch": round(stage.seen / stage.calls, 1),
        "start_seconds": round(stage.first - started, 2),
        "stop_seconds": round(time.perf_counter() - before, 2),
    }


def run(address: str = "", count: int = 6_000) -> dict[str, Any]:
    """Return the figures by runner, and the rates of those on Kafka as shares of the embedded one."""
    stream = entries(count)
    with tempfile.TemporaryDirectory() as folder:
        log = SqliteLog(Path(folder) / "log.sqlite")
        figures: dict[str, Any] = {"embedded": measure(log, PollRunner, stream)}
        log.close()
    with servers(address, only="kafka") as (bootstrap, _):
        for name in ("poll", "faust"):
            access = kafka_settings(bootstrap)
            make: MakeRunner = PollRunner if name == "poll" else partial(FaustRunner, kafka=access)
            with kafka_log(bootstrap, settings=access) as kafka:
                figures[name] = measure(kafka, make, stream)
    for name in ("poll", "faust"):
        share = figures[name]["articles_per_second"] / figures["embedded"]["articles_per_second"]
        figures[f"{name}_to_embedded"] = round(share, 2)
    return figures


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("address", nargs="?", default="")
    parser.add_argument("--articles", type=int, default=6_000)
    asked = parser.parse_args()
    print(json.dumps(run(asked.address, asked.articles), indent=2))
