"""Ten times the usual load for a minute, through `detect`, `stories` and `index`: how they catch up, and their memory.

    python tests/bench/bench_recovery.py [--kafka HOST:PORT --elasticsearch URL] [--seconds 60] [--rate 50] [--times 10]

The usual load first, for the memory before; then so many times as much is appended to `articles` for so long; then
nothing, until no group waits for anything (`recovered_seconds`); then the usual load again, for the memory after. One
process a service; articles of 3,000 characters, one in fifty about a shipped topic. Everything shares one machine, the
feeder too: `burst_per_second` is what it managed to append. Memory is bounded where it does not stay up afterwards.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).resolve().parents[2]), str(Path(__file__).resolve().parents[2] / "services")]

from tests.bench.tier import QUIET, Service, Shares, Stream, documents, installation, running, servers

from heliograph.core.event import ARTICLES, FLAGGED, MATCHES
from heliograph.eventlog.port import EventLog, Reader

GROUPS = {"detect": ARTICLES, "stories": MATCHES, "index-archive": ARTICLES, "index-flagged": FLAGGED}
SERVICES = ("detect", "stories", "index")
TICKS = 5
"""Appends a second."""
PATIENCE = 900.0


def run(
    kafka: str = "",
    elasticsearch: str = "",
    *,
    seconds: int = 60,
    rate: int = 50,
    times: int = 10,
    usual: int = 30,
    runner: str = "faust",
) -> dict[str, Any]:
    """Return the seconds to the end of all lag, the largest lags, and the memory of each service. `usual` is how many
    seconds of the usual load come before and after.
    """
    with servers(kafka, elasticsearch) as (bootstrap, url), tempfile.TemporaryDirectory() as name:
        text = QUIET.format(folder=name, runner=runner)
        with (
            installation(Path(name), bootstrap, url, text) as (config, log),
            running([(service,) for service in SERVICES], config) as processes,
        ):
            stream, readers = Stream(), {group: log.reader(topic, group) for group, topic in GROUPS.items()}
            _feed(log, stream, rate, usual)
            _caught_up(readers)
            before = _memory(processes)
            for process in processes:
                process.forget_peak()
            shares, started = Shares(processes, url), time.monotonic()
            _feed(log, stream, rate * times, seconds)
            ended = time.monotonic()
            lags = {group: reader.lag().events for group, reader in readers.items()}
            recovered = _caught_up(readers)
            cpu = shares.read()
            _feed(log, stream, rate, usual)
            _caught_up(readers)
            after, peaks = _memory(processes), {process.name: process.peak_mb() for process in processes}
            for reader in readers.values():
                reader.close()
            archived = documents(config, "archive")
    return {
        "runner": runner,
        "articles": stream.count,
        "archived": archived,
        "burst_seconds": round(ended - started, 1),
        "burst_per_second": round(rate * times * seconds / (ended - started)),
        "lag_at_its_end": lags,
        "recovered_seconds": max(recovered.values()),
        "recovered_seconds_by_group": recovered,
        "cpu_share": cpu,
        "memory_mb_before_peak_after": {name: [before[name], peaks[name], after[name]] for name in before},
        "worst_memory_after_to_before": max(round(after[name] / before[name], 2) for name in before),
        "worst_peak_to_before": max(round(peaks[name] / before[name], 2) for name in before),
    }


def _feed(log: EventLog, stream: Stream, rate: int, seconds: int) -> None:
    """Append so many articles a second; where that does not go so fast, as fast as it goes."""
    started = time.monotonic()
    for tick in range(seconds * TICKS):
        log.append(ARTICLES, stream.next(rate // TICKS))
        # The load is paced by the clock: this is what is measured, not waiting for something.
        time.sleep(max(0.0, started + (tick + 1) / TICKS - time.monotonic()))


def _caught_up(readers: Mapping[str, Reader]) -> dict[str, float]:
    """Return once no group waits for anything; say for how many seconds from now each did."""
    started, waited = time.monotonic(), dict.fromkeys(readers, 0.0)
    # Until all are done in one look: what one group has done may be work for the next.
    while waiting := [group for group, reader in readers.items() if reader.lag().events]:
        passed = time.monotonic() - started
        if passed > PATIENCE:
            raise TimeoutError(f"not caught up within {PATIENCE:.0f} s: {', '.join(waiting)}")
        waited |= dict.fromkeys(waiting, round(passed, 1))
        # Lag is a figure of the broker's, which tells nobody of its changes; a look costs the broker something too.
        time.sleep(0.25)
    return waited


def _memory(processes: Sequence[Service]) -> dict[str, int]:
    return {process.name: process.memory_mb() for process in processes}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kafka", default="", metavar="HOST:PORT")
    parser.add_argument("--elasticsearch", default="", metavar="URL")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--rate", type=int, default=50)
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--usual", type=int, default=30)
    parser.add_argument("--runner", choices=("faust", "poll"), default="faust")
    print(json.dumps(run(**vars(parser.parse_args())), indent=2))
