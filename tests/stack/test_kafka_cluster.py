"""Three brokers, three copies: one of them may die in the middle of it."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from deploy.stack.stack import Stack
from tests.stack.kafka import Member, specs

from heliograph.core.event import ARTICLES
from heliograph.errors import LogUnavailable
from heliograph.eventlog.kafka import KafkaLog
from heliograph.eventlog.port import Entry
from heliograph.runtime import kafka as clients
from heliograph.settings import KafkaSettings

THREADS = 4
ROUNDS = 10


class Writer(threading.Thread):
    """Appends one event after the other, each until it is acknowledged, and tells how many there are."""

    def __init__(self, log: KafkaLog, number: int, until: threading.Event) -> None:
        super().__init__()
        self._log, self._number, self._until = log, number, until
        self.acknowledged: list[str] = []
        self.failures = 0
        self.moved = threading.Condition()

    def run(self) -> None:
        while not self._until.is_set():
            name = f"{self._number}-{len(self.acknowledged)}"
            try:
                self._log.append(ARTICLES, [Entry(name, name, name.encode())])
            except LogUnavailable:
                self.failures += 1
                continue
            with self.moved:
                self.acknowledged.append(name)
                self.moved.notify_all()

    def wait_for(self, count: int) -> None:
        """Return once this many more are acknowledged."""
        with self.moved:
            wanted = len(self.acknowledged) + count
            assert self.moved.wait_for(lambda: len(self.acknowledged) >= wanted, 120), self.failures


def leader(settings: KafkaSettings, topic: str) -> int:
    """Return the broker that leads the topic's first partition."""
    admin = clients.admin(settings)
    try:
        [found] = admin.describe_topics([settings.topic_prefix + topic])
        return int(found["partitions"][0]["leader_id"])
    finally:
        admin.close()


@pytest.mark.timeout(1200)
def test_topics_just_made_are_found_as_declared_whichever_broker_is_asked(make_stack: Callable[..., Stack]) -> None:
    """A broker that has not heard of a topic yet says that it is missing, or that it has no configuration."""
    stack = make_stack(brokers=3)
    stack.up(only="kafka")
    for round_ in range(ROUNDS):
        settings = KafkaSettings(bootstrap=stack.bootstrap, replication=3, topic_prefix=f"round{round_}.")
        made, other = KafkaLog(settings, topics=specs()), KafkaLog(settings, topics=specs())
        try:
            assert (made.prepare(), made.check(), other.check(), other.prepare()) == ([], [], [], [])
        finally:
            made.close()
            other.close()


@pytest.mark.timeout(1200)
def test_a_leader_that_is_killed_takes_no_acknowledged_event_along(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack(brokers=3)
    stack.up(only="kafka")
    settings = KafkaSettings(bootstrap=stack.bootstrap, replication=3, session_timeout="10s")
    log, stop = KafkaLog(settings, topics=specs()), threading.Event()
    assert log.prepare() == []
    reading = Member(log)
    writers = [Writer(log, number, stop) for number in range(THREADS)]
    try:
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.wait_for(25)
        victim = f"kafka-{leader(settings, ARTICLES)}"
        stack.kill(victim)
        for writer in writers:
            writer.wait_for(25)
        stack.start(victim)
        for writer in writers:
            writer.wait_for(25)
        stop.set()
        for writer in writers:
            writer.join()
        acknowledged = {name for writer in writers for name in writer.acknowledged}
        reading.wait_for(acknowledged)
        found = [message.id for message in log.scan(ARTICLES)]
        assert acknowledged <= set(found)
        for number in range(THREADS):
            own = [name for name in dict.fromkeys(found) if name.startswith(f"{number}-")]
            assert len(own) >= 75
    finally:
        stop.set()
        reading.stop()
        log.close()
