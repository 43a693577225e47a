"""The one place that makes Kafka clients, so that all of them agree on patience, safety and names.

kafka-python is imported when the first client is made: the embedded tier starts without it. What a client raises is
turned into our error tree by `named`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol

from heliograph.errors import LogUnavailable, Unavailable

if TYPE_CHECKING:
    from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer

CLIENT = "heliograph"


class Access(Protocol):
    """Where Kafka is and what is ours in it: the table `[kafka]` of the settings."""

    @property
    def bootstrap(self) -> str: ...
    @property
    def topic_prefix(self) -> str: ...
    @property
    def replication(self) -> int: ...
    @property
    def session_timeout(self) -> timedelta: ...
    @property
    def append_timeout(self) -> timedelta: ...
    @property
    def instance(self) -> str: ...


def brokers(access: Access) -> list[str]:
    """Return the brokers to ask first."""
    return [part.strip() for part in access.bootstrap.split(",") if part.strip()]


def producer(access: Access, **options: Any) -> KafkaProducer:  # noqa: ANN401 - the client's own options
    """Return an idempotent producer that waits for all replicas; see KafkaProducer for further options."""
    from kafka import KafkaProducer

    wait = int(access.append_timeout.total_seconds() * 1000)
    defaults: dict[str, Any] = {
        "acks": "all",
        "enable_idempotence": True,
        "compression_type": "zstd",
        "allow_auto_create_topics": False,
        "delivery_timeout_ms": wait,
        "max_block_ms": wait,
        "request_timeout_ms": min(wait, 10_000),
    }
    return KafkaProducer(bootstrap_servers=brokers(access), client_id=CLIENT, **{**defaults, **options})


def consumer(access: Access, *topics: str, **options: Any) -> KafkaConsumer:  # noqa: ANN401 - the client's own options
    """Return a consumer that commits nothing by itself and starts at the oldest record.

    One with a `group_id` is a member: cooperative-sticky, and static where `access.instance` names it.
    """
    from kafka import KafkaConsumer

    defaults: dict[str, Any] = {
        "enable_auto_commit": False,
        "auto_offset_reset": "earliest",
        "allow_auto_create_topics": False,
    }
    if "group_id" in options:
        from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor

        session = int(access.session_timeout.total_seconds() * 1000)
        defaults |= {
            "partition_assignment_strategy": [CooperativeStickyAssignor],
            "session_timeout_ms": session,
            "heartbeat_interval_ms": min(3_000, session // 5),
            "group_instance_id": f"{options['group_id']}.{access.instance}" if access.instance else None,
        }
    return KafkaConsumer(*topics, bootstrap_servers=brokers(access), client_id=CLIENT, **{**defaults, **options})


def admin(access: Access, **options: Any) -> KafkaAdminClient:  # noqa: ANN401 - the client's own options
    """Return a client for topics and groups."""
    from kafka import KafkaAdminClient

    return KafkaAdminClient(bootstrap_servers=brokers(access), client_id=CLIENT, **options)


@contextmanager
def named(access: Access, what: str, error: Callable[[str], Unavailable] = LogUnavailable) -> Iterator[None]:
    """Turn what a client raises into Unavailable, or the heir of it that is asked for; `what` is what was tried."""
    from kafka.errors import KafkaError

    try:
        yield
    except (KafkaError, OSError) as cause:
        reason = f"{type(cause).__name__}: {cause}".splitlines()[0][:200]
        raise error(f"Kafka at {access.bootstrap}: {what} failed: {reason}; check `kafka.bootstrap`") from cause
