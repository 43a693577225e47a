"""Ingest, the service: each due feed is fetched, parsed where it changed, and its news put into the log."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import monotonic

import uvloop

from heliograph.errors import UsageError
from heliograph.fetch.articles import ORIGIN
from heliograph.fetch.commit import Committer
from heliograph.fetch.decide import Policy, due, without_validators
from heliograph.fetch.poll import Poll, Poller, Ports
from heliograph.fetch.port import GIVEN_UP, Feed, Subscription
from heliograph.fetch.schedule import Next, Pace, Scheduler, spread
from heliograph.fetch.sources import removal
from heliograph.fetch.urls import host_of


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestOptions:
    """How often and how much at once. Times in seconds, sizes in bytes."""

    policy: Policy = field(default_factory=Policy)
    pace: Pace = field(default_factory=Pace)
    start_rate: float = 200.0
    """Overdue feeds started a second, after a start or when many are added."""
    refresh: float = 30.0
    """How often the ledger is looked at for feeds that have come to this worker, or that another process has edited."""
    watch: float = 0.25
    """How often polls under way are looked at: one of a feed that is not held any more is cancelled."""
    held_bytes: int = 64_000_000
    """Bodies held while they are parsed and saved; no poll is started beyond that."""


@dataclass(frozen=True, slots=True)
class IngestStatus:
    """What `/readyz` and the status page say of the service."""

    running: bool
    feeds: int
    in_flight: int
    waiting: str
    """Why nothing is being saved now, or empty."""


class Ingest:
    """Polls every subscription of the ledger. `run` belongs to one event loop; the other methods to any thread.

    An object runs once: a supervisor makes another.

    Promises: an item is in the log before the ledger remembers it; after a kill at any point the next run makes the
    same events with the same ids; the first import of a feed is marked as back-fill; no feed is given up.
    """

    name = ORIGIN

    def __init__(
        self,
        ports: Ports,
        options: IngestOptions,
        now: Callable[[], datetime],
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._ports = ports
        self._options = options
        self._now = now
        self._chance = chance
        self._feeds: dict[str, Feed] = {}
        self._held = 0
        self._waiters: dict[str, list[Future[Feed]]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._main: asyncio.Task[None] | None = None
        self._scheduler = Scheduler(self._poll, now, options.pace, lambda: self._held <= options.held_bytes)
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="heliograph-ingest")
        self._committer = Committer(ports.append, ports.bury, ports.share, self._threads)
        self._poller = Poller(ports, options.policy, now, chance, self._committer)

    def serve(self) -> None:
        """Run in this thread until `stop` is called from another."""
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            try:
                runner.run(self.run())
            except asyncio.CancelledError:
                return

    async def run(self) -> None:
        """Poll until cancelled or stopped. What is in flight then is polled again after the next start."""
        self._loop, self._main = asyncio.get_running_loop(), asyncio.current_task()
        try:
            self._apply(await self._committer.insist(self._held_feeds))
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._committer.run())
                tasks.create_task(self._scheduler.run())
                tasks.create_task(self._refresh())
                tasks.create_task(self._watch())
        finally:
            self._loop = self._main = None
            self._threads.shutdown(wait=True, cancel_futures=True)
            for waiters in self._waiters.values():
                for waiter in waiters:
                    waiter.set_exception(UsageError("the service ingest has ended"))
            await self._ports.fetcher.close()

    def stop(self) -> None:
        """End `run` soon; returns at once. Safe to call when nothing runs."""
        if self._loop is not None and self._main is not None:
            self._loop.call_soon_threadsafe(self._main.cancel)

    def status(self) -> IngestStatus:
        """Return what there is to say about the service now."""
        running = self._loop is not None
        return IngestStatus(running, len(self._scheduler), self._scheduler.in_flight, self._committer.waiting)

    def add(self, subscriptions: Sequence[Subscription]) -> None:
        """Subscribe durably and poll the new feeds at once. Raises Unavailable."""
        self._ports.ledger.edit(put=subscriptions)
        self._look_again()

    def remove(self, feed: str) -> None:
        """Unsubscribe durably; see `sources.removal`. Raises UsageError for an unknown id, Unavailable."""
        put, remove = removal(self._ports.ledger.feeds(), feed)
        self._ports.ledger.edit(put=put, remove=remove)
        self._look_again()

    def poll_now(self, feed: str) -> Future[Feed]:
        """Poll the feed at once, whatever its schedule says; the future brings it with its new state.

        The future raises UsageError for a feed that is unknown or switched off, or where the service does not run.
        """
        waiter: Future[Feed] = Future()
        if self._loop is None:
            waiter.set_exception(UsageError("the service ingest does not run here: start `heliograph run ingest`"))
        else:
            self._loop.call_soon_threadsafe(self._hurry, feed, waiter)
        return waiter

    def let_go(self, feeds: Collection[str], timeout: float, /) -> bool:
        """Stop polling these feeds; see `port.LetGo`. Not to be called from the event loop's thread."""
        loop = self._loop
        if loop is None:
            return True
        ending = asyncio.run_coroutine_threadsafe(self._drop(feeds), loop)
        try:
            ending.result(timeout)
        except (TimeoutError, CancelledError):
            return False
        return True

    def _hurry(self, feed: str, waiter: Future[Feed]) -> None:
        if not waiter.set_running_or_notify_cancel():
            return
        if self._scheduler.hurry(feed):
            self._waiters.setdefault(feed, []).append(waiter)
        else:
            waiter.set_exception(UsageError(f"no feed with the id {feed!r} is being polled"))

    def _look_again(self) -> None:
        if self._loop is not None:
            asyncio.run_coroutine_threadsafe(self._look(), self._loop)

    async def _look(self) -> None:
        self._apply(await self._committer.insist(self._held_feeds))

    def _held_feeds(self) -> Sequence[Feed]:
        return [feed for feed in self._ports.ledger.feeds() if self._ports.share.holds(feed.subscription.id)]

    async def _drop(self, feeds: Collection[str]) -> None:
        for name in feeds:
            self._forget(name, f"the feed {name!r} is polled by another worker from now on")
        await self._scheduler.drop(feeds)
        await self._committer.settled()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._options.watch)
            lost = [name for name in self._scheduler.in_flight_feeds() if not self._ports.share.holds(name)]
            if lost:
                await self._drop(lost)

    async def _refresh(self) -> None:
        while True:
            await asyncio.sleep(self._options.refresh)
            await self._look()

    def _apply(self, feeds: Sequence[Feed]) -> None:
        """Take over what the ledger says of subscriptions; states in memory are newer than those in the ledger."""
        now, dues = self._now(), {}
        # What was let go since they were read is not taken on again.
        feeds = [feed for feed in feeds if self._ports.share.holds(feed.subscription.id)]
        for feed in feeds:
            before = self._feeds.get(feed.subscription.id)
            if before is not None and before.subscription == feed.subscription:
                continue
            moved = before is not None and before.subscription.url != feed.subscription.url
            state = feed.state if before is None else without_validators(before.state) if moved else before.state
            self._feeds[feed.subscription.id] = Feed(feed.subscription, state)
            if feed.subscription.enabled:
                dues[feed.subscription.id] = due(state, now, self._options.policy)
            else:
                self._scheduler.remove(feed.subscription.id)
        for name in self._feeds.keys() - {feed.subscription.id for feed in feeds}:
            self._forget(name, f"the feed {name!r} has been removed")
            self._scheduler.remove(name)
        for name, moment in spread(dues, now, self._options.start_rate).items():
            self._scheduler.add(name, host_of(self._feeds[name].subscription.url), moment)

    def _forget(self, name: str, why: str) -> None:
        self._feeds.pop(name, None)
        for waiter in self._waiters.pop(name, []):
            waiter.set_exception(UsageError(why))

    async def _poll(self, name: str) -> Next:
        feed = self._feeds.get(name)
        if feed is None:
            return Next(self._now())
        if not self._ports.share.holds(name):
            return self._later()
        poll = Poll(feed)
        try:
            work, decision = await self._poller.examine(poll, self._hold)
            if decision.state.last_outcome == GIVEN_UP:
                return self._later()
            current = self._feeds.get(name)
            if current is None or current.subscription.url != feed.subscription.url:
                # Removed or moved while it was being polled: what the old address said is of no use.
                return Next(self._now())
            if not await self._committer.save(work):
                return self._later()
        finally:
            self._held -= poll.held
        current = self._feeds.get(name)
        if current is not None and current.subscription.url == feed.subscription.url:
            self._feeds[name] = Feed(current.subscription, decision.state)
        outcome = decision.state.last_outcome
        self._ports.observer.observe_poll(name, outcome, monotonic() - poll.started, poll.received)
        self._scheduler.satisfied(name)
        for waiter in self._waiters.pop(name, []):
            waiter.set_result(Feed(feed.subscription, decision.state))
        return Next(decision.state.next_poll or self._now(), decision.hold_host)

    def _later(self) -> Next:
        """Come back to a feed that is not held at present: it is dropped by then, or held again."""
        return Next(self._now() + timedelta(seconds=self._options.refresh))

    def _hold(self, poll: Poll, size: int) -> None:
        poll.held = size
        self._held += size
