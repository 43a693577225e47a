"""Reads the ledger's topic from its beginning into the table, and goes on reading for as long as it lives."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, TypeVar

import structlog

from heliograph.errors import Unavailable
from heliograph.fetch.ledger_table import Record, Table
from heliograph.runtime.kafka import Access, consumer, named

if TYPE_CHECKING:
    from kafka import KafkaConsumer

_log = structlog.get_logger("ledger")
_POLL = 100
"""Milliseconds of one read: how soon the end of a transaction is noticed behind which nothing else comes."""
_RECORDS = 5_000
_RETRY = 1.0

T = TypeVar("T")


class Tail:
    """The table, kept up to date by a thread of its own. Safe to use from many threads.

    Records of transactions that were not committed are never seen. Where brokers cannot be reached, the table stays as
    it was read, and the thread goes on trying.
    """

    def __init__(self, access: Access, topic: str, prepare: Callable[[], object]) -> None:
        self._access, self._topic, self._prepare = access, topic, prepare
        self._table = Table()
        self._positions: dict[int, int] = {}
        self._changed = threading.Condition()
        self._stop = threading.Event()
        self._asking = threading.Lock()
        self._asks: KafkaConsumer | None = None
        self._caught_up = False
        self._why = "could not be reached"
        self._thread = threading.Thread(target=self._run, name="heliograph-ledger", daemon=True)
        self._thread.start()

    @property
    def topic(self) -> str:
        """The topic, with its prefix."""
        return self._topic

    def look(self, into: Callable[[Table], T]) -> T:
        """Return what `into` finds in the table; it must not keep the table.

        The first look waits until all is read that was there at the start. Raises Unavailable where that takes longer
        than `append_timeout`.
        """
        with self._changed:
            self._wait(lambda: self._caught_up)
            return into(self._table)

    def home(self, feed: str) -> int | None:
        """Return the partition that the feed lies in as far as has been read; waits for nothing."""
        return self._table.home(feed)

    def count(self) -> int:
        """Return the number of partitions. Raises Unavailable."""
        with self._changed:
            self._wait(lambda: self._caught_up)
            return len(self._positions)

    def position(self, partition: int) -> int:
        """Return up to which offset the partition is in the table."""
        with self._changed:
            return self._positions.get(partition, 0)

    def catch_up(self) -> None:
        """Return once all is in the table that any writer has committed by now. Raises Unavailable."""
        self.wait_for(self.ends(range(self.count())))

    def wait_for(self, ends: Mapping[int, int]) -> None:
        """Return once the table has been brought up to these offsets. Raises Unavailable."""
        with self._changed:
            self._wait(lambda: all(self._positions.get(part, 0) >= end for part, end in ends.items()))

    def ends(self, partitions: Collection[int]) -> dict[int, int]:
        """Return the ends of these partitions as of now, those of open transactions included. Raises Unavailable.

        A table that has been brought up to here has seen the end of every transaction that was open.
        """
        from kafka import TopicPartition

        with self._asking, named(self._access, f"ask for the ends of {self._topic}", Unavailable):
            # Not the client that reads: that one sees no further than the first open transaction.
            asks = self._asks = self._asks or consumer(self._access)
            wait = int(self._access.append_timeout.total_seconds() * 1000)
            found = asks.end_offsets([TopicPartition(self._topic, part) for part in partitions], timeout_ms=wait)
        return {place.partition: end for place, end in found.items()}

    def close(self) -> None:
        """Stop reading."""
        self._stop.set()
        self._thread.join(5.0)
        with self._asking:
            if self._asks is not None:
                self._asks.close(autocommit=False)
                self._asks = None

    def _wait(self, done: Callable[[], bool]) -> None:
        limit = self._access.append_timeout.total_seconds()
        if not self._changed.wait_for(done, limit):
            raise Unavailable(
                f"Kafka at {self._access.bootstrap}: the topic {self._topic} of feeds {self._why}, after {limit:g} s;"
                " check that its brokers run"
            )

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                with named(self._access, f"read {self._topic}", Unavailable):
                    self._read()
            except Unavailable as error:
                why = f"could not be read ({error})"
                if why != self._why:
                    _log.warning("feeds cannot be read", error=str(error))
                self._why = why
                self._stop.wait(_RETRY)

    def _read(self) -> None:
        """Read from where the table ends until told to stop."""
        from kafka import TopicPartition

        reader = consumer(self._access, isolation_level="read_committed", max_poll_records=_RECORDS)
        try:
            count = len(reader.partitions_for_topic(self._topic) or ())
            if not count:
                self._prepare()
                raise Unavailable(f"there was no topic {self._topic}")
            places = [TopicPartition(self._topic, part) for part in range(count)]
            reader.assign(places)
            for place in places:
                reader.seek(place, self._positions.get(place.partition, 0))
            ends = reader.end_offsets(places)
            self._why = "was not read to its end"
            while not self._stop.is_set():
                found = reader.poll(timeout_ms=_POLL)
                records = [
                    Record(place.partition, message.key.decode(), message.value)
                    for place, messages in found.items()
                    for message in messages
                    if message.key
                ]
                positions = {place.partition: reader.position(place) or 0 for place in places}
                with self._changed:
                    for record in records:
                        self._table.apply(record)
                    self._positions = positions
                    self._caught_up |= all(positions[place.partition] >= end for place, end in ends.items())
                    self._changed.notify_all()
        finally:
            reader.close(autocommit=False)
