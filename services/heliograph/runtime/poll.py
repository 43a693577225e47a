"""PollRunner: a supervised thread for each step, over any event log."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import structlog

from heliograph.core.event import DEAD_LETTERS, ArticleFetched, ArticleFlagged, ArticleMatched
from heliograph.errors import LogUnavailable
from heliograph.eventlog.port import EventLog, Message, Reader
from heliograph.runtime import work
from heliograph.runtime.metrics import Metrics
from heliograph.runtime.retry import Backoff
from heliograph.runtime.stage import Done, Outcome, Reject, RetryLater, Step, StepHealth
from heliograph.runtime.supervise import Supervisor

_log = structlog.get_logger("runner")
_WAIT = 0.25
"""Seconds a read waits at most: how soon a stop, or an append by another process, is noticed."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass
class _State:
    waiting: str = ""


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
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._log, self._steps, self._metrics, self._now = log, tuple(steps), metrics, now
        self._backoff = backoff or Backoff()
        self._supervisor = Supervisor(metrics, self._backoff)
        self._states = {step.stage.name: _State() for step in self._steps}
        for step in self._steps:
            self._supervisor.add(step.stage.name, partial(self._run, step))

    def start(self) -> None:
        self._supervisor.start()

    def stop(self, timeout: float = 5.0) -> None:
        late = self._supervisor.stop(timeout)
        if late:
            _log.warning("steps did not end in time; their work is done again at the next start", steps=late)

    def health(self) -> list[StepHealth]:
        found = []
        for step, task in zip(self._steps, self._supervisor.tasks, strict=True):
            reader = self._log.reader(step.source, step.reader_group)
            lag = reader.lag()
            reader.close()
            self._metrics.stage_lag_events.labels(task.name).set(lag.events)
            self._metrics.stage_lag_seconds.labels(task.name).set(lag.seconds)
            waiting = self._states[task.name].waiting or (task.last_error if not task.alive else "")
            found.append(StepHealth(task.name, task.alive, lag.events, lag.seconds, waiting, task.restarts))
        return found

    def _run(self, step: Step, stop: threading.Event) -> None:
        reader = self._log.reader(step.source, step.reader_group)
        epoch = reader.epoch
        try:
            while not stop.is_set():
                messages = self._gather(reader, step, stop)
                if reader.epoch != epoch:
                    epoch = reader.epoch
                    if step.renew is not None:
                        step.renew()
                if messages and self._finish(step, messages, stop):
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

    def _finish(self, step: Step, messages: Sequence[Message], stop: threading.Event) -> bool:
        """Work on the batch until nothing waits; False where a stop came first."""
        pending = work.read(messages)
        failures = 0
        while pending:
            started = time.perf_counter()
            outcomes = work.run_stage(step.stage, pending)
            self._metrics.stage_seconds.labels(step.stage.name).observe(time.perf_counter() - started)
            waits = [outcome for outcome in outcomes if isinstance(outcome, RetryLater)]
            try:
                self._write(step, pending, outcomes)
                pending = [item for item, o in zip(pending, outcomes, strict=True) if isinstance(o, RetryLater)]
            except LogUnavailable as error:
                # Nothing is known to be written: the whole batch again, its ids make that safe.
                waits = [RetryLater(error.retry_after or 0.0, str(error))]
            if not waits:
                break
            failures += 1
            delay = max(waits[0].after, self._backoff.delay(failures, random.random()))  # noqa: S311 - jitter, not a secret
            self._states[step.stage.name].waiting = waits[0].reason
            _log.warning("waiting", stage=step.stage.name, reason=waits[0].reason, seconds=round(delay, 1))
            if stop.wait(delay):
                return False
        self._states[step.stage.name].waiting = ""
        return True

    def _write(self, step: Step, items: Sequence[work.Work], outcomes: Sequence[Outcome]) -> None:
        name = step.stage.name
        entries = work.sink_entries(outcomes)
        if entries and step.sink:
            self._log.append(step.sink, entries)
        refused = [(item, o) for item, o in zip(items, outcomes, strict=True) if isinstance(o, Reject)]
        if refused:
            now = self._now()
            self._log.append(DEAD_LETTERS, [work.dead_letter_entry(name, item, o, now) for item, o in refused])
        for item, reject in refused:
            self._metrics.dead_letters.labels(name, reject.reason).inc()
            _log.error("dead letter", stage=name, place=item.message.place, reason=reject.reason, cause=reject.cause)
        self._count(name, items, outcomes)

    def _count(self, name: str, items: Sequence[work.Work], outcomes: Sequence[Outcome]) -> None:
        kinds = {Done: "done", RetryLater: "retry", Reject: "rejected"}
        for outcome in outcomes:
            self._metrics.stage_events.labels(name, kinds[type(outcome)]).inc()
        point = _POINTS.get(name)
        if point is None:
            return
        now = self._now()
        for item, outcome in zip(items, outcomes, strict=True):
            envelope = item.envelope
            if envelope is None or envelope.backfill or not isinstance(outcome, Done):
                continue
            if isinstance(envelope.data, ArticleFetched | ArticleMatched | ArticleFlagged):
                age = (now - envelope.data.article.fetched).total_seconds()
                self._metrics.pipeline_delay.labels(point).observe(max(0.0, age))


_POINTS = {"stories": "flagged", "index-flagged": "indexed", "alert": "alerted"}
"""Stages whose end is a point of the end-to-end histogram."""
