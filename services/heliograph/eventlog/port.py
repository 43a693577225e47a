"""EventLog: append, read as a group, commit.

Values are bytes; the log neither decodes nor changes them, so a dead letter holds the original.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Entry:
    """One event to append: its deterministic id, the key that orders it, and its bytes."""

    id: str
    key: str
    value: bytes
    headers: tuple[tuple[str, str], ...] = ()
    """What tools are to see of the event without reading its bytes; a log without headers leaves them out."""


@dataclass(frozen=True, slots=True)
class Message:
    """One event as read back, with its place in the log."""

    topic: str
    partition: int
    offset: int
    id: str
    key: str
    value: bytes
    time: datetime
    """When it was appended, in UTC."""

    @property
    def place(self) -> str:
        """`topic/partition/offset`, as dead letters and logs name it."""
        return f"{self.topic}/{self.partition}/{self.offset}"


@dataclass(frozen=True, slots=True)
class Lag:
    """How far a group is behind the end of a topic."""

    events: int
    seconds: float
    """Age of the oldest event not yet committed, 0.0 where there is none."""


class Reader(Protocol):
    """One member of a consumer group on one topic. Not shared between threads.

    Promises: a new group starts at the oldest event kept; messages come in log order within a partition, each once for
    as long as the reader lives; after a crash or `close`, a new reader of the group starts behind the last commit.
    """

    @property
    def epoch(self) -> int:
        """Rises whenever the member's share of the topic has changed: what was built from that share is out of date.

        Constant for logs of one machine, whose readers always have the whole topic.
        """
        ...

    def read(self, limit: int, timeout: float) -> Sequence[Message]:
        """Return up to `limit` messages behind those already read, waiting up to `timeout` seconds for the first."""
        ...

    def commit(self, messages: Sequence[Message]) -> None:
        """Record durably that everything up to and including these messages is done."""
        ...

    def lag(self) -> Lag: ...

    def close(self) -> None: ...


class EventLog(Protocol):
    """A durable, ordered, replayable log of named topics. Safe to use from many threads; readers are not.

    Promises: when `append` returns, every entry survives a kill of the process (embedded: of the machine) and is
    visible to readers; when it raises LogUnavailable, an entry may or may not have been taken, and appending it again
    is safe; entries of one key keep their order. An entry whose id the topic already holds may be dropped (memory,
    SQLite: always while the first is retained) or appended again (Kafka): consumers work by id. A topic exists once
    something was appended or read. Events older than the retention go when `trim` is called, never earlier.
    """

    def append(self, topic: str, entries: Sequence[Entry]) -> int:
        """Append in order, durably; return how many were new.

        Raises LogUnavailable, and BadInput, with nothing appended, for an entry that is too large for the log.
        """
        ...

    def reader(self, topic: str, group: str) -> Reader:
        """Return a reader of the topic for the consumer group. Raises LogUnavailable."""
        ...

    def scan(self, topic: str, since: datetime | None = None, until: datetime | None = None) -> Iterator[Message]:
        """Yield the topic's messages appended in [since, until), oldest first, without touching any group."""
        ...

    def trim(self, topic: str, before: datetime) -> int:
        """Drop events appended before `before`; return how many went. Groups behind skip ahead to what is left."""
        ...

    def close(self) -> None: ...
