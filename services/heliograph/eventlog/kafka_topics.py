"""The topics on Kafka: what `schemas/kafka/topics.yaml` declares, made where missing, compared where there."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from functools import cache
from typing import Any, Final, Literal, TypeVar

import msgspec
import yaml
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import InvalidReplicationFactorError, TopicAlreadyExistsError

from heliograph.errors import LogUnavailable
from heliograph.runtime.kafka import Access
from heliograph.schemas import schema_folder

_SECONDS: Final = 30
"""How long brokers are given to make a topic known among them."""
_HEARSAY: Final = 3.0
"""Seconds after which a topic that no broker knows is missing: one may hear of it later than the one that made it."""
_AGAIN: Final = 0.1
_DAY_MS: Final = 86_400_000
_FOR_EVER: Final = -1
_COMPACTION: Final = {"min.cleanable.dirty.ratio": "0.1", "segment.ms": "3600000"}
"""A compacted topic is read whole at every start: it is kept short. What is written within the hour is not compacted;
5,000 feeds that are polled every ten minutes write 30,000 states in it."""
T = TypeVar("T")


class Spec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one topic is to be; the file explains each field."""

    partitions: int
    key: str
    cleanup: Literal["delete", "compact"]
    min_insync: int
    max_message_bytes: int
    why: str
    retention_days: float | None = None
    """None: for ever."""

    @property
    def compacted(self) -> bool:
        """Whether the last value of each key stays; such a topic is not trimmed by age."""
        return self.cleanup == "compact"


@cache
def declared() -> Mapping[str, Spec]:
    """Return every topic of `schemas/kafka/topics.yaml` by its name without prefix."""
    raw = yaml.safe_load((schema_folder() / "kafka" / "topics.yaml").read_text("utf-8"))
    return msgspec.convert(raw, dict[str, Spec])


def kept_at_least(specs: Mapping[str, Spec], kept: Mapping[str, timedelta]) -> dict[str, Spec]:
    """Return the topics with retentions no shorter than the settings say, so that no broker forgets earlier."""
    found = dict(specs)
    for topic, span in kept.items():
        spec = found[topic]
        if spec.retention_days is not None:
            days = max(spec.retention_days, span / timedelta(days=1))
            found[topic] = msgspec.structs.replace(spec, retention_days=days)
    return found


def config(spec: Spec, replication: int) -> dict[str, str]:
    """Return the topic's configuration in Kafka's words.

    One copy may always be away: where there are too few for `min_insync`, fewer are asked for.
    """
    retention = _FOR_EVER if spec.retention_days is None else int(spec.retention_days * _DAY_MS)
    return {
        "cleanup.policy": spec.cleanup,
        "retention.ms": str(retention),
        "min.insync.replicas": str(min(spec.min_insync, max(1, replication - 1))),
        "max.message.bytes": str(spec.max_message_bytes),
        "message.timestamp.type": "CreateTime",
        **(_COMPACTION if spec.compacted else {}),
    }


def differences(name: str, spec: Spec, partitions: int, replication: int, found: Mapping[str, str]) -> Iterator[str]:
    """Yield a line for each way in which a topic that is there falls short of what is declared."""
    if partitions != spec.partitions:
        yield f"{name}: {partitions} partitions instead of {spec.partitions}"
    wanted = config(spec, replication)
    if (policy := found.get("cleanup.policy")) != spec.cleanup:
        yield f"{name}: cleanup.policy is {policy} instead of {spec.cleanup}"
    for key in ("retention.ms", "min.insync.replicas", "max.message.bytes"):
        if _size(found.get(key)) < _size(wanted[key]):
            yield f"{name}: {key} is {found.get(key)}, less than {wanted[key]}"


def _size(value: str | None) -> float:
    # A retention of -1 is for ever; everything else that is compared here is positive.
    number = int(value or 0)
    return float("inf") if number == _FOR_EVER else number


