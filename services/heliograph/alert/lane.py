"""One channel's lane: takes the channel's due deliveries, sends a few at once, records what came of each."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from heliograph.alert.port import Attempt, Delivery, NotDelivered, Notifier, Outbox, Receipt, Status, Taken
from heliograph.alert.retry import LONGEST_WAIT, next_try
from heliograph.errors import DeliveryError, Unavailable

DEADLINE = 65.0
"""Seconds after which a send is given up, should a notifier miss its own deadline (60 at most)."""
LEASE = 120.0
"""Seconds for which a delivery belongs to who took it: the deadline, and time to record what came of it."""
IDLE = 5.0
"""Seconds between looks at the outbox without being woken: other processes, such as a command, write to it too."""
STORE_PAUSE = 1.0
"""Seconds to wait for a store that is away."""
PACE = 0.25
"""Seconds between looks at a shared outbox: one costs the servers more than a delivery does."""
AHEAD = 64
"""Deliveries taken from a shared outbox in one look, though fewer are sent at once: a look takes longer than a send."""

logger = logging.getLogger(__name__)

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Rules:
    """What all lanes have in common; see `Deliverer`."""

    schedule: tuple[float, ...]
    concurrency: int
    clock: Callable[[], datetime]
    jitter: Callable[[], float]
    observe: Callable[[Delivery, Attempt], None]
    ahead: int = 0
    """Deliveries that may be taken before there is a place to send them; at least `concurrency` are."""
    pace: float = 0.0
    """Seconds from one look at the outbox to the next, unless more is known to wait and half the places are free."""


@dataclass(slots=True)
class State:
    """What a channel's receiver has told us; outlives the lane."""

    disabled: str = ""
    """What was said with a permanent refusal; nothing is sent while it stands."""
    paused_until: datetime | None = None
    throttled: bool = False
    """One at a time, until something is delivered."""


class AsyncOutbox:
    """The outbox for an event loop: calls wait for disk or network, so they are made in `pool`.

    With `recover`, what a dead process left in sending is made due before the first look; `pool` has one thread then.
    """

    def __init__(self, outbox: Outbox, pool: Executor, *, recover: bool) -> None:
        self._outbox = outbox
        self._pool = pool
        self._recover = recover

    async def take(self, channel: str, now: datetime, limit: int) -> Taken:
        return await self._in_pool(lambda: self._take(channel, now, limit))

    async def record(self, message: str, attempt: Attempt, status: Status, due: datetime | None) -> None:
        await self._in_pool(lambda: self._outbox.record(message, attempt, status, due))

    def _take(self, channel: str, now: datetime, limit: int) -> Taken:
        if self._recover:
            self._outbox.recover(now)
            self._recover = False
        return self._outbox.take(channel, now, limit, LEASE)

    async def _in_pool(self, call: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._pool, call)


