"""Topics of its own for each test of the ledger, on the real broker."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from heliograph.eventlog.kafka_topics import declared, ensure
from heliograph.runtime.kafka import admin
from heliograph.settings import KafkaSettings

_USED = ("feeds", "articles", "dead-letters")


@contextmanager
def feeds_topic(bootstrap: str, **settings: Any) -> Iterator[KafkaSettings]:
    """Give settings whose topic prefix is new and whose topics of collection are there; they are deleted in the end."""
    access = KafkaSettings(bootstrap=bootstrap, topic_prefix=f"test-{uuid4().hex[:12]}.", **settings)
    specs = {topic: spec for topic, spec in declared().items() if topic in _USED}
    client = admin(access)
    ensure(client, access, specs)
    try:
        yield access
    finally:
        client.delete_topics([access.topic_prefix + topic for topic in specs])
        client.close()
