"""A member of a consumer group on one topic: joins at its first read, commits what is done, hands over."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import structlog
from kafka import ConsumerRebalanceListener, KafkaConsumer
from kafka.errors import (
    CommitFailedError,
    IllegalGenerationError,
    KafkaError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)
from kafka.structs import OffsetAndMetadata, TopicPartition

from heliograph.eventlog.kafka_records import message
from heliograph.eventlog.port import Lag, Message
from heliograph.runtime import kafka as clients

_log = structlog.get_logger("eventlog")
_REBALANCED: Final = (CommitFailedError, IllegalGenerationError, RebalanceInProgressError, UnknownMemberIdError)
_BEAT: Final = 1.0
"""Seconds between looks at whether the group waits for a member that is at work."""
_HOLD: Final = 5.0
"""Seconds of work on one batch after which a rebalance goes on without its end."""
_MAX_POLL_MS: Final = 120_000
"""How long the group waits for a member at a rebalance; `_keep` answers for a busy one long before."""
_QUIET: Final = 15.0
"""Seconds without an event after which the brokers are asked whether they are still there."""
_AHEAD: Final = 100
_LEAVE: Final = 3.0


class KafkaReader:
    """Keeps the promises of `Reader` for one member of `group`; made by `KafkaLog.reader`.

    A share that goes to another member takes along what was read of it and not committed: nothing of it is handed out
    any more, and a commit of it is dropped, so that the group's position never moves back. While a batch is worked on,
    the member keeps its place in the group, however long that takes: a thread of its own answers at a rebalance once
    the batch has taken 5 s, before that the group waits for its commit.

    `read` and `commit` raise LogUnavailable; the reader can be used again afterwards.
    """

    def __init__(
        self,
        access: clients.Access,
        topic: str,
        group: str,
        *,
        prepare: Callable[[], None],
        lag: Callable[[], Lag],
        closed: Callable[[KafkaReader], None],
    ) -> None:
        self._access, self._topic, self._group = access, topic, group
        self._prepare, self._lag, self._when_closed = prepare, lag, closed
        self._wait = access.append_timeout.total_seconds()
        # Held while the client is in use: it is not for two threads at once.
        self._lock = threading.Lock()
        self._consumer: KafkaConsumer | None = None
        self._keeper: threading.Thread | None = None
        self._stop = threading.Event()
        self._used = self._heard = time.monotonic()
        self._share = Share()

    @property
    def epoch(self) -> int:
        return self._share.epoch

    def read(self, limit: int, timeout: float) -> Sequence[Message]:
        deadline = time.monotonic() + timeout
        with self._lock, clients.named(self._access, f"read {self._topic}"):
            consumer = self._consumer or self._join()
            try:
                consumer.resume(*consumer.paused())
                if not self._share.ahead:
                    left = max(0.0, deadline - time.monotonic())
                    self._keep_records(clients.poll(consumer, left, limit))
                found = self._share.take(limit)
                self._commit_owed(consumer)
                self._listen(consumer, bool(found))
            except KafkaError:
                self._drop()
                raise
            self._used = time.monotonic()
        return [message(self._topic, record) for record in found]

    def commit(self, messages: Sequence[Message]) -> None:
        """Record that these are done; what has gone to another member since is left to it.

        Where a rebalance is under way the commit is made up for after it, if the share has stayed here.
        """
        with self._lock, clients.named(self._access, f"commit {self._topic}"):
            self._share.done((m.partition, m.offset) for m in messages)
            try:
                if self._consumer is not None:
                    self._commit_owed(self._consumer)
            except KafkaError:
                self._drop()
                raise
            self._used = time.monotonic()

    def lag(self) -> Lag:
        """Return the lag of the whole group, whatever this member's share is; does not join. Raises LogUnavailable."""
        return self._lag()

    def close(self) -> None:
        """Leave the group, so that others get the share at once; a static member keeps it for the session timeout."""
        self._stop.set()
        if self._keeper is not None:
            self._keeper.join()
        with self._lock:
            self._drop()
        self._when_closed(self)

    def _join(self) -> KafkaConsumer:
        self._prepare()
        wait = int(min(self._wait, 10.0) * 1000)
        consumer = clients.consumer(
            self._access,
            group_id=self._access.topic_prefix + self._group,
            max_poll_interval_ms=_MAX_POLL_MS,
            request_timeout_ms=wait,
            bootstrap_timeout_ms=wait,
        )
        consumer.subscribe([self._access.topic_prefix + self._topic], listener=_Listener(self._share))
        self._consumer = consumer
        self._heard = time.monotonic()
        if self._keeper is None:
            self._keeper = threading.Thread(target=self._keep, name=f"kafka-{self._group}", daemon=True)
            self._keeper.start()
        return consumer

    def _drop(self) -> None:
        """Leave the group and forget the share."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            try:
                consumer.close(autocommit=False, timeout_ms=int(_LEAVE * 1000))
            except KafkaError as error:
                _log.warning("left a group in haste", group=self._group, error=str(error))
            self._share.lost(list(self._share.first))

    def _keep_records(self, found: dict[TopicPartition, list[Any]]) -> None:
        for records in found.values():
            self._share.ahead.extend(records)

    def _commit_owed(self, consumer: KafkaConsumer) -> None:
        owed = dict(self._share.owed)
        if not owed:
            return
        name = self._access.topic_prefix + self._topic
        offsets = {TopicPartition(name, part): OffsetAndMetadata(offset, "", -1) for part, offset in owed.items()}
        try:
            consumer.commit(offsets, timeout_ms=int(self._wait * 1000))
        except _REBALANCED as error:
            # Kept for after the rebalance: the listener takes out what goes to others.
            _log.debug("commit waits for a rebalance", group=self._group, error=str(error))
        else:
            self._share.committed(owed)

    def _listen(self, consumer: KafkaConsumer, heard: bool) -> None:
        """Raise where nobody answers: to the client, a broker that is gone looks like one that has nothing new."""
        now = time.monotonic()
        if not heard and now - self._heard > _QUIET:
            name = self._access.topic_prefix + self._topic
            consumer.end_offsets([TopicPartition(name, 0)], timeout_ms=int(min(self._wait, 5.0) * 1000))
            heard = True
        if heard:
            self._heard = now

    def _keep(self) -> None:
        """Take part in rebalances while the reader's thread is at work on a long batch."""
        while not self._stop.wait(_BEAT):
            if time.monotonic() - self._used < _HOLD or not self._lock.acquire(blocking=False):
                continue
            try:
                if self._consumer is not None:
                    # Paused, so that nothing piles up; what a new share brings is kept for the next read.
                    self._consumer.pause(*self._consumer.assignment())
                    self._keep_records(clients.poll(self._consumer, 0.1, _AHEAD))
            except KafkaError as error:
                _log.warning("the next read joins anew", group=self._group, error=str(error))
                self._drop()
            finally:
                self._lock.release()


