"""Faults while articles flow: each is done so many times, then everything is counted.

    python tests/stack/faults/faults.py --fault kill-service --times 20 --articles 20000

starts three brokers and an Elasticsearch of its own (`--state` names the folder of a stack that is there already),
prints the figures as JSON, and exits 1 where a promise is broken.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).resolve().parents[3]), str(Path(__file__).resolve().parents[3] / "services")]

from deploy.stack.stack import Options, Stack
from tests.stack.faults.audit import audit, settle
from tests.stack.faults.kinds import FAULTS, Trial
from tests.stack.faults.newsroom import Newsroom


def run(
    name: str,
    *,
    times: int,
    articles: int,
    folder: Path,
    bootstrap: str,
    url: str,
    stack: Stack | None = None,
    away: float = 60.0,
    patience: float = 300.0,
) -> dict[str, Any]:
    """Do a fault so many times while so many articles flow; return the figures. `wrong` is empty where all is well."""
    fault, started = FAULTS[name], time.monotonic()
    replication = 3 if "," in bootstrap else 1
    with Newsroom(folder, bootstrap, url, replication=replication, proxied=fault.proxied, static=fault.static) as room:
        trial = Trial(room, stack, times, per_turn=articles // times, away=away)
        for turn in range(times):
            fault.do(trial, turn)
        flowing = time.monotonic() - started
        settle(room, patience)
        found = audit(room)
        return {
            "fault": name,
            "times": times,
            **found,
            "kills": sum(one.kills for one in room.services.values()),
            "reprocessed": _reprocessed(found, trial.noted),
            "lost_replies": {way: one.lost for way, one in room.ways.items()},
            "refused_requests": {way: one.refused for way, one in room.ways.items()},
            "noted": dict(trial.noted),
            "seconds_of_faults": round(flowing),
            "seconds": round(time.monotonic() - started),
        }


def _reprocessed(found: Mapping[str, Any], noted: Counter[str]) -> int:
    """Return how often work was done again, or handed out again, that must have the same effect as done once."""
    logged = sum(found["events_logged_again"].values())
    again = sum(max(0, times) for times in found["handed_again"].values())
    return int(logged + max(again, found["documents_written_again"]) + noted["taken and not done"])


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fault", choices=FAULTS, required=True)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--articles", type=int, default=20_000)
    parser.add_argument("--away", type=float, default=60.0, help="seconds, for elasticsearch-away")
    parser.add_argument("--patience", type=float, default=600.0, help="seconds to wait for the end of the work")
    parser.add_argument("--state", type=Path, help="folder of a stack to use, which is left running")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(given.state or Path(folder, "stack"), Options(brokers=0 if given.state else 3))
        try:
            stack.up()
            figures = run(
                given.fault,
                times=given.times,
                articles=given.articles,
                folder=Path(folder),
                bootstrap=stack.bootstrap,
                url=stack.url,
                stack=stack,
                away=given.away,
                patience=given.patience,
            )
        finally:
            if not given.state:
                stack.down(grace=2)
    print(json.dumps(figures, indent=2))
    return int(bool(figures["wrong"]))


if __name__ == "__main__":
    sys.exit(main())
