"""Records of Kafka as messages of ours, and what is read without being a member of a group: scans, and moments."""

from __future__ import annotations

import heapq
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from kafka import KafkaAdminClient, KafkaConsumer
from kafka.errors import CoordinatorLoadInProgressError, CoordinatorNotAvailableError, NotCoordinatorError
from kafka.structs import TopicPartition

from heliograph.errors import LogUnavailable
from heliograph.eventlog.port import Entry, Message
from heliograph.runtime import kafka as clients

ID: Final = "id"
"""The header that carries an event's id; the others are for people and for tools."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_POLL_MS: Final = 500
_CHUNK: Final = 500
_FULL: Final = 2_000
"""Messages of one partition that a scan holds while it waits for another's."""
_REMEMBERED: Final = 10_000
_PAUSE: Final = 0.2
"""Seconds between two questions to brokers that are not ready yet."""

Spans = Mapping[TopicPartition, tuple[int, int]]


def milliseconds(moment: datetime) -> int:
    """Return a moment as Kafka has it, rounded down; exact, unlike a float."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def moment(stamp: int) -> datetime:
    """Return a time of Kafka's, in UTC."""
    return _EPOCH + timedelta(milliseconds=stamp)


def headers_of(entry: Entry) -> list[tuple[str, bytes]]:
    """Return the headers of an entry: its id, then those it carries."""
    return [(ID, entry.id.encode()), *((name, value.encode()) for name, value in entry.headers)]


def message(topic: str, record: Any) -> Message:  # noqa: ANN401 - the client has no types
    """Return a record as a message; one that another program wrote without an id is named by its place."""
    found = next((value for name, value in record.headers if name == ID), None)
    event_id = found.decode(errors="replace") if found else f"{topic}/{record.partition}/{record.offset}"
    key = (record.key or b"").decode(errors="replace")
    return Message(topic, record.partition, record.offset, event_id, key, record.value or b"", moment(record.timestamp))


def committed(
    admin: KafkaAdminClient, group: str, parts: Iterable[TopicPartition], patience: float
) -> dict[TopicPartition, int]:
    """Return where a group stands in each partition; -1 where it has committed nothing.

    Brokers that have just started are asked again for `patience` seconds: it takes them a moment until one of them
    answers for the group.
    """
    asked, until = list(parts), time.monotonic() + patience
    while True:
        try:
            found = admin.list_group_offsets({group: asked})[group]
        except (CoordinatorNotAvailableError, CoordinatorLoadInProgressError, NotCoordinatorError):
            if time.monotonic() > until:
                raise
            # A group's broker is elected without a word to those who ask for it.
            time.sleep(_PAUSE)
        else:
            return {part: found[part].offset if part in found else -1 for part in asked}


def scan(access: clients.Access, topic: str, spans: Spans, patience: float) -> Iterator[Message]:
    """Yield the messages of each partition from its first offset up to its last, not included, merged by time.

    Raises LogUnavailable where nothing came for `patience` seconds.
    """
    if not spans:
        return
    with clients.named(access, f"scan {topic}"):
        consumer = clients.consumer(access, bootstrap_timeout_ms=int(patience * 1000), max_poll_records=_CHUNK)
    try:
        yield from _Merge(access, consumer, topic, spans, patience)
    finally:
        consumer.close(autocommit=False)


class _Merge:
    """Reads partitions side by side and hands out the earliest of their next messages."""

    def __init__(
        self, access: clients.Access, consumer: KafkaConsumer, topic: str, spans: Spans, patience: float
    ) -> None:
        self._access, self._consumer, self._topic, self._patience = access, consumer, topic, patience
        self._ends = {part: end for part, (_, end) in spans.items()}
        self._held: dict[TopicPartition, deque[Message]] = {part: deque() for part in spans}
        consumer.assign(list(spans))
        for part, (start, _) in spans.items():
            consumer.seek(part, start)

    def __iter__(self) -> Iterator[Message]:
        heads: list[tuple[datetime, int, TopicPartition]] = []
        wanting = set(self._held)
        while True:
            for part in self._filled(wanting):
                first = self._held[part][0]
                heapq.heappush(heads, (first.time, part.partition, part))
            if not heads:
                return
            _, _, part = heapq.heappop(heads)
            yield self._held[part].popleft()
            if self._held[part]:
                heapq.heappush(heads, (self._held[part][0].time, part.partition, part))
                wanting = set()
            else:
                wanting = {part}

    def _filled(self, wanting: set[TopicPartition]) -> set[TopicPartition]:
        """Wait until each of these partitions has a message or is at its end; return those that have one."""
        deadline = time.monotonic() + self._patience
        while lacking := {part for part in wanting if not self._held[part] and part in self._ends}:
            # Who is far ahead waits for the others: memory stays bounded however uneven the partitions are.
            ahead = {part for part in self._ends if len(self._held[part]) >= _FULL}
            self._consumer.resume(*(self._ends.keys() - ahead))
            self._consumer.pause(*ahead)
            if self._take():
                deadline = time.monotonic() + self._patience
            elif time.monotonic() > deadline:
                names = ", ".join(str(part.partition) for part in sorted(lacking))
                raise LogUnavailable(
                    f"Kafka at {self._access.bootstrap}: nothing came of {self._topic}, partitions {names}, "
                    f"for {self._patience:g} s; check its brokers"
                )
        return {part for part in wanting if self._held[part]}

    def _take(self) -> bool:
        """Read a little more; True where anything moved."""
        with clients.named(self._access, f"scan {self._topic}"):
            found = self._consumer.poll(timeout_ms=_POLL_MS)
            for part, records in found.items():
                end = self._ends.get(part, 0)
                self._held[part].extend(message(self._topic, r) for r in records if r.offset < end)
            # The position, not the last offset: compaction leaves gaps, even at the end.
            moved = [part for part in self._ends if not found or part in found]
            done = [part for part in moved if self._consumer.position(part, timeout_ms=5_000) >= self._ends[part]]
        for part in done:
            del self._ends[part]
            self._consumer.pause(part)
        return bool(found or done)


class Lookup:
    """Tells when the events at some places were appended; remembers, since a place never changes. Not for threads."""

    def __init__(self, access: clients.Access) -> None:
        # One byte at most: the broker sends one batch all the same, and no more.
        self._consumer = clients.consumer(
            access, max_partition_fetch_bytes=1, fetch_max_bytes=1, bootstrap_timeout_ms=10_000
        )
        self._known: dict[tuple[TopicPartition, int], datetime] = {}

    def oldest(self, places: Mapping[TopicPartition, int], patience: float) -> datetime | None:
        """Return the earliest time of the events at or next behind these places; None where there is none any more."""
        if len(self._known) > _REMEMBERED:
            self._known.clear()
        found = [self._time(part, offset, patience) for part, offset in places.items()]
        return min((one for one in found if one is not None), default=None)

    def _time(self, part: TopicPartition, offset: int, patience: float) -> datetime | None:
        known = self._known.get((part, offset))
        if known is not None:
            return known
        self._consumer.assign([part])
        self._consumer.seek(part, offset)
        records = self._consumer.poll(timeout_ms=int(patience * 1000), max_records=1).get(part, [])
        if not records:
            return None
        self._known[part, offset] = found = moment(records[0].timestamp)
        return found

    def close(self) -> None:
        """Close the client."""
        self._consumer.close(autocommit=False)
