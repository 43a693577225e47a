"""The event log on Kafka: topics with partitions, shared out among the members of a group.

What differs from the logs of one machine: an id that the topic holds already is appended again (consumers work by id);
order holds within a key, and a scan orders across partitions by time; the broker drops by age as well, never earlier
than the settings say. Times are those of the appending process's clock, in milliseconds.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar

from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import OffsetSpec
from kafka.errors import KafkaError, KafkaTimeoutError, MessageSizeTooLargeError
from kafka.structs import TopicPartition

from heliograph.errors import BadInput, UsageError
from heliograph.eventlog import kafka_topics
from heliograph.eventlog.kafka_reader import KafkaReader
from heliograph.eventlog.kafka_records import Lookup, committed, headers_of, milliseconds, scan
from heliograph.eventlog.kafka_topics import Spec
from heliograph.eventlog.port import Entry, Lag, Message
from heliograph.runtime import kafka as clients

_LINGER_MS: Final = 5
"""How long an event waits for company on its way to the broker; below what anybody notices."""
_BATCH_BYTES: Final = 256 * 1024
_ENVELOPE_BYTES: Final = 1024
"""Headers and framing around an event, beyond what it says of itself."""
_LONGEST_ANSWER: Final = 10.0
"""Seconds that one request to a broker may take; a broker that died is asked no longer than this."""
_GRACE: Final = 1.0
_SKEW: Final = timedelta(minutes=10)
"""How far the clocks of machines that append may be apart before a scan up to a moment misses something."""
T = TypeVar("T")


def _utc_now() -> datetime:
    return datetime.now(UTC)


class KafkaLog:
    """Keeps the topics of `schemas/kafka/topics.yaml` on the brokers that `access` names.

    Nothing is opened by the constructor; a topic is created at its first use, or all of them by `prepare`. `kept` says
    how long the settings keep a topic, so that no broker forgets earlier. Every call raises LogUnavailable where the
    brokers do not answer within `access.append_timeout`.
    """

    def __init__(
        self,
        access: clients.Access,
        *,
        kept: Mapping[str, timedelta] | None = None,
        now: Callable[[], datetime] = _utc_now,
        topics: Mapping[str, Spec] | None = None,
    ) -> None:
        self._access, self._now = access, now
        self._specs = kafka_topics.kept_at_least(topics or kafka_topics.declared(), kept or {})
        self._wait = access.append_timeout.total_seconds()
        self._ready: set[str] = set()
        self._guard = threading.Lock()
        self._producer_guard = threading.Lock()
        self._admin_guard = threading.Lock()
        self._lookup_guard = threading.Lock()
        self._producer: KafkaProducer | None = None
        self._admin: KafkaAdminClient | None = None
        self._lookup: Lookup | None = None
        self._readers: set[KafkaReader] = set()
        self._closed = False

    def append(self, topic: str, entries: Sequence[Entry]) -> int:
        """Append all entries and wait for every acknowledgement; each counts as new.

        Raises BadInput, with nothing appended, where an entry is larger than its topic takes. After LogUnavailable some
        may have been taken and some not, so that an entry appended again may stand behind a later one of its key.
        """
        if not entries:
            return 0
        spec = self._spec(topic)
        for entry in entries:
            _check_size(topic, entry, spec.max_message_bytes)
        with clients.named(self._access, f"append to {topic}"):
            self._make_ready(topic)
            producer = self._open_producer()
            try:
                self._send(producer, topic, entries)
            except (KafkaError, BadInput):
                # An idempotent producer that was refused one batch sends no other. Perhaps the topic is gone, too.
                self._ready.discard(topic)
                self._drop_producer(producer)
                raise
        return len(entries)

    def reader(self, topic: str, group: str) -> KafkaReader:
        """Return a reader that joins the group at its first `read`; one that is only asked for its lag never does."""
        self._spec(topic)
        made = KafkaReader(
            self._access,
            topic,
            group,
            prepare=lambda: self._make_ready(topic),
            lag=lambda: self._lag(topic, group),
            closed=self._forget_reader,
        )
        with self._guard:
            self._readers.add(made)
        return made

    def scan(self, topic: str, since: datetime | None = None, until: datetime | None = None) -> Iterator[Message]:
        """Yield what was there when the scan began, in order of time across partitions, of log within one."""
        first, last = self._ends(topic)
        if since is not None:
            found = self._offsets(topic, dict.fromkeys(first, milliseconds(since)))
            first = {part: last[part] if offset < 0 else max(offset, first[part]) for part, offset in found.items()}
        if until is not None:
            found = self._offsets(topic, dict.fromkeys(first, milliseconds(until + _SKEW)))
            last = {part: last[part] if offset < 0 else offset for part, offset in found.items()}
        spans = {part: (first[part], last[part]) for part in first if first[part] < last[part]}
        for message in scan(self._access, topic, spans, self._wait):
            if (since is None or message.time >= since) and (until is None or message.time < until):
                yield message

    def trim(self, topic: str, before: datetime) -> int:
        """Drop up to the first event of each partition that was appended at `before` or later.

        A compacted topic holds the present state whatever its age, and loses nothing.
        """
        if self._spec(topic).compacted:
            return 0
        first, last = self._ends(topic)
        found = self._offsets(topic, dict.fromkeys(first, milliseconds(before)))
        upto = {part: last[part] if offset < 0 else offset for part, offset in found.items()}
        due = {part: offset for part, offset in upto.items() if offset > first[part]}
        if due:
            self._ask(f"trim {topic}", lambda admin: admin.delete_records(due))
        return sum(offset - first[part] for part, offset in due.items())

    def prepare(self) -> list[str]:
        """Create every topic that is missing; return how those that were there differ from what is declared."""
        found = self._ask("create topics", lambda admin: kafka_topics.ensure(admin, self._access, self._specs))
        self._ready.update(self._specs)
        return found

    def check(self) -> list[str]:
        """Return a line for each topic that is missing or differs; makes nothing."""
        return self._ask("describe topics", lambda admin: kafka_topics.check(admin, self._access, self._specs))

    def close(self) -> None:
        """End the readers, wait a moment for what is under way, close the clients."""
        with self._guard:
            self._closed = True
            readers = list(self._readers)
        for reader in readers:
            reader.close()
        with self._producer_guard:
            producer, self._producer = self._producer, None
        if producer is not None:
            clients.end_producer(producer, _GRACE)
        with self._admin_guard:
            self._close_admin()
        with self._lookup_guard:
            if self._lookup is not None:
                self._lookup.close()
                self._lookup = None

    def _spec(self, topic: str) -> Spec:
        spec = self._specs.get(topic)
        if spec is None:
            raise UsageError(f"no topic {topic!r} in schemas/kafka/topics.yaml; known: {', '.join(self._specs)}")
        return spec

    def _make_ready(self, topic: str) -> None:
        if topic not in self._ready:
            spec = {topic: self._spec(topic)}
            self._ask(f"create {topic}", lambda admin: kafka_topics.ensure(admin, self._access, spec))
            self._ready.add(topic)

    def _send(self, producer: KafkaProducer, topic: str, entries: Sequence[Entry]) -> None:
        name, moment = self._access.topic_prefix + topic, milliseconds(self._now())
        deadline = time.monotonic() + self._wait + _GRACE
        futures = [
            producer.send(
                name, value=entry.value, key=entry.key.encode(), headers=headers_of(entry), timestamp_ms=moment
            )
            for entry in entries
        ]
        for entry, future in zip(entries, futures, strict=True):
            try:
                future.get(timeout=max(0.0, deadline - time.monotonic()))
            except MessageSizeTooLargeError as error:
                raise BadInput(f"{topic}: the broker refuses event {entry.id} for its size: {error}") from error

    def _open_producer(self) -> KafkaProducer:
        with self._held(self._producer_guard):
            if self._closed:
                raise KafkaError("the log is closed")
            if self._producer is None:
                largest = max(spec.max_message_bytes for spec in self._specs.values())
                request = min(self._wait / 2, _LONGEST_ANSWER)
                self._producer = clients.producer(
                    self._access,
                    linger_ms=_LINGER_MS,
                    batch_size=_BATCH_BYTES,
                    max_request_size=largest + _ENVELOPE_BYTES,
                    request_timeout_ms=int(request * 1000),
                    bootstrap_timeout_ms=int(self._wait * 1000),
                )
            return self._producer

    def _drop_producer(self, producer: KafkaProducer) -> None:
        """Replace a producer that has failed; what others wait for fails as well, and is appended again."""
        with self._held(self._producer_guard):
            if self._producer is not producer:
                return
            self._producer = None
        clients.end_producer(producer, 0)

    def _ask(self, what: str, question: Callable[[KafkaAdminClient], T]) -> T:
        """Return the answer of the cluster. A client that failed is not used again: its view may be out of date."""
        with clients.named(self._access, what), self._held(self._admin_guard):
            if self._admin is None:
                wait = int(min(self._wait, _LONGEST_ANSWER) * 1000)
                self._admin = clients.admin(self._access, request_timeout_ms=wait, bootstrap_timeout_ms=wait)
            try:
                return question(self._admin)
            except (KafkaError, OSError):
                self._close_admin()
                self._ready.clear()
                raise

    @contextmanager
    def _held(self, lock: threading.Lock) -> Iterator[None]:
        """Hold a lock, but wait for it no longer than for a broker: whoever has it may be waiting for one."""
        if not lock.acquire(timeout=self._wait):
            raise KafkaTimeoutError("others are waiting for it already")
        try:
            yield
        finally:
            lock.release()

    def _close_admin(self) -> None:
        if self._admin is not None:
            self._admin.close()
            self._admin = None

    def _offsets(self, topic: str, asked: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
        """Return the first offset of each partition at or after a time in ms; -1 where there is none."""
        found = self._ask(f"look into {topic}", lambda admin: admin.list_partition_offsets(dict(asked)))
        return {part: place.offset for part, place in found.items()}

    def _ends(self, topic: str) -> tuple[dict[TopicPartition, int], dict[TopicPartition, int]]:
        """Return the first offset kept in each partition, and that of the next event."""
        with clients.named(self._access, f"look into {topic}"):
            self._make_ready(topic)
        name = self._access.topic_prefix + topic
        [described] = self._ask(f"look into {topic}", lambda admin: admin.describe_topics([name]))
        parts = [TopicPartition(name, found["partition_index"]) for found in described["partitions"]]
        first = self._offsets(topic, dict.fromkeys(parts, OffsetSpec.EARLIEST))
        return first, self._offsets(topic, dict.fromkeys(parts, OffsetSpec.LATEST))

    def _lag(self, topic: str, group: str) -> Lag:
        first, last = self._ends(topic)
        name = self._access.topic_prefix + group
        patience = min(self._wait, _LONGEST_ANSWER)
        places = self._ask(f"look into {group}", lambda admin: committed(admin, name, first, patience))
        waiting = {part: max(places[part], first[part]) for part in first}
        waiting = {part: offset for part, offset in waiting.items() if offset < last[part]}
        events = sum(last[part] - offset for part, offset in waiting.items())
        if not waiting:
            return Lag(0, 0.0)
        with self._lookup_guard, clients.named(self._access, f"look into {topic}"):
            self._lookup = self._lookup or Lookup(self._access)
            oldest = self._lookup.oldest(waiting, min(self._wait, _LONGEST_ANSWER))
        age = (self._now() - oldest).total_seconds() if oldest else 0.0
        return Lag(events, max(0.0, age))

    def _forget_reader(self, reader: KafkaReader) -> None:
        with self._guard:
            self._readers.discard(reader)


def _check_size(topic: str, entry: Entry, limit: int) -> None:
    size = len(entry.value) + len(entry.key.encode()) + sum(len(k) + len(v) for k, v in headers_of(entry))
    if size > limit - _ENVELOPE_BYTES:
        raise BadInput(f"{topic}: event {entry.id} has {size:,} bytes, more than the topic's {limit:,} take")
