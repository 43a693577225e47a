"""Faults while articles flow: each is done so many times, then everything is counted.

    python tests/stack/faults/faults.py --fault kill-service --times 20 --articles 20000

starts three brokers and an Elasticsearch of its own (`--state` names the folder of a stack that is there already),
prints the figures as JSON, and exits 1 where a promise is broken.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).resolve().parents[3]), str(Path(__file__).resolve().parents[3] / "services")]

from deploy.stack.stack import Options, Stack
from tests.stack.faults.audit import audit, settle
from tests.stack.faults.newsroom import WRITERS, Newsroom
from tests.stack.lossy import LOSE, PASS, REFUSE, Lossy
from tests.stories.desk import wait_for

from heliograph.core.event import ARTICLES, FLAGGED, MATCHES
from heliograph.runtime import kafka as clients

SEED = 20261122
VICTIMS = ("detect", "stories", "index", "alert", "web")
READS: dict[str, tuple[tuple[str, str], ...]] = {
    "detect": ((ARTICLES, "detect"),),
    "stories": ((MATCHES, "stories"),),
    "index": ((ARTICLES, "index-archive"), (FLAGGED, "index-flagged")),
    "alert": ((FLAGGED, "alert"),),
}
"""What each service reads, and in which group."""
PATIENCE = 20.0
"""Seconds to wait for the moment at which a fault bites; past it, it comes at whatever moment it is."""


@dataclass
class Trial:
    """One fault, its servers, and what is noted on the way."""

    room: Newsroom
    stack: Stack | None
    times: int
    per_turn: int
    away: float = 60.0
    """Seconds that Elasticsearch is away."""
    chance: random.Random = field(default_factory=lambda: random.Random(SEED))
    noted: Counter[str] = field(default_factory=Counter)

    def pause(self, least: float, most: float) -> None:
        """Let some time pass."""
        threading.Event().wait(self.chance.uniform(least, most))

    @property
    def servers(self) -> Stack:
        """The servers that may be killed."""
        assert self.stack is not None, "this fault needs servers of its own"
        return self.stack


def kill_service(trial: Trial, turn: int) -> None:
    """Kill -9 each service in turn: now at any moment, now right after an effect and before its position is kept."""
    for victim in VICTIMS:
        service = trial.room.services[victim]
        trial.room.feeder.release(trial.per_turn // len(VICTIMS))
        if turn % 2 or not _after_effect(trial, victim):
            trial.pause(0.0, 1.5)
        service.kill()
        for topic, group in READS.get(victim, ()):
            trial.noted[f"uncommitted {victim}"] += trial.room.world.log.reader(topic, group).lag().events
        service.start()
        service.wait_ready()


def _after_effect(trial: Trial, victim: str) -> bool:
    """Return right after the service did something; False where it has no effects or did nothing in time."""
    tail = {"detect": MATCHES, "stories": FLAGGED}.get(victim)
    if tail is not None:
        return trial.room.tails[tail].wait_for_more(PATIENCE)
    way = trial.room.ways.get(victim)
    return way is not None and _lose_next(way)


def _lose_next(way: Lossy) -> bool:
    """Lose the answer to the next bulk request; tell whether there was one."""
    turns = itertools.count()
    with way.changed:
        before = way.lost
        way.rule = lambda _, path: LOSE if "_bulk" in path and next(turns) == 0 else PASS
        found = way.changed.wait_for(lambda: way.lost > before, PATIENCE)
        way.rule = lambda _method, _path: PASS
    return found


def kill_broker(trial: Trial, turn: int) -> None:
    """Kill -9 one broker after the other, and start it again."""
    victim = _disturb(trial, turn)
    trial.servers.kill(victim)
    trial.pause(0.5, 4.0)
    trial.servers.start(victim)
    wait_for(lambda: _in_sync(trial), 180, f"all copies in step after {victim}")


def stop_broker(trial: Trial, turn: int) -> None:
    """SIGSTOP a broker: it keeps its connections and answers nobody, for longer than a session lasts."""
    victim = _disturb(trial, turn)
    trial.servers.pause(victim)
    trial.pause(7.0, 14.0)
    trial.servers.resume(victim)
    wait_for(lambda: _in_sync(trial), 180, f"all copies in step after {victim}")


def _disturb(trial: Trial, turn: int) -> str:
    trial.room.feeder.release(trial.per_turn)
    trial.pause(0.2, 2.0)
    return f"kafka-{turn % 3 + 1}"


def _in_sync(trial: Trial) -> bool:
    """Tell whether every copy of every partition is in step."""
    access = trial.room.settings.kafka
    admin = clients.admin(access)
    try:
        mine = [name for name in admin.list_topics() if name.startswith(access.topic_prefix)]
        parts = [part for topic in admin.describe_topics(mine) for part in topic["partitions"]]
        return all(len(part["isr_nodes"]) == len(part["replica_nodes"]) for part in parts)
    finally:
        admin.close()


def kill_elasticsearch(trial: Trial, _turn: int) -> None:
    """Kill -9 Elasticsearch and start it again at once."""
    trial.room.feeder.release(trial.per_turn)
    trial.pause(0.5, 3.0)
    trial.servers.kill("elasticsearch")
    trial.servers.start("elasticsearch")


def elasticsearch_away(trial: Trial, _turn: int) -> None:
    """Elasticsearch refuses everybody for a while; what comes meanwhile must wait for it."""
    trial.room.feeder.release(trial.per_turn)
    trial.pause(0.5, 2.0)
    for way in trial.room.ways.values():
        way.rule = lambda _method, _path: REFUSE
    trial.pause(trial.away, trial.away)
    for way in trial.room.ways.values():
        way.rule = lambda _method, _path: PASS


def lose_replies(trial: Trial, turn: int) -> None:
    """Lose the replies to bulk requests that were carried out: one, for each turn."""
    trial.room.feeder.release(trial.per_turn)
    ways = trial.room.ways
    way = ways[WRITERS[turn % len(WRITERS)]]
    trial.noted["in time"] += _lose_next(way)


def rebalance(trial: Trial, turn: int) -> None:
    """Have a member join a group, take a share, and leave it without having done anything: two rebalances."""
    trial.room.feeder.release(trial.per_turn)
    topic, group = (*READS["index"], *READS["alert"], ("", "detect"))[turn % 4]
    if topic:
        reader = trial.room.world.log.reader(topic, group)
        until = time.monotonic() + PATIENCE
        took = 0
        while not took and time.monotonic() < until:
            took = len(reader.read(50, 0.5))
        trial.noted["taken and not done"] += took
        trial.noted["rebalances"] += 2 if reader.epoch else 0
        reader.close()
        return
    second = trial.room.service("detect", f"detect-{turn}")
    second.start()
    second.wait_ready()
    until = time.monotonic() + PATIENCE
    while not second.handled() and time.monotonic() < until:
        trial.pause(0.1, 0.1)
    trial.noted["rebalances"] += 2
    second.kill()


@dataclass(frozen=True)
class Fault:
    """One kind of fault, and the newsroom that it needs."""

    do: Callable[[Trial, int], None]
    proxied: bool = False
    static: bool = False


FAULTS = {
    "kill-service": Fault(kill_service, proxied=True, static=True),
    "kill-broker": Fault(kill_broker),
    "stop-broker": Fault(stop_broker),
    "kill-elasticsearch": Fault(kill_elasticsearch),
    "elasticsearch-away": Fault(elasticsearch_away, proxied=True),
    "lose-replies": Fault(lose_replies, proxied=True),
    "rebalance": Fault(rebalance),
}


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
