"""LiveBus: from the thread that indexes to every reader of the live list.

One thread publishes, many event loops read. A reader holds a bounded queue: one that does not keep up is told to start
again (`Lagged`) and its queue is given back, so that a stalled browser costs a fixed amount and delays nobody. The last
events stay in a ring, from which a reader that was cut off resumes by `Last-Event-ID` (HTML Living Standard, 9.2.4).
Event ids are `<run>-<number>`: a number from another run of the process cannot be mistaken for one of this.
"""

from __future__ import annotations

import asyncio
import secrets
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from heliograph.core.article import Document
from heliograph.errors import Unavailable


class Lagged(Exception):  # noqa: N818 - not an error of the program: the reader is told to reload
    """The reader fell behind, or resumes from an event that is no longer kept."""


class Closed(Exception):  # noqa: N818 - the ordinary end of a stream
    """The bus was closed: the server is stopping."""


@dataclass(frozen=True, slots=True)
class LiveEvent:
    """One published document with the id that a reader may resume behind."""

    id: str
    document: Document


class LiveBus:
    """Documents to live readers, bounded on every side. `publish` never blocks and may be called from any thread."""

    def __init__(self, *, ring: int = 500, queue: int = 200, readers: int = 200) -> None:
        self._run = secrets.token_hex(4)
        self._number = 0
        self._ring: deque[tuple[int, LiveEvent]] = deque(maxlen=ring)
        self._queue = queue
        self._limit = readers
        self._readers: set[Subscription] = set()
        self._lock = threading.Lock()
        self._closed = False

    def publish(self, documents: Sequence[Document]) -> None:
        """Hand the documents to every reader, in order."""
        with self._lock:
            for document in documents:
                self._number += 1
                event = LiveEvent(f"{self._run}-{self._number}", document)
                self._ring.append((self._number, event))
                for reader in self._readers:
                    reader._offer(event)

    def subscribe(self, last_id: str = "") -> Subscription:
        """Return a reader on the running event loop, behind `last_id` where that is given.

        Raises Unavailable where too many read already, Closed when the server is stopping. A `last_id` that is no
        longer kept makes the first `next` raise Lagged.
        """
        with self._lock:
            if self._closed:
                raise Closed
            if len(self._readers) >= self._limit:
                raise Unavailable(
                    f"live list: {self._limit} readers are connected, which is the limit: close a tab or try later",
                    retry_after=30.0,
                )
            reader = Subscription(self, asyncio.get_running_loop(), self._queue)
            missed = self._missed(last_id) if last_id else []
            if missed is None:
                reader._lagged = True
            else:
                for event in missed:
                    reader._offer(event)
            self._readers.add(reader)
            return reader

    def close(self) -> None:
        """End every stream; later subscriptions are refused."""
        with self._lock:
            self._closed = True
            for reader in self._readers:
                reader._end()

    @property
    def last_id(self) -> str:
        """Id of the newest event so far: subscribing behind it misses nothing published from now on."""
        return f"{self._run}-{self._number}"

    @property
    def readers(self) -> int:
        """Readers connected now."""
        return len(self._readers)

    def _missed(self, last_id: str) -> list[LiveEvent] | None:
        run, _, number = last_id.partition("-")
        # No more digits than a counter can have: int() of a long one would be slow.
        if run != self._run or not (number.isascii() and number.isdigit()) or len(number) > 15:
            return None
        seen = int(number)
        oldest = self._ring[0][0] if self._ring else self._number + 1
        if seen < oldest - 1 or seen > self._number:
            return None
        return [event for count, event in self._ring if count > seen]

    def _leave(self, reader: Subscription) -> None:
        with self._lock:
            self._readers.discard(reader)


class Subscription:
    """One reader: `next` waits for events; leave by `close`. Belongs to one task of one event loop."""

    def __init__(self, bus: LiveBus, loop: asyncio.AbstractEventLoop, limit: int) -> None:
        self._bus = bus
        self._loop = loop
        self._limit = limit
        self._waiting: deque[LiveEvent] = deque()
        self._wake = asyncio.Event()
        self._lagged = False
        self._ended = False

    async def next(self) -> Sequence[LiveEvent]:
        """Wait for at least one event and return all that wait. Raises Lagged or Closed."""
        while True:
            await self._wake_or_ready()
            if self._ended:
                raise Closed
            if self._lagged:
                raise Lagged
            self._wake.clear()
            events = []
            while self._waiting:
                events.append(self._waiting.popleft())
            if events:
                return events

    def close(self) -> None:
        """Give the place and the queue back."""
        self._bus._leave(self)
        self._waiting.clear()

    async def _wake_or_ready(self) -> None:
        if not (self._waiting or self._lagged or self._ended):
            await self._wake.wait()

    # Called under the bus's lock, from any thread.

    def _offer(self, event: LiveEvent) -> None:
        if len(self._waiting) >= self._limit:
            self._lagged = True
            self._waiting.clear()
        if not self._lagged:
            self._waiting.append(event)
        self._rouse()

    def _end(self) -> None:
        self._ended = True
        self._rouse()

    def _rouse(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._wake.set)
        except RuntimeError:
            # The loop is closed, so the reader is gone; its place goes with the bus.
            self._ended = True