def ensure(admin: KafkaAdminClient, access: Access, specs: Mapping[str, Spec], wait: float = _SECONDS) -> list[str]:
    """Create the topics that are missing and return how those that were there differ, a line each.

    Raises LogUnavailable where there are fewer brokers than copies asked for; else the client's own errors.
    """
    known = _described(admin, access, specs)
    missing = {access.topic_prefix + topic: spec for topic, spec in specs.items() if topic not in known}
    for name, spec in missing.items():
        _create(admin, access, name, spec)
    if missing:
        admin.wait_for_topics(list(missing), timeout_ms=int(wait * 1000))
    return list(_compared(access, specs, known, _configs(admin, access, known)))


def check(admin: KafkaAdminClient, access: Access, specs: Mapping[str, Spec]) -> list[str]:
    """Return a line for each topic that is missing or differs; makes nothing."""
    known = heard(lambda left: _described(admin, access, left), specs)
    missing = [f"{access.topic_prefix}{topic}: missing" for topic in specs if topic not in known]
    return missing + list(_compared(access, specs, known, _configs(admin, access, known)))


def _create(admin: KafkaAdminClient, access: Access, name: str, spec: Spec) -> None:
    wanted = {
        "num_partitions": spec.partitions,
        "replication_factor": access.replication,
        "configs": config(spec, access.replication),
    }
    try:
        admin.create_topics({name: wanted})
    except TopicAlreadyExistsError:
        # Another service of ours has started at the same moment.
        return
    except InvalidReplicationFactorError as error:
        raise LogUnavailable(
            f"Kafka at {access.bootstrap}: too few brokers for {access.replication} copies of {name}; "
            "start them, or set `kafka.replication`"
        ) from error


def _described(admin: KafkaAdminClient, access: Access, topics: Iterable[str]) -> dict[str, dict[str, Any]]:
    names = {access.topic_prefix + topic: topic for topic in topics}
    return {names[found["name"]]: found for found in admin.describe_topics(list(names)) if not found["error_code"]}


def _configs(admin: KafkaAdminClient, access: Access, topics: Iterable[str]) -> dict[str, dict[str, str]]:
    def ask(left: Iterable[str]) -> dict[str, dict[str, str]]:
        names = {access.topic_prefix + topic: topic for topic in left}
        asked = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
        found = admin.describe_configs(asked, config_filter="all")["topic"]
        # A broker that does not know a topic answers with an empty configuration, and the client lets it pass.
        values = {topic: {key: entry["value"] for key, entry in found[name].items()} for name, topic in names.items()}
        return {topic: config for topic, config in values.items() if config}

    return heard(ask, topics)


def heard(
    ask: Callable[[Iterable[str]], Mapping[str, T]], topics: Iterable[str], patience: float = _HEARSAY
) -> dict[str, T]:
    """Return what any broker knew of the topics: each `ask` may reach another one, and is told what is still unknown.

    What none knew within `patience` seconds is left out.
    """
    left, found = set(topics), dict[str, T]()
    deadline = time.monotonic() + patience
    while left:
        found |= ask(sorted(left))
        left -= found.keys()
        if not left or time.monotonic() >= deadline:
            break
        # Metadata travel among the brokers by themselves, and no answer waits for them.
        time.sleep(_AGAIN)
    return found


def _compared(
    access: Access,
    specs: Mapping[str, Spec],
    known: Mapping[str, dict[str, Any]],
    configs: Mapping[str, Mapping[str, str]],
) -> Iterator[str]:
    for topic, found in known.items():
        partitions = found["partitions"]
        copies = min((len(partition["replica_nodes"]) for partition in partitions), default=0)
        name = access.topic_prefix + topic
        if copies < access.replication:
            yield f"{name}: {copies} copies instead of {access.replication}"
        if topic not in configs:
            yield f"{name}: missing"
            continue
        yield from differences(name, specs[topic], len(partitions), copies, configs[topic])
