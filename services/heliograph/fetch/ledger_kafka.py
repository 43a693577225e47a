"""The ledger in a compacted Kafka topic, for any number of processes.

Each process reads the whole topic into a table and keeps it up to date, so that reading asks nobody; `ledger_table`
says what the records are. Writing is a Kafka transaction, and returns once it is acknowledged and in the table of the
process that wrote. Subscriptions are edited by one process at a time: all editors share one transactional name, and one
that was overtaken by another looks again before it writes.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from threading import Event, Lock
from uuid import uuid4

from heliograph.errors import Unavailable
from heliograph.fetch.ledger_table import Record, Table
from heliograph.fetch.ledger_tail import Tail
from heliograph.fetch.ledger_writer import Fenced, Membership, Writer
from heliograph.fetch.port import Feed, Share, Subscription, Update
from heliograph.runtime.kafka import Access

TOPIC = "feeds"
_TRIES = 8
"""Times that an editor gives way to another before it gives up."""
_PAUSE = 0.2
"""Seconds of waiting, at most, that each of them adds."""


class KafkaLedger:
    """See `port.Ledger`. `save` is for one who polls nothing, such as a migration: who polls saves by its share.

    While brokers cannot be reached, reading answers what was read last; writing raises Unavailable, as reading does
    before the topic has been read once.
    """

    def __init__(self, access: Access, prepare: Callable[[], object] = lambda: None) -> None:
        """`prepare` makes the topic: called where there is none, from another thread; may raise Unavailable."""
        self._access = access
        self.tail = Tail(access, f"{access.topic_prefix}{TOPIC}", prepare)
        self._lock, self._closing = Lock(), Event()
        self._editor = Writer(access, self.tail.topic, f"{access.topic_prefix}ledger")

    def feeds(self) -> Sequence[Feed]:
        return self.tail.look(lambda table: tuple(table.feeds()))

    def edit(self, put: Sequence[Subscription] = (), remove: Sequence[str] = ()) -> None:
        count = self.tail.count()
        self._edit(lambda table: table.edit(put, remove, count, lambda: uuid4().hex))

    def known(self, feed: str, articles: Sequence[str]) -> Mapping[str, str]:
        return self.tail.look(lambda table: table.known(feed, articles))

    def save(self, updates: Sequence[Update]) -> None:
        self._edit(lambda table: table.save(updates))

    def share(self) -> Share:
        from heliograph.fetch.share_kafka import KafkaShare

        return KafkaShare(self, self._access)

    def write(self, writer: Writer, find: Callable[[Table], list[Record]], member: Membership | None = None) -> None:
        """Write what `find` finds in the table to be written, and return once the table has it."""
        records = self.tail.look(find)
        if records:
            self.tail.wait_for(writer.commit(records, member))

    def close(self) -> None:
        self._closing.set()
        with self._lock:
            self._editor.close()
        self.tail.close()

    def _edit(self, find: Callable[[Table], list[Record]]) -> None:
        with self._lock:
            for turn in range(_TRIES):
                # Two that keep overtaking each other are told apart by chance.
                self._closing.wait(turn * _PAUSE * random.random())  # noqa: S311 - no secret
                self._editor.open()
                # What other editors wrote before they were fenced is in the table after this, and they write no more.
                self.tail.catch_up()
                try:
                    self.write(self._editor, find)
                except Fenced:
                    continue
                return
        raise Unavailable(f"{self.tail.topic}: others edit the feeds all the time; try again", retry_after=1.0)
