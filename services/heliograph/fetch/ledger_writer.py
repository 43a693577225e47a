"""Writes records of the ledger in transactions: all of a call or nothing of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from heliograph.errors import Unavailable
from heliograph.fetch.ledger_table import Record
from heliograph.runtime.kafka import Access, named, producer

if TYPE_CHECKING:
    from kafka import KafkaProducer

_OPEN = 10_000
"""Milliseconds after which a broker aborts the transaction of a writer that died in it; readers wait that long."""


class Fenced(Unavailable):
    """Another writer of the same name has begun since: nothing was written, and the table may be out of date."""


@dataclass(frozen=True, slots=True)
class Membership:
    """A member of a consumer group, as the broker is to check it before a transaction counts."""

    metadata: Any
    """What the client says of the member: group, id, generation."""
    positions: Mapping[int, int]
    """Partition -> offset, committed with the transaction; one at least."""


class Writer:
    """One transactional producer, opened when first needed. Not thread-safe.

    Of two writers of one name, the one that opened last may write: the other is fenced. So whoever has the name, is up
    to date with the topic since `open` and is not fenced knows that nobody of that name has written since.
    """

    def __init__(self, access: Access, topic: str, name: str) -> None:
        self._access, self._topic, self._name = access, topic, name
        self._producer: KafkaProducer | None = None

    def open(self) -> KafkaProducer:
        """Take the name; what another of this name had begun is aborted. Raises Unavailable."""
        if self._producer is None:
            with named(self._access, f"open {self._topic} for writing", Unavailable):
                made = producer(
                    self._access,
                    transactional_id=self._name,
                    transaction_timeout_ms=_OPEN,
                    delivery_timeout_ms=_OPEN,
                    request_timeout_ms=_OPEN // 2,
                )
                try:
                    made.init_transactions()
                except BaseException:
                    made.close(timeout=0)
                    raise
            self._producer = made
        return self._producer

    def commit(self, records: Sequence[Record], member: Membership | None = None) -> dict[int, int]:
        """Write the records, all or none; return the offset behind the last of each partition.

        With `member`, none is written unless the broker still has that member in that generation. Raises Fenced,
        Unavailable (then it is not known whether they were written, except for a member that is none any more).
        """
        from kafka import OffsetAndMetadata, TopicPartition
        from kafka.errors import CommitFailedError, InvalidProducerEpochError, ProducerFencedError

        client = self.open()
        try:
            with named(self._access, f"write {self._topic}", Unavailable):
                client.begin_transaction()
                sent = [
                    client.send(self._topic, key=record.key.encode(), value=record.value, partition=record.partition)
                    for record in records
                ]
                # All lie in the log before the broker looks at the membership: whoever gets the partition after that
                # reads to an end behind them.
                ends = {found.partition: found.offset + 1 for found in (one.get(_OPEN / 1000) for one in sent)}
                if member is not None:
                    offsets = {
                        TopicPartition(self._topic, part): OffsetAndMetadata(offset, "", -1)
                        for part, offset in member.positions.items()
                    }
                    client.send_offsets_to_transaction(offsets, member.metadata)
                client.commit_transaction()
        except Unavailable as error:
            self.close()
            if isinstance(error.__cause__, ProducerFencedError | InvalidProducerEpochError):
                raise Fenced(str(error)) from error
            if isinstance(error.__cause__, CommitFailedError):
                raise Unavailable("the shares of the feeds are being divided anew") from error
            raise
        return ends

    def close(self) -> None:
        """Give up what is not committed; the next write opens anew."""
        if self._producer is not None:
            self._producer.close(timeout=1.0)
            self._producer = None
