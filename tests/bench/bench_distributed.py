"""End to end on the distributed tier at 50 articles a second: from fetched to searchable, and to the alert handed over.

    python tests/bench/bench_distributed.py [--kafka HOST:PORT --elasticsearch URL] [--seconds 60] [--rate 50]
                                            [--hits 5] [--runner faust] [--together]

The press, the settings and the measure are those of bench_latency.py: real feeds, a real receiver, one article in
`--hits` a hit and alerted. Each service is a process of its own, `heliograph run SERVICE`; with `--together` one runs
all six. Without addresses both servers are started by deploy/stack and ended afterwards. All shares one machine.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).resolve().parents[2]), str(Path(__file__).resolve().parents[2] / "services")]

from tests.bench.bench_latency import flow, press_of, wait_for_feeds, written
from tests.bench.tier import Shares, installation, running, servers

from heliograph.compose import SERVICES

WARM = 30
"""Seconds of the same flow before what is measured: by then consumers have their partitions, indices exist, and most of
what the servers do often is compiled."""
LOOKS = 0.5
"""Seconds between two looks at what is found: in these processes a search costs as much as ten articles do."""


def run(
    kafka: str = "",
    elasticsearch: str = "",
    *,
    seconds: int = 60,
    rate: int = 50,
    hits: int = 5,
    runner: str = "faust",
    together: bool = False,
) -> dict[str, Any]:
    """Return p50 and p99 in seconds, and what each process took of CPU and memory."""
    wanted = [()] if together else [(service,) for service in SERVICES]
    with (
        servers(kafka, elasticsearch) as (bootstrap, url),
        tempfile.TemporaryDirectory() as name,
        press_of(hits) as press,
    ):
        text = f'runner = "{runner}"\n{written(Path(name), press)}'
        with (
            installation(Path(name), bootstrap, url, text) as (config, _),
            running(wanted, config) as processes,
        ):
            pages = processes[-1].url
            wait_for_feeds(pages)
            flow(pages, press, WARM, rate, hits, every=LOOKS)
            shares = Shares(processes, url)
            figures = flow(pages, press, seconds, rate, hits, WARM * rate, every=LOOKS)
            cpu = shares.read()
            return {
                "runner": runner,
                "processes": len(processes),
                **figures,
                "cpu_share": cpu,
                "rss_mb": {process.name: process.peak_mb() for process in processes},
            }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kafka", default="", metavar="HOST:PORT")
    parser.add_argument("--elasticsearch", default="", metavar="URL")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--rate", type=int, default=50)
    parser.add_argument("--hits", type=int, default=5)
    parser.add_argument("--runner", choices=("faust", "poll"), default="faust")
    parser.add_argument("--together", action="store_true")
    print(json.dumps(run(**vars(parser.parse_args())), indent=2))
