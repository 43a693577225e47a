"""The kinds of fault: each disturbs the newsroom once a turn, while articles flow through it."""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from deploy.stack.stack import Stack
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
