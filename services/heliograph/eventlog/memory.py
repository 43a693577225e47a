"""An event log in this process: the fake of the tests, and the measure for the other two."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from heliograph.eventlog.port import Entry, Lag, Message


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass
class _Topic:
    messages: list[Message] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)
    end: int = 0


class MemoryLog:
    """Keeps everything in lists; gone with the process. Keeps every other promise of `EventLog`."""

    def __init__(self, now: Callable[[], datetime] = _utc_now) -> None:
        self._now = now
        self._topics: dict[str, _Topic] = {}
        self._committed: dict[tuple[str, str], int] = {}
        self._changed = threading.Condition()

    def append(self, topic: str, entries: Sequence[Entry]) -> int:
        with self._changed:
            kept = self._topics.setdefault(topic, _Topic())
            before, now = kept.end, self._now()
            for entry in entries:
                if entry.id in kept.ids:
                    continue
                kept.ids.add(entry.id)
                kept.messages.append(Message(topic, 0, kept.end, entry.id, entry.key, entry.value, now))
                kept.end += 1
            self._changed.notify_all()
            return kept.end - before

    def reader(self, topic: str, group: str) -> MemoryReader:
        return MemoryReader(self, topic, group)

    def scan(self, topic: str, since: datetime | None = None, until: datetime | None = None) -> Iterator[Message]:
        with self._changed:
            messages = list(self._topics.setdefault(topic, _Topic()).messages)
        for message in messages:
            if (since is None or message.time >= since) and (until is None or message.time < until):
                yield message

    def trim(self, topic: str, before: datetime) -> int:
        with self._changed:
            kept = self._topics.setdefault(topic, _Topic())
            gone = [message for message in kept.messages if message.time < before]
            kept.messages = [message for message in kept.messages if message.time >= before]
            kept.ids.difference_update(message.id for message in gone)
            return len(gone)

    def close(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def after(self, topic: str, offset: int, limit: int, timeout: float) -> list[Message]:
        """Return up to `limit` messages at or behind `offset`, waiting for the first."""
        with self._changed:
            found = self._after(topic, offset, limit)
            if not found and timeout > 0:
                self._changed.wait(timeout)
                found = self._after(topic, offset, limit)
            return found

    def committed(self, topic: str, group: str) -> int:
        """Return the offset that the group reads next."""
        with self._changed:
            return self._committed.get((topic, group), 0)

    def set_committed(self, topic: str, group: str, offset: int) -> None:
        """Move the group's position forward, never back."""
        with self._changed:
            self._committed[topic, group] = max(offset, self._committed.get((topic, group), 0))

    def lag(self, topic: str, offset: int) -> Lag:
        """Return what lies at or behind `offset`."""
        with self._changed:
            waiting = self._after(topic, offset, limit=1 << 62)
            age = (self._now() - waiting[0].time).total_seconds() if waiting else 0.0
            return Lag(len(waiting), max(0.0, age))

    def _after(self, topic: str, offset: int, limit: int) -> list[Message]:
        messages = self._topics.setdefault(topic, _Topic()).messages
        return [message for message in messages if message.offset >= offset][:limit]


class MemoryReader:
    """One member of a group over a `MemoryLog`."""

    epoch = 0

    def __init__(self, log: MemoryLog, topic: str, group: str) -> None:
        self._log, self._topic, self._group = log, topic, group
        self._next = log.committed(topic, group)

    def read(self, limit: int, timeout: float) -> Sequence[Message]:
        found = self._log.after(self._topic, self._next, limit, timeout)
        if found:
            self._next = found[-1].offset + 1
        return found

    def commit(self, messages: Sequence[Message]) -> None:
        if messages:
            self._log.set_committed(self._topic, self._group, max(m.offset for m in messages) + 1)

    def lag(self) -> Lag:
        return self._log.lag(self._topic, self._log.committed(self._topic, self._group))

    def close(self) -> None:
        """Nothing to give back: the position is the log's."""