class Lane:
    """Sends one channel's deliveries; made and used inside one event loop."""

    def __init__(self, channel: str, notifier: Notifier, outbox: AsyncOutbox, rules: Rules, state: State) -> None:
        self._channel = channel
        self._notifier = notifier
        self._outbox = outbox
        self._rules = rules
        self._state = state
        self._sending: set[asyncio.Task[None]] = set()
        self._places = asyncio.Semaphore(rules.concurrency)
        self._changed = asyncio.Event()
        self._stopping = False
        self._rested = 0.0
        """When the outbox is looked at again, by the loop's clock, where little is to be expected."""
        self._more = False
        """Whether the last look found as much as there was room for."""

    def wake(self) -> None:
        """Look at the outbox now."""
        self._changed.set()

    def stop(self) -> None:
        """Take nothing more; `run` returns when what is on its way has ended or its grace is over."""
        self._stopping = True
        self._changed.set()

    async def run(self, grace: float) -> None:
        """Send until stopped, then give what is on its way `grace` seconds."""
        loop = asyncio.get_running_loop()
        while not self._stopping:
            self._changed.clear()
            rest = self._rested - loop.time()
            if rest > 0 and not (self._more and self._room() * 2 >= self._most()):
                await self._nap(rest)
                continue
            await self._nap(await self._fill_guarded())
        if self._sending:
            _, left = await asyncio.wait(self._sending, timeout=grace)
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    async def _nap(self, seconds: float) -> None:
        """Return when something has happened, or the time is over."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()

    def _room(self) -> int:
        """Return how many more may be taken."""
        return (1 if self._state.throttled else self._most()) - len(self._sending)

    def _most(self) -> int:
        return max(self._rules.concurrency, self._rules.ahead)

    async def drain(self) -> datetime | None:
        """Send what is due by the clock, and return when the next falls due."""
        while True:
            next_due = await self._fill()
            if not self._sending:
                return next_due
            await asyncio.wait(self._sending)

    async def _fill_guarded(self) -> float:
        """Start sends, and return for how long to wait unless something happens."""
        try:
            next_due = await self._fill()
        except Unavailable as error:
            logger.warning("channel %s waits: %s", self._channel, error)
            return STORE_PAUSE
        except Exception:
            # A lane that ends would keep alerts back in silence; it says what is wrong and goes on trying.
            logger.exception("channel %s: looking for deliveries failed", self._channel)
            return IDLE
        if next_due is None:
            return IDLE
        return min(IDLE, max(0.0, (next_due - self._rules.clock()).total_seconds()))

    async def _fill(self) -> datetime | None:
        """Start as many sends as there is room for; return when to look again, None where only an event can tell."""
        now = self._rules.clock()
        if self._state.disabled:
            return None
        if self._state.paused_until is not None and self._state.paused_until > now:
            return self._state.paused_until
        room = self._room()
        if room < 1:
            return None
        taken = await self._outbox.take(self._channel, now, room)
        self._more = len(taken.deliveries) == room
        self._rested = asyncio.get_running_loop().time() + self._rules.pace
        for delivery in taken.deliveries:
            task = asyncio.create_task(self._deliver(delivery))
            self._sending.add(task)
            task.add_done_callback(self._ended)
        return None if self._more else taken.next_due

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._sending.discard(task)
        self._changed.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("channel %s: a delivery broke off", self._channel, exc_info=error)

    async def _deliver(self, delivery: Delivery) -> None:
        loop = asyncio.get_running_loop()
        taken = loop.time()
        async with self._places:
            time, started = self._rules.clock(), loop.time()
            if self._too_late(time, started - taken):
                return
            answer = await self._send(delivery)
            # Whoever comes next into this place must know.
            due = self._consequence(delivery, answer)
        number, seconds = delivery.tries + 1, loop.time() - started
        if isinstance(answer, Receipt):
            attempt = Attempt(number=number, time=time, outcome="delivered", status=answer.status, seconds=seconds)
            await self._record(delivery, attempt, Status.DELIVERED, None)
            return
        outcome, status = (answer.outcome, answer.status) if isinstance(answer, NotDelivered) else ("failed", 0)
        attempt = Attempt(number=number, time=time, outcome=outcome, status=status, error=str(answer), seconds=seconds)
        await self._record(delivery, attempt, Status.PENDING if due is not None else Status.FAILED, due)

    def _too_late(self, now: datetime, waited: float) -> bool:
        """Tell whether a delivery that was taken ahead is to be left to the end of its lease.

        Another worker might take it before we are done, or its receiver has asked for less meanwhile.
        """
        state = self._state
        asked_to_wait = state.paused_until is not None and state.paused_until > now
        calmer = asked_to_wait or bool(state.disabled) or (state.throttled and len(self._sending) > 1)
        return self._rules.ahead > 0 and (calmer or waited > LEASE - DEADLINE)

    async def _send(self, delivery: Delivery) -> Receipt | DeliveryError:
        try:
            async with asyncio.timeout(DEADLINE):
                return await self._notifier.send(delivery.alert)
        except DeliveryError as error:
            return error
        except TimeoutError:
            return NotDelivered(f"channel {self._channel}: no answer within {DEADLINE:g} s", outcome="timeout")
        except Exception as error:  # noqa: BLE001 - a fault of one notifier is a failed try, not the end of the lane
            # Its words are not ours and may quote a secret: only its kind is kept.
            what = f"channel {self._channel}: the notifier failed with {type(error).__name__}: report it as a bug"
            return NotDelivered(what, outcome="bug")

    def _consequence(self, delivery: Delivery, error: Receipt | DeliveryError) -> datetime | None:
        """Return when to try again, None for never; slow down, pause or stop the lane as the receiver asks."""
        if isinstance(error, Receipt):
            self._state.throttled = False
            return None
        now = self._rules.clock()
        if error.permanent:
            self._state.disabled = str(error)
            return None
        if isinstance(error, NotDelivered) and error.throttle:
            self._state.throttled = True
        if error.retry_after:
            until = now + timedelta(seconds=min(error.retry_after, LONGEST_WAIT))
            self._state.paused_until = max(until, self._state.paused_until or until)
        rules = self._rules
        return next_try(
            delivery.tries + 1, now, schedule=rules.schedule, asked=error.retry_after, jitter=rules.jitter()
        )

    async def _record(self, delivery: Delivery, attempt: Attempt, status: Status, due: datetime | None) -> None:
        # Holds its place in the lane until the store has it: sending more than can be recorded makes repeats.
        while True:
            try:
                await self._outbox.record(delivery.id, attempt, status, due)
                break
            except Unavailable as error:
                logger.warning("channel %s: an attempt waits to be recorded: %s", self._channel, error)
                await asyncio.sleep(STORE_PAUSE)
        self._rules.observe(delivery, attempt)
