"""A heap of due feeds, handed out fairly over hosts.

A feed is at any moment in one of three places: in the heap until it is due, in its host's queue until the host and the
whole have room, or in flight. So it is never polled twice at once, and a slow host holds up its own feeds only.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

_LONGEST_SLEEP = 30.0
"""Seconds; the clock is looked at again at least this often, so that a jump is noticed."""
_CLOCK_TOLERANCE = 5.0
_SPACING = 0.5
"""Seconds between two polls of a host that had asked for a pause."""
_STARTS_A_TURN = 8
_TURN = 0.005
"""Polls started before other tasks of the event loop get their turn, and the seconds until the next ones: a burst of
hundreds would answer all at once and keep the loop busy for longer than its 50 ms."""


@dataclass(frozen=True, slots=True)
class Next:
    """When a feed that has just been polled is due again, and until when its whole host is to be left alone."""

    due: datetime
    hold_host: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How much at once."""

    concurrency: int = 512
    per_host: int = 2


class Scheduler:
    """Calls `poll` with the id of each feed when it is due. Belongs to one event loop; not thread-safe.

    `admit` is asked before each start and may refuse for now, for instance while too many bytes are held; it is asked
    again when a poll ends. What `poll` raises ends `run`.
    """

    def __init__(
        self,
        poll: Callable[[str], Awaitable[Next]],
        now: Callable[[], datetime],
        pace: Pace,
        admit: Callable[[], bool] = lambda: True,
    ) -> None:
        self._poll = poll
        self._now = now
        self._pace = pace
        self._admit = admit
        self._hosts: dict[str, str] = {}
        self._heap: list[tuple[float, str]] = []
        self._due: dict[str, float] = {}
        self._queues: dict[str, deque[str]] = {}
        self._queued: set[str] = set()
        self._turns: dict[str, None] = {}
        """Hosts with something queued and room for it, in turn; a dict keeps the order and finds a host at once."""
        self._running: dict[str, asyncio.Task[Next]] = {}
        self._active: Counter[str] = Counter()
        self._holds: dict[str, float] = {}
        self._behind: Counter[str] = Counter()
        """Feeds laid out so far behind the pause that their host asked for."""
        self._urgent: set[str] = set()
        self._wake = asyncio.Event()
        self._seen_time = 0.0
        self._broken: BaseException | None = None

    def __len__(self) -> int:
        return len(self._hosts)

    @property
    def in_flight(self) -> int:
        """Polls under way."""
        return len(self._running)

    def overdue(self) -> float:
        """Return for how many seconds the feed that has waited longest has been due, 0.0 where none waits."""
        now = self._now().timestamp()
        waiting = [self._due[name] for queue in self._queues.values() for name in queue if name in self._due]
        return max(0.0, now - min(waiting)) if waiting else 0.0

    def add(self, feed: str, host: str, due: datetime) -> None:
        """Take the feed on, or move it; one that is queued or in flight keeps its place."""
        known = feed in self._hosts
        self._hosts[feed] = host
        if not known or self._in_heap(feed):
            self._push(feed, due.timestamp())

    def remove(self, feed: str) -> None:
        """Forget the feed; a poll under way ends by itself and is not repeated."""
        host = self._hosts.pop(feed, None)
        self._due.pop(feed, None)
        self._urgent.discard(feed)
        if host is not None and feed in self._queued:
            self._queued.discard(feed)
            self._queues[host].remove(feed)

    def hurry(self, feed: str) -> bool:
        """Make the feed due now, even while its host is held; False where it is unknown.

        One that is in flight is polled once more after that, unless `satisfied` is called before it ends.
        """
        if feed not in self._hosts:
            return False
        self._urgent.add(feed)
        if self._in_heap(feed):
            self._push(feed, self._now().timestamp())
        self._wake.set()
        return True

    def satisfied(self, feed: str) -> None:
        """Take back the hurry: the poll that is ending has done what was asked for."""
        self._urgent.discard(feed)

    def in_flight_feeds(self) -> Collection[str]:
        """Return the feeds that are being polled."""
        return self._running.keys()

    async def drop(self, feeds: Collection[str]) -> None:
        """Forget the feeds, cancel their polls and return once none is under way."""
        for feed in feeds:
            self.remove(feed)
        running = [self._running[feed] for feed in feeds if feed in self._running]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def run(self) -> None:
        """Poll until cancelled; then the polls under way are cancelled too."""
        try:
            while True:
                self._wake.clear()
                self._collect_due()
                more = self._start()
                if self._broken is not None:
                    raise self._broken
                if more:
                    await asyncio.sleep(_TURN)
                    continue
                try:
                    async with asyncio.timeout(self._pause()):
                        await self._wake.wait()
                except TimeoutError:
                    continue
        finally:
            running = list(self._running.values())
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    def _collect_due(self) -> None:
        now = self._now().timestamp()
        if now < self._seen_time - _CLOCK_TOLERANCE:
            self._shift(now - self._seen_time)
        self._seen_time = now
        while self._heap and self._heap[0][0] <= now:
            due, feed = heapq.heappop(self._heap)
            if self._due.get(feed) != due or not self._in_heap(feed):
                continue
            host = self._hosts[feed]
            queue = self._queues.setdefault(host, deque())
            self._queued.add(feed)
            if feed in self._urgent:
                queue.appendleft(feed)
            else:
                queue.append(feed)
            self._give_turn(host)

    def _start(self) -> bool:
        """Start what may be started; True where more may be started in the next turn."""
        started = 0
        while self._turns and len(self._running) < self._pace.concurrency and self._admit():
            if started >= _STARTS_A_TURN:
                return True
            host = next(iter(self._turns))
            del self._turns[host]
            queue = self._queues.get(host)
            if not queue:
                self._queues.pop(host, None)
                continue
            if self._is_held(host) and queue[0] not in self._urgent:
                self._send_back(host)
                continue
            feed = queue.popleft()
            self._queued.discard(feed)
            self._urgent.discard(feed)
            self._due.pop(feed, None)
            self._active[host] += 1
            task: asyncio.Task[Next] = asyncio.ensure_future(self._poll(feed))
            self._running[feed] = task
            task.add_done_callback(partial(self._ended, feed, host))
            started += 1
            self._give_turn(host)
        return False

    def _ended(self, feed: str, host: str, task: asyncio.Task[Next]) -> None:
        del self._running[feed]
        self._active[host] -= 1
        if not self._active[host]:
            del self._active[host]
        self._wake.set()
        if task.cancelled():
            if feed in self._hosts:
                # Dropped, and taken on again before its poll had ended.
                self._push(feed, self._now().timestamp())
            self._give_turn(host)
            return
        error = task.exception()
        if error is not None:
            self._broken = error
            return
        answer = task.result()
        due = answer.due.timestamp()
        if answer.hold_host is not None:
            self._holds[host] = until = answer.hold_host.timestamp()
            self._behind[host] = 0
            # The feed that brought the pause about comes last, or it would bring the next before the others had a turn.
            due = max(due, until + _SPACING * sum(1 for other in self._hosts.values() if other == host))
        if feed in self._hosts:
            # Hurried while it was in flight: what it has just brought may be older than the wish.
            self._push(feed, self._now().timestamp() if feed in self._urgent else due)
        self._give_turn(host)

    def _give_turn(self, host: str) -> None:
        if self._queues.get(host) and self._active[host] < self._pace.per_host:
            self._turns[host] = None

    def _send_back(self, host: str) -> None:
        """Put a held host's feeds back into the heap, spread behind the end of the pause, first come first."""
        for feed in self._queues.pop(host):
            self._queued.discard(feed)
            self._push(feed, self._holds[host] + self._behind[host] * _SPACING)
            self._behind[host] += 1

    def _is_held(self, host: str) -> bool:
        until = self._holds.get(host)
        if until is not None and until <= self._now().timestamp():
            del self._holds[host]
            until = None
        return until is not None

    def _in_heap(self, feed: str) -> bool:
        return feed not in self._running and feed not in self._queued

    def _push(self, feed: str, due: float) -> None:
        self._due[feed] = due
        heapq.heappush(self._heap, (due, feed))
        if len(self._heap) > 2 * len(self._due) + 64:
            # Entries of feeds that were moved or removed are skipped when met; here they go before they pile up.
            self._heap = [(due, feed) for feed, due in self._due.items()]
            heapq.heapify(self._heap)
        self._wake.set()

    def _pause(self) -> float:
        if not self._heap:
            return _LONGEST_SLEEP
        return min(max(0.001, self._heap[0][0] - self._now().timestamp()), _LONGEST_SLEEP)

    def _shift(self, by: float) -> None:
        """Keep every wait as long as it was after the clock went back."""
        self._due = {feed: due + by for feed, due in self._due.items()}
        self._heap = [(due, feed) for feed, due in self._due.items()]
        heapq.heapify(self._heap)
        self._holds = {host: until + by for host, until in self._holds.items()}


def spread(dues: dict[str, datetime], now: datetime, rate: float) -> dict[str, datetime]:
    """Return the dues with those that have passed laid out from now on at `rate` a second, the longest due first."""
    late = sorted((due, feed) for feed, due in dues.items() if due <= now)
    laid_out = {feed: now + timedelta(seconds=place / rate) for place, (_, feed) in enumerate(late)}
    return {**dues, **laid_out}
