"""The one place that makes Kafka clients, so that all of them agree on patience, safety and names.

kafka-python is imported when the first client is made: the embedded tier starts without it. What a client raises is
turned into our error tree by `named`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from heliograph.errors import LogUnavailable, Unavailable

if TYPE_CHECKING:
    from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
    from kafka.structs import TopicPartition

CLIENT = "heliograph"
_RECONNECT_MS = 1_000
"""Longest wait between tries to connect: soon after a broker is back, so are we."""
_SENDER_ENDS = 1.0
T = TypeVar("T")


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
    return _made(KafkaProducer, access, **{**defaults, **options})


def end_producer(producer: KafkaProducer, patience: float) -> None:
    """Close a producer: what it has not sent after `patience` seconds fails.

    One whose append has failed must be closed with a patience of 0 and replaced: once a batch has expired on its way to
    a broker that stood still, kafka-python 3.0 sends nothing of that partition any more, even when the broker is back.
    Its own `close` would wait for that batch, and raise, and try again when it is collected.
    """
    from kafka.errors import KafkaError

    try:
        if patience > 0:
            producer.flush(timeout=patience)
    except KafkaError:
        pass  # the callers that wait for these records hear of it
    finally:
        producer._sender.force_close()
        producer._sender.join(_SENDER_ENDS)
        producer.close(timeout=0)


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
    return _made(KafkaConsumer, access, *topics, **{**defaults, **options})


def poll(member: KafkaConsumer, timeout: float, limit: int) -> dict[TopicPartition, list[Any]]:
    """Return up to `limit` records for a member of a group, waiting up to `timeout` seconds for the first.

    A join that one poll has no time to end is gone on with by the next. kafka-python 3.0.12 does not do so by itself
    where new metadata made it join: it believes to be a member then, without a heartbeat and without a share.
    """
    coordinator = member._coordinator
    if coordinator.rejoining:
        coordinator.rejoin_needed = True
    found: dict[TopicPartition, list[Any]] = member.poll(timeout_ms=int(timeout * 1000), max_records=limit)
    return found


def admin(access: Access, **options: Any) -> KafkaAdminClient:  # noqa: ANN401 - the client's own options
    """Return a client for topics and groups."""
    from kafka import KafkaAdminClient

    return _made(KafkaAdminClient, access, **options)


def _made(kind: Callable[..., T], access: Access, *topics: str, **options: Any) -> T:  # noqa: ANN401 - as above
    """Return a client; one that cannot reach its brokers leaves no thread behind that goes on trying."""
    from kafka.net.compat import KafkaNetClient

    networks: list[KafkaNetClient] = []

    def network(**configs: Any) -> KafkaNetClient:  # noqa: ANN401 - as above
        networks.append(KafkaNetClient(**configs))
        return networks[-1]

    defaults = {"bootstrap_servers": brokers(access), "client_id": CLIENT, "reconnect_backoff_max_ms": _RECONNECT_MS}
    try:
        return kind(*topics, **{**defaults, **options, "kafka_client": network})
    except BaseException:
        for opened in networks:
            opened.close()
        raise


@contextmanager
def named(access: Access, what: str, error: Callable[[str], Unavailable] = LogUnavailable) -> Iterator[None]:
    """Turn what a client raises into Unavailable, or the heir of it that is asked for; `what` is what was tried."""
    from kafka.errors import KafkaError

    try:
        yield
    except (KafkaError, OSError) as cause:
        reason = str(cause) if isinstance(cause, KafkaError) else f"{type(cause).__name__}: {cause}"
        raise error(
            f"Kafka at {access.bootstrap}: cannot {what}: {reason.splitlines()[0][:200]}; "
            "check that its brokers run and `kafka.bootstrap` names them"
        ) from cause
