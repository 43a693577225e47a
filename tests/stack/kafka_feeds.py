"""A topic of feeds of its own for each test, on the real broker."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from heliograph.runtime.kafka import admin
from heliograph.settings import KafkaSettings


@contextmanager
def feeds_topic(bootstrap: str, **settings: Any) -> Iterator[KafkaSettings]:
    """Give settings whose topic prefix is new, and its topic `feeds` is there; it is deleted in the end."""
    from kafka.admin import NewTopic

    access = KafkaSettings(bootstrap=bootstrap, topic_prefix=f"test-{uuid4().hex[:12]}.", **settings)
    client = admin(access)
    name = f"{access.topic_prefix}feeds"
    client.create_topics([NewTopic(name, 12, 1, topic_configs={"cleanup.policy": "compact"})])
    try:
        yield access
    finally:
        client.delete_topics([name])
        client.close()
