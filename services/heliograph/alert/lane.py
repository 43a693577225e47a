"""One channel's lane: takes the channel's due deliveries, sends a few at once, records what came of each."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from heliograph.alert.async_outbox import AsyncOutbox
from heliograph.alert.port import Attempt, Delivery, NotDelivered, Notifier, Receipt, Status
from heliograph.alert.receiver import State
from heliograph.alert.retry import next_try
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
    patience: float = LEASE - DEADLINE
    """Seconds that a delivery may wait for a place; begun later, its send might outlast the lease."""


class Lane:
    """Sends one channel's deliveries; made and used inside one event loop."""

    def __init__(self, channel: str, notifier: Notifier, outbox: AsyncOutbox, rules: Rules, state: State) -> None:
        self._channel = channel
        self._notifier = notifier
        self._outbox = outbox
        self._rules = rules
        self._state = state
        self._queue: deque[tuple[Delivery, float]] = deque()
        """Taken, and without a place yet; with when it was taken, by the loop's clock."""
        self._sends = 0
        """Sends under way."""
        self._tasks: set[asyncio.Task[None]] = set()
        """Deliveries being sent or recorded, and others being given back."""
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
        self._give_back()
        if self._tasks:
            _, left = await asyncio.wait(self._tasks, timeout=grace)
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
        return (1 if self._state.throttled else self._most()) - len(self._queue) - len(self._tasks)

    def _most(self) -> int:
        return max(self._rules.concurrency, self._rules.ahead)

    async def drain(self) -> datetime | None:
        """Send what is due by the clock, and return when the next falls due."""
        while True:
            next_due = await self._fill()
            if not self._tasks:
                return next_due
            await asyncio.wait(self._tasks)

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
        if self._state.paused(now):
            return self._state.paused_until
        room = self._room()
        if room < 1:
            return None
        taken = await self._outbox.take(self._channel, now, room, LEASE)
        self._more = len(taken.deliveries) == room
        taken_at = asyncio.get_running_loop().time()
        self._rested = taken_at + self._rules.pace
        self._queue.extend((delivery, taken_at) for delivery in taken.deliveries)
        self._send_next()
        return None if self._more else taken.next_due

    def _send_next(self) -> None:
        """Fill the places from the queue, after what is not to be sent from it has gone back."""
        self._give_back()
        while self._queue and self._sends < self._rules.concurrency:
            delivery, _ = self._queue.popleft()
            self._sends += 1
            self._start(self._deliver(delivery))

    def _give_back(self) -> None:
        """Let go what the queue is not to send: at a stop, where the receiver asks for less, after a long wait."""
        if unwanted := list(self._unwanted()):
            self._start(self._release(unwanted))

    def _unwanted(self) -> Iterator[Delivery]:
        """Take out of the queue, and yield, what is not to be sent from it."""
        state = self._state
        nothing = self._stopping or bool(state.disabled) or state.paused(self._rules.clock())
        while self._queue and (nothing or (state.throttled and self._room() < 0)):
            yield self._queue.pop()[0]
        # Another worker might take one before we are done with it; those that wait longest stand in front.
        until = asyncio.get_running_loop().time() - self._rules.patience
        while self._queue and self._queue[0][1] < until:
            yield self._queue.popleft()[0]

    async def _release(self, deliveries: list[Delivery]) -> None:
        try:
            await self._outbox.release(self._rules.clock(), deliveries)
        except Unavailable as error:
            logger.warning(
                "channel %s: %d deliveries wait until their lease is over: %s", self._channel, len(deliveries), error
            )

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._changed.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("channel %s: a delivery broke off", self._channel, exc_info=error)

    async def _deliver(self, delivery: Delivery) -> None:
        time, started = self._rules.clock(), asyncio.get_running_loop().time()
        try:
            answer = await self._send(delivery)
            # Whoever comes next into this place must know.
            due = self._due_after(delivery, answer)
            seconds = asyncio.get_running_loop().time() - started
        finally:
            self._sends -= 1
            self._send_next()
        number = delivery.tries + 1
        if isinstance(answer, Receipt):
            attempt = Attempt(number=number, time=time, outcome="delivered", status=answer.status, seconds=seconds)
            await self._record(delivery, attempt, Status.DELIVERED, None)
            return
        outcome, status = (answer.outcome, answer.status) if isinstance(answer, NotDelivered) else ("failed", 0)
        attempt = Attempt(number=number, time=time, outcome=outcome, status=status, error=str(answer), seconds=seconds)
        await self._record(delivery, attempt, Status.PENDING if due is not None else Status.FAILED, due)

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

    def _due_after(self, delivery: Delivery, answer: Receipt | DeliveryError) -> datetime | None:
        """Return when to try again, None for never."""
        if isinstance(answer, Receipt):
            self._state.took_one()
            return None
        rules, now = self._rules, self._rules.clock()
        self._state.refused(answer, now)
        if answer.permanent:
            return None
        asked, jitter = answer.retry_after, rules.jitter()
        return next_try(delivery.tries + 1, now, schedule=rules.schedule, asked=asked, jitter=jitter)

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