class Share:
    """What is this member's: which partitions, how far they were read, what is to be committed of them.

    Changed by the client's own thread while the reader's waits in it, never by two at once.
    """

    def __init__(self) -> None:
        self.epoch = 0
        self.ahead: deque[Any] = deque()
        """Records read and not handed out yet."""
        self.first: dict[int, int | None] = {}
        """By partition of ours: the first offset that was handed out since it is ours."""
        self.owed: dict[int, int] = {}
        self._committed: dict[int, int] = {}

    def assigned(self, parts: Iterable[int]) -> None:
        self.first.update(dict.fromkeys(parts))
        self.epoch += 1

    def lost(self, parts: Iterable[int]) -> None:
        gone = set(parts)
        for part in gone:
            self.first.pop(part, None)
            self.owed.pop(part, None)
            self._committed.pop(part, None)
        self.ahead = deque(record for record in self.ahead if record.partition not in gone)
        self.epoch += 1

    def take(self, limit: int) -> list[Any]:
        found = [self.ahead.popleft() for _ in range(min(limit, len(self.ahead)))]
        for record in found:
            if self.first.get(record.partition, 0) is None:
                self.first[record.partition] = record.offset
        return found

    def done(self, places: Iterable[tuple[int, int]]) -> None:
        """Note what was worked on: of what is ours, read since it is, and not committed already."""
        for part, offset in places:
            first = self.first.get(part)
            if first is not None and offset >= first:
                due = max(offset + 1, self.owed.get(part, 0))
                if due > self._committed.get(part, 0):
                    self.owed[part] = due

    def committed(self, offsets: dict[int, int]) -> None:
        for part, offset in offsets.items():
            self._committed[part] = offset
            self.owed.pop(part, None)


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc] # the client has no types
    """Hears of each change of the share, in the client's thread."""

    def __init__(self, share: Share) -> None:
        self._share = share

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        self._share.assigned(part.partition for part in assigned)

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        self._share.lost(part.partition for part in revoked)

    def on_partitions_lost(self, lost: Iterable[TopicPartition]) -> None:
        self._share.lost(part.partition for part in lost)
