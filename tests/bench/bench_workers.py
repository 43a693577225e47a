"""Three workers of `detect` against one, on the same backlog: processes of the real program, on Kafka.

    python tests/bench/bench_workers.py [HOST:PORT] [--articles 30000] [--topics 1000] [--runner faust]

Without an address a broker is started by deploy/stack and ended afterwards. So many made-up topics make matching the
work that is measured. The workers stand ready, each with its share of the partitions, before the backlog is appended;
the rate is that from its last append to the last article. Broker and workers share the cores of the machine, so three
workers can be no more than as many times as fast as there are cores that one worker leaves idle.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).resolve().parents[2]), str(Path(__file__).resolve().parents[2] / "services")]

import yaml
from tests.bench.bench_detect import written
from tests.bench.tier import QUIET, Service, Stream, installation, running, servers
from tests.stories.desk import wait_for

from heliograph.core.event import ARTICLES
from heliograph.eventlog.port import EventLog, Reader

BATCH = 500
WARM = 1_200
PATIENCE = 600.0


def run(
    kafka: str = "", count: int = 30_000, topics: int = 1_000, workers: Sequence[int] = (1, 3), runner: str = "faust"
) -> dict[str, Any]:
    """Return the figures by number of workers, and how many times the rate of the first the last has."""
    with servers(kafka, only="kafka") as (bootstrap, _):
        figures = {str(many): _measure(bootstrap, many, count, topics, runner) for many in workers}
    first, last = figures[str(workers[0])], figures[str(workers[-1])]
    return {
        "cores": os.cpu_count(),
        "topics": topics,
        "runner": runner,
        "workers": figures,
        "ratio": round(last["articles_per_second"] / first["articles_per_second"], 2),
    }


def _measure(bootstrap: str, workers: int, count: int, topics: int, runner: str) -> dict[str, Any]:
    stream = Stream()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write_topics(folder / "data" / "topics", topics, stream)
        text = QUIET.format(folder=folder, runner=runner)
        with (
            installation(folder, bootstrap, "", text) as (config, log),
            running([["detect"]] * workers, config) as members,
        ):
            reader = log.reader(ARTICLES, "detect")
            rounds = _share_out(members, log, stream, reader)
            before = [member.handled() for member in members]
            cpu = sum(member.cpu_seconds() for member in members)
            backlog = stream.next(count)
            for start in range(0, count, BATCH):
                log.append(ARTICLES, backlog[start : start + BATCH])
            started, done = time.perf_counter(), _handled(members) - sum(before)
            wait_for(lambda: _handled(members) - sum(before) >= count, PATIENCE, f"all of {count} articles")
            took = time.perf_counter() - started
            cpu = sum(member.cpu_seconds() for member in members) - cpu
            wait_for(lambda: reader.lag().events == 0, PATIENCE, "the last commit")
            reader.close()
            return {
                "articles_per_second": round((count - done) / took),
                "articles_per_cpu_second": round(count / cpu),
                "measured_articles": count - done,
                "seconds": round(took, 1),
                "share_of_each": [
                    round((member.handled() - was) / count, 2) for member, was in zip(members, before, strict=True)
                ],
                "memory_mb_of_each": [member.peak_mb() for member in members],
                "rounds_to_warm_up": rounds,
            }


def _write_topics(folder: Path, count: int, stream: Stream) -> None:
    """Write so many made-up topics as files."""
    folder.mkdir(parents=True)
    for topic in written(count, stream.words, random.Random(11)):
        made = {"id": topic.id, "name": topic.name, "query": topic.query}
        (folder / f"{topic.id}.yaml").write_text(yaml.safe_dump(made, allow_unicode=True))


def _share_out(members: Sequence[Service], log: EventLog, stream: Stream, reader: Reader) -> int:
    """Return once each member has worked twice in a row on articles just appended; say how many rounds it took."""
    good = rounds = 0
    while good < 2:
        before, rounds = [member.handled() for member in members], rounds + 1
        log.append(ARTICLES, stream.next(WARM))
        wait_for(lambda: reader.lag().events == 0, PATIENCE, f"{stream.count} articles, with {len(members)} workers")
        good = good + 1 if all(m.handled() > was for m, was in zip(members, before, strict=True)) else 0
    return rounds


def _handled(members: Sequence[Service]) -> int:
    return sum(member.handled() for member in members)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("address", nargs="?", default="")
    parser.add_argument("--articles", type=int, default=30_000)
    parser.add_argument("--topics", type=int, default=1_000)
    parser.add_argument("--runner", choices=("faust", "poll"), default="faust")
    asked = parser.parse_args()
    print(json.dumps(run(asked.address, asked.articles, asked.topics, runner=asked.runner), indent=2))
