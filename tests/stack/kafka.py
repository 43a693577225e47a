"""Logs on a shared broker for one test, on topics of their own that are gone afterwards, and readers at work."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import msgspec

from heliograph.errors import LogUnavailable
from heliograph.eventlog.kafka import KafkaLog
from heliograph.eventlog.kafka_topics import Spec, declared
from heliograph.eventlog.port import Entry, Message
from heliograph.runtime import kafka as clients
from heliograph.settings import KafkaSettings

PATIENCE = 90


def kafka_settings(bootstrap: str, **other: Any) -> KafkaSettings:
    """Return settings with a prefix of their own."""
    return KafkaSettings(bootstrap=bootstrap, topic_prefix=f"t-{uuid4().hex[:12]}.", **other)


def specs(partitions: int | None = None) -> dict[str, Spec]:
    """Return the declared topics, kept for ever: tests tell the time themselves, and the broker must not age by it."""
    return {
        name: msgspec.structs.replace(spec, retention_days=None, partitions=partitions or spec.partitions)
        for name, spec in declared().items()
    }


@contextmanager
def kafka_log(
    bootstrap: str,
    *,
    partitions: int | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    settings: KafkaSettings | None = None,
) -> Iterator[KafkaLog]:
    """Yield a log on topics of its own, and drop them afterwards."""
    access = settings or kafka_settings(bootstrap)
    log = KafkaLog(access, now=now, topics=specs(partitions))
    try:
        yield log
    finally:
        log.close()
        drop_topics(access)


def drop_topics(access: KafkaSettings) -> None:
    """Delete every topic and group of this prefix."""
    admin = clients.admin(access)
    try:
        mine = [name for name in admin.list_topics() if name.startswith(access.topic_prefix)]
        if mine:
            admin.delete_topics(mine)
        groups = [group["group_id"] for group in admin.list_groups()]
        gone = [name for name in groups if name.startswith(access.topic_prefix)]
        if gone:
            admin.delete_groups(gone)
    finally:
        admin.close()


def entries(prefix: str, count: int) -> list[Entry]:
    return [Entry(f"{prefix}-{n}", f"key-{n}", f"{prefix} {n}".encode()) for n in range(count)]


def wanted(prefix: str, count: int) -> set[str]:
    return {entry.id for entry in entries(prefix, count)}


class Member:
    """A reader at work in a thread of its own: reads, notes, commits."""

    def __init__(self, log: KafkaLog, topic: str = "articles", group: str = "g") -> None:
        self.got: list[Message] = []
        self.errors: list[LogUnavailable] = []
        self.reader = log.reader(topic, group)
        self._moved = threading.Condition()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def wait(self, until: Callable[[], bool]) -> None:
        """Return once it is so; looked at after each read."""
        with self._moved:
            assert self._moved.wait_for(until, PATIENCE), f"{len(self.got)} messages, epoch {self.reader.epoch}"

    def wait_for(self, names: Iterable[str], *others: Member) -> None:
        missing = set(names)
        self.wait(lambda: missing <= {m.id for member in (self, *others) for m in member.got})

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()
        self.reader.close()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                found = self.reader.read(50, 0.2)
                with self._moved:
                    self.got += found
                    self._moved.notify_all()
                self.reader.commit(found)
            except LogUnavailable as error:
                with self._moved:
                    self.errors.append(error)
                    self._moved.notify_all()
