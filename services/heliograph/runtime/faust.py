"""FaustRunner: each step of the stream is a Faust app with one agent, supervised like any other task.

    Kafka -> Faust's consumer -> agent: batches -> stage, in a thread of its own -> log: sink, dead letters -> commit

Every step has an event loop in a supervised thread, so that one step's trouble is its own: an app that dies or stalls
is taken down and built anew, said and counted. It is a member of the group that PollRunner would be a member of, and
goes on where that one has left off; the two are not to run in one group at the same time.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

import structlog

from heliograph.errors import LogUnavailable
from heliograph.eventlog.port import EventLog, Lag, Message
from heliograph.runtime.effects import Effects, utc_now
from heliograph.runtime.kafka import Access
from heliograph.runtime.metrics import Metrics
from heliograph.runtime.retry import Backoff
from heliograph.runtime.stage import Step, StepHealth
from heliograph.runtime.supervise import Supervisor, Task
from heliograph.runtime.thread import OwnThread

if TYPE_CHECKING:
    from heliograph.runtime.faust_app import StepApp, Work

_log = structlog.get_logger("runner")
STALL = 30.0
"""Seconds without a finished batch, while events wait in the log, after which a step counts as stalled."""


class Stalled(LogUnavailable):
    """Events wait in the log, the stage is idle, and none reaches it."""


class FaustRunner:
    """Keeps the promises of `Runner` with Faust agents over Kafka; `log` is the event log on the same cluster.

    A step shows as not alive while its app is down and while it is stalled: nothing finished for `stall` seconds, and
    nothing known that it waits for, although events wait. An idle app that stalls is built anew; a stage that does not
    return cannot be, and is said.
    """

    def __init__(
        self,
        log: EventLog,
        steps: Sequence[Step],
        metrics: Metrics,
        *,
        kafka: Access,
        backoff: Backoff | None = None,
        now: Callable[[], datetime] = utc_now,
        stall: float = STALL,
    ) -> None:
        # Importing Faust takes a second or more, and whoever makes a runner is about to start it.
        from heliograph.runtime.faust_app import StepApp

        self._supervisor = Supervisor(metrics, backoff)
        self._lines = [
            _Line(log, step, metrics, partial(StepApp, kafka, step), Effects(log, step, metrics, backoff, now), stall)
            for step in steps
        ]
        for line in self._lines:
            self._supervisor.add(line.name, line.run)

    def start(self) -> None:
        self._supervisor.start()

    def stop(self, timeout: float = 5.0) -> None:
        deadline = time.monotonic() + timeout
        late = self._supervisor.stop(timeout)
        late += [
            line.name for line in self._lines if not line.end(deadline - time.monotonic()) and line.name not in late
        ]
        if late:
            _log.warning("steps did not end in time; their work is done again at the next start", steps=late)

    def health(self) -> list[StepHealth]:
        return [line.health(task) for line, task in zip(self._lines, self._supervisor.tasks, strict=True)]


class _Line:
    """One step, its thread, and how it gets on; outlives the apps that feed it."""

    def __init__(
        self,
        log: EventLog,
        step: Step,
        metrics: Metrics,
        make_app: Callable[[Work], StepApp],
        effects: Effects,
        stall: float,
    ) -> None:
        self.name = step.stage.name
        self._log, self._step, self._metrics, self._make_app = log, step, metrics, make_app
        self._effects, self._stall = effects, stall
        self._thread: OwnThread | None = None
        self._busy = False
        self._stalled = ""
        self._progress = time.monotonic()

    def run(self, stop: threading.Event) -> None:
        """Feed the step until `stop` is set. Raises what its app dies of."""
        # The reader's promise is that the topic exists from now on; Faust would wait for ever for one that does not.
        self._lag()
        if self._thread is None:
            self._thread = OwnThread(f"{self.name}-stage")
        self._progress = time.monotonic()

        async def main() -> None:
            await self._make_app(partial(self._work, stop)).run(stop.is_set, self._watch)

        asyncio.run(main())

    def end(self, timeout: float) -> bool:
        """End the stage's thread; tell whether it ended within `timeout` seconds."""
        return self._thread is None or self._thread.end(max(0.0, timeout))

    def health(self, task: Task) -> StepHealth:
        """Return how the step is doing, and set its gauges. Raises LogUnavailable."""
        lag = self._lag()
        self._metrics.stage_lag_events.labels(self.name).set(lag.events)
        self._metrics.stage_lag_seconds.labels(self.name).set(lag.seconds)
        self._note_stall(lag)
        alive = task.alive and not self._stalled
        waiting = self._effects.waiting or self._stalled or (task.last_error if not task.alive else "")
        return StepHealth(self.name, alive, lag.events, lag.seconds, waiting, task.restarts)

    async def _work(self, stop: threading.Event, messages: Sequence[Message], renewed: bool) -> bool:
        assert self._thread is not None
        self._busy, self._progress = True, time.monotonic()
        try:
            return await self._thread.call(partial(self._finish, messages, stop, renewed))
        finally:
            self._busy, self._progress = False, time.monotonic()

    def _finish(self, messages: Sequence[Message], stop: threading.Event, renewed: bool) -> bool:
        if renewed and self._step.renew is not None:
            self._step.renew()
        return self._effects.finish(messages, stop)

    async def _watch(self) -> None:
        """Raise Stalled where nothing moves although events wait and the stage is idle."""
        if self._quiet() < self._stall:
            self._set_stalled("")
            return
        lag = Lag(0, 0.0)
        if not self._busy and self._thread is not None:
            try:
                # The stage's thread has nothing else to do just now.
                lag = await self._thread.call(self._lag)
            except LogUnavailable as error:
                # Nothing can move while the log is away; how long it may take begins anew once it is back.
                _log.warning("lag unknown", stage=self.name, error=str(error))
        self._note_stall(lag)
        if self._stalled and not self._busy:
            raise Stalled(self._stalled)

    def _note_stall(self, lag: Lag) -> None:
        if self._effects.waiting or (not lag.events and not self._busy):
            self._progress = time.monotonic()
        quiet = self._quiet()
        if quiet < self._stall:
            self._set_stalled("")
        elif self._busy:
            self._set_stalled(f"its stage has not returned for {quiet:.0f} s")
        else:
            self._set_stalled(f"nothing finished for {quiet:.0f} s, {lag.events} events wait")

    def _set_stalled(self, why: str) -> None:
        if why and not self._stalled:
            _log.error("stalled", stage=self.name, reason=why)
        self._stalled = why
        self._metrics.stage_stalled.labels(self.name).set(1 if why else 0)

    def _quiet(self) -> float:
        return time.monotonic() - self._progress

    def _lag(self) -> Lag:
        reader = self._log.reader(self._step.source, self._step.reader_group)
        try:
            return reader.lag()
        finally:
            reader.close()
