"""The deliverer: takes what is due from the outbox and hands it to the notifiers, in a thread and loop of its own.

Every channel has a lane. A lane takes its own channel's deliveries, so a receiver that hangs holds up nobody else, and
sends a few at once. What a receiver asks for (Retry-After) or suffers from (429, 502, 503, 504) slows its lane down;
410 stops it. A process that dies between sending and recording sends again after its next start, under the same id.
"""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime

from heliograph.alert.async_outbox import AsyncOutbox
from heliograph.alert.lane import AHEAD, PACE, Lane, Rules
from heliograph.alert.port import Alert, Attempt, Delivery, Notifier, Outbox, Receipt
from heliograph.alert.receiver import State
from heliograph.alert.retry import SCHEDULE
from heliograph.errors import UsageError

STORE_THREADS = 32
"""Questions to a shared store that may be under way at once; a file of our own answers one at a time anyway."""
GRACE = 3.0
"""Seconds that messages on their way are given when the deliverer is told to stop."""


class Deliverer:
    """Sends what the outbox holds, until told to stop.

    `schedule` is the seconds to wait before each try, the first being 0. `clock` gives aware UTC times; `jitter` a
    number from 0 to 1; `observe` is told of every attempt recorded, for metrics and logs, from the deliverer's thread.
    `sole` says that no other deliverer works on the outbox: what a dead process left in sending is then due at once,
    else when its lease is over. An outbox that several share is across a network: it is asked by several threads, and
    looked at once in `pace` seconds at most while little waits in it.
    """

    def __init__(  # noqa: PLR0913 - each is named at the one call, and most have a default
        self,
        *,
        outbox: Outbox,
        notifiers: Mapping[str, Notifier],
        clock: Callable[[], datetime],
        schedule: Sequence[float] = SCHEDULE,
        concurrency: int = 8,
        jitter: Callable[[], float] = random.random,
        observe: Callable[[Delivery, Attempt], None] = lambda _delivery, _attempt: None,
        sole: bool = True,
        pace: float = PACE,
    ) -> None:
        self._outbox = outbox
        self._notifiers = dict(notifiers)
        self._states = {channel: State() for channel in notifiers}
        self._clock = clock
        self._rules = Rules(tuple(schedule), concurrency, clock, jitter, observe)
        if not sole:
            self._rules = replace(self._rules, ahead=AHEAD, pace=pace)
        self._sole = sole
        self._guard = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopped = asyncio.Event()
        self._lanes: list[Lane] = []
        self._thread: threading.Thread | None = None
        self._stopping = False

    @property
    def disabled(self) -> Mapping[str, str]:
        """Channels whose receiver said 410, each with what to do; their alerts stay pending until the next start."""
        return {channel: state.disabled for channel, state in self._states.items() if state.disabled}

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread is not None and self._thread.is_alive()

    def wake(self) -> None:
        """Look at the outbox now; for whoever has claimed something. Safe from any thread, at any time."""
        with self._guard:
            if self._loop is not None:
                for lane in self._lanes:
                    self._loop.call_soon_threadsafe(lane.wake)

    def start(self) -> None:
        """Start the thread, which delivers until `stop`. A channel that was switched off gets another chance."""
        self._must_not_run("starting it again")
        for state in self._states.values():
            state.disabled = ""
        self._stopping = False
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main()), name="deliverer", daemon=True)
        self._thread.start()

    def stop(self, timeout: float = 5.0) -> None:
        """Take nothing more, give what is on its way a moment, and return once the thread has ended.

        What is cut off stays in sending, and is sent again after the next start.
        """
        with self._guard:
            self._stopping = True
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._stop_lanes)
        if self._thread is not None:
            self._thread.join(timeout)

    def run(self, stop: threading.Event) -> None:
        """Deliver in the background until `stop` is set; returns when everything has ended."""
        self.start()
        stop.wait()
        self.stop()

    def drain(self) -> datetime | None:
        """Send everything that is due by the clock, and return when the next delivery falls due (None: nothing waits).

        For tests and one-shot commands; not while the thread runs.
        """
        self._must_not_run("draining")
        return asyncio.run(self._drain())

    def _must_not_run(self, doing: str) -> None:
        if self.alive:
            raise UsageError(f"the deliverer runs: stop it before {doing}")

    async def _main(self) -> None:
        with self._pool() as pool:
            lanes = self._make_lanes(pool)
            with self._guard:
                self._loop, self._lanes = asyncio.get_running_loop(), lanes
                self._stopped = asyncio.Event()
                if self._stopping:
                    self._stop_lanes()
            try:
                # Without a channel there is nothing to do, and still the thread is there until it is told to stop.
                await asyncio.gather(self._stopped.wait(), *(lane.run(GRACE) for lane in lanes))
            finally:
                with self._guard:
                    self._loop, self._lanes = None, []
                await self._close()

    async def _drain(self) -> datetime | None:
        with self._pool() as pool:
            try:
                waiting = await asyncio.gather(*(lane.drain() for lane in self._make_lanes(pool)))
            finally:
                await self._close()
        return min((due for due in waiting if due is not None), default=None)

    def _stop_lanes(self) -> None:
        self._stopped.set()
        for lane in self._lanes:
            lane.stop()

    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(1 if self._sole else STORE_THREADS, thread_name_prefix="deliverer-store")

    def _make_lanes(self, pool: ThreadPoolExecutor) -> list[Lane]:
        outbox = AsyncOutbox(self._outbox, pool, recover=self._sole)
        return [
            Lane(channel, notifier, outbox, self._rules, self._states[channel])
            for channel, notifier in self._notifiers.items()
        ]

    async def _close(self) -> None:
        await asyncio.gather(*(notifier.close() for notifier in self._notifiers.values()))


def send_now(notifier: Notifier, alert: Alert) -> Receipt:
    """Send one message past the outbox, for `channels test`. Raises DeliveryError."""

    async def send() -> Receipt:
        try:
            return await notifier.send(alert)
        finally:
            await notifier.close()

    return asyncio.run(send())
