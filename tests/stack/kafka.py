"""Logs on a shared broker for one test: topics of their own, gone afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import msgspec

from heliograph.eventlog.kafka import KafkaLog
from heliograph.eventlog.kafka_topics import Spec, declared
from heliograph.runtime import kafka as clients
from heliograph.settings import KafkaSettings


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
