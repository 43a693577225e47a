"""Events first, then dead letters, then the ledger: several polls in one append and one transaction.

A sync to disk costs the same for one poll as for fifty. Polls that end while one commit runs go together into the next.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from threading import Lock
from typing import TypeVar

from heliograph.core.event import DeadLetter, Envelope
from heliograph.errors import Unavailable
from heliograph.fetch.port import Share, Update

Append = Callable[[list[Envelope]], None]
"""Appends the events to the log and returns once it has them; raises Unavailable. May block."""

Bury = Callable[[DeadLetter], None]
"""Writes a dead letter and returns once it is kept; raises Unavailable. May block."""

T = TypeVar("T")

MAX_POLLS = 128
MAX_EVENTS = 2_000
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 30.0


@dataclass(frozen=True, slots=True)
class Work:
    """What one poll leaves behind."""

    update: Update
    events: tuple[Envelope, ...] = ()
    letters: tuple[DeadLetter, ...] = ()


class Committer:
    """Writes the outcome of polls, many at a time; belongs to one event loop.

    While the log or the ledger is away, nothing is saved and the same work is tried again, later and later; `waiting`
    says why. Polls wait for their commit, so that collection pauses by itself and memory stays bounded.
    """

    def __init__(self, append: Append, bury: Bury, share: Share, threads: Executor) -> None:
        self._append = append
        self._bury = bury
        self._share = share
        self._threads = threads
        self._queue: asyncio.Queue[tuple[Work, asyncio.Future[bool]]] = asyncio.Queue()
        self._writing = Lock()
        self.waiting = ""
        """Why nothing is being saved now, or empty."""

    async def save(self, work: Work) -> bool:
        """Return True once the work is durable, False where the feed was not held any more."""
        done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._queue.put_nowait((work, done))
        return await done

    async def settled(self) -> None:
        """Return once nothing is being written; work that waits for its next attempt is looked at anew by then."""
        await asyncio.get_running_loop().run_in_executor(self._threads, self._wait_for_write)

    def _wait_for_write(self) -> None:
        with self._writing:
            return

    async def run(self) -> None:
        """Commit until cancelled; what was not committed then is polled again after the next start."""
        while True:
            batch = [await self._queue.get()]
            events = len(batch[0][0].events)
            while not self._queue.empty() and len(batch) < MAX_POLLS and events < MAX_EVENTS:
                batch.append(self._queue.get_nowait())
                events += len(batch[-1][0].events)
            kept = await self.insist(partial(self._write, [work for work, _ in batch]))
            for work, done in batch:
                if not done.done():
                    done.set_result(work.update.state.feed in kept)

    async def insist(self, call: Callable[[], T]) -> T:
        """Return what the blocking call returns, in a thread, trying again for as long as it raises Unavailable."""
        loop, wait = asyncio.get_running_loop(), _FIRST_WAIT
        while True:
            try:
                found = await loop.run_in_executor(self._threads, call)
            except Unavailable as error:
                self.waiting = str(error)
                await asyncio.sleep(max(wait, error.retry_after or 0.0))
                wait = min(wait * 2, _LONGEST_WAIT)
            else:
                self.waiting = ""
                return found

    def _write(self, works: Sequence[Work]) -> Collection[str]:
        """Write the works of feeds that are held, and return the feeds whose work is kept."""
        with self._writing:
            works = [work for work in works if self._share.holds(work.update.state.feed)]
            events = [event for work in works for event in work.events]
            if events:
                self._append(events)
            for work in works:
                for letter in work.letters:
                    self._bury(letter)
            return self._share.save([work.update for work in works])
