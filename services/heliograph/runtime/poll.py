"""PollRunner: a supervised thread for each step, over any event log."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial

import structlog

from heliograph.eventlog.port import EventLog, Message, Reader
from heliograph.runtime.effects import Effects, utc_now
from heliograph.runtime.metrics import Metrics
from heliograph.runtime.retry import Backoff
from heliograph.runtime.stage import Step, StepHealth
from heliograph.runtime.supervise import Supervisor

_log = structlog.get_logger("runner")
_WAIT = 0.25
"""Seconds a read waits at most: how soon a stop, or an append by another process, is noticed."""


class PollRunner:
    """Keeps the promises of `Runner` with threads that poll.

    A batch is committed once every event in it is done or dead-lettered; while some wait for a retry, only those are
    handed in again. On `stop`, a step ends its current call to the stage and leaves the rest uncommitted.
    """

    def __init__(
        self,
        log: EventLog,
        steps: Sequence[Step],
        metrics: Metrics,
        *,
        backoff: Backoff | None = None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._log, self._steps, self._metrics = log, tuple(steps), metrics
        self._supervisor = Supervisor(metrics, backoff)
        self._effects = [Effects(log, step, metrics, backoff, now) for step in self._steps]
        for step, effects in zip(self._steps, self._effects, strict=True):
            self._supervisor.add(step.stage.name, partial(self._run, step, effects))

    def start(self) -> None:
        self._supervisor.start()

    def stop(self, timeout: float = 5.0) -> None:
        late = self._supervisor.stop(timeout)
        if late:
            _log.warning("steps did not end in time; their work is done again at the next start", steps=late)

    def health(self) -> list[StepHealth]:
        found = []
        for step, effects, task in zip(self._steps, self._effects, self._supervisor.tasks, strict=True):
            reader = self._log.reader(step.source, step.reader_group)
            lag = reader.lag()
            reader.close()
            self._metrics.stage_lag_events.labels(task.name).set(lag.events)
            self._metrics.stage_lag_seconds.labels(task.name).set(lag.seconds)
            waiting = effects.waiting or (task.last_error if not task.alive else "")
            found.append(StepHealth(task.name, task.alive, lag.events, lag.seconds, waiting, task.restarts))
        return found

    def _run(self, step: Step, effects: Effects, stop: threading.Event) -> None:
        reader = self._log.reader(step.source, step.reader_group)
        epoch = reader.epoch
        try:
            while not stop.is_set():
                messages = self._gather(reader, step, stop)
                if reader.epoch != epoch:
                    epoch = reader.epoch
                    if step.renew is not None:
                        step.renew()
                if messages and effects.finish(messages, stop):
                    reader.commit(messages)
        finally:
            reader.close()

    def _gather(self, reader: Reader, step: Step, stop: threading.Event) -> list[Message]:
        messages = list(reader.read(step.batch, _WAIT))
        deadline = time.monotonic() + step.linger
        while messages and len(messages) < step.batch and not stop.is_set():
            left = deadline - time.monotonic()
            if left <= 0:
                break
            messages += reader.read(step.batch - len(messages), left)
        return messages
