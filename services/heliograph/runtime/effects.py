"""The effects of a batch: what every runner does between reading events and committing their positions.

Events of finished work go to the sink, refused ones to the dead letters, those that wait are handed in again. Only then
may a position be committed, so this is where "at least once" is kept, for all runners alike.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import structlog

from heliograph.core.event import DEAD_LETTERS, ArticleFetched, ArticleFlagged, ArticleMatched
from heliograph.errors import BadInput, LogUnavailable
from heliograph.eventlog.port import EventLog, Message
from heliograph.runtime import work
from heliograph.runtime.metrics import Metrics
from heliograph.runtime.retry import Backoff
from heliograph.runtime.stage import Done, Outcome, Reject, RetryLater, Step

_log = structlog.get_logger("runner")
_POINTS = {"stories": "flagged", "index-flagged": "indexed", "alert": "alerted"}
"""Stages whose end is a point of the end-to-end histogram."""


def utc_now() -> datetime:
    """Return the present moment, aware, in UTC."""
    return datetime.now(UTC)


class Effects:
    """Works on the batches of one step, one at a time, and counts what comes of them."""

    def __init__(
        self,
        log: EventLog,
        step: Step,
        metrics: Metrics,
        backoff: Backoff | None = None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._log, self._step, self._metrics, self._now = log, step, metrics, now
        self._name = step.stage.name
        self._backoff = backoff or Backoff()
        self.waiting = ""
        """Why events are held for another try, or empty."""

    def finish(self, messages: Sequence[Message], stop: threading.Event) -> bool:
        """Work on the batch until nothing waits; False where a stop came first, and nothing may be committed.

        Each event is handled, its events are acknowledged by the log, and what is refused is among the dead letters
        with its bytes. Raises what the log raises, LogUnavailable excepted.
        """
        pending = work.read(messages)
        failures = 0
        while pending:
            started = time.perf_counter()
            outcomes: Sequence[Outcome] = work.run_stage(self._step.stage, pending)
            self._metrics.stage_seconds.labels(self._name).observe(time.perf_counter() - started)
            waits = [outcome for outcome in outcomes if isinstance(outcome, RetryLater)]
            try:
                outcomes = self._write(pending, outcomes)
                pending = [item for item, o in zip(pending, outcomes, strict=True) if isinstance(o, RetryLater)]
            except LogUnavailable as error:
                # Nothing is known to be written: the whole batch again, its ids make that safe.
                waits = [RetryLater(error.retry_after or 0.0, str(error))]
            if not waits:
                break
            failures += 1
            delay = max(waits[0].after, self._backoff.delay(failures, random.random()))  # noqa: S311 - jitter, not a secret
            self.waiting = waits[0].reason
            _log.warning("waiting", stage=self._name, reason=waits[0].reason, seconds=round(delay, 1))
            if stop.wait(delay):
                return False
        self.waiting = ""
        return True

    def _write(self, items: Sequence[work.Work], outcomes: Sequence[Outcome]) -> Sequence[Outcome]:
        outcomes = self._to_sink(outcomes)
        refused = [(item, o) for item, o in zip(items, outcomes, strict=True) if isinstance(o, Reject)]
        if refused:
            now = self._now()
            letters = [work.dead_letter_entry(self._name, item, o, now) for item, o in refused]
            self._log.append(DEAD_LETTERS, letters)
        for item, reject in refused:
            self._metrics.dead_letters.labels(self._name, reject.reason).inc()
            place, reason, cause = item.message.place, reject.reason, reject.cause
            _log.error("dead letter", stage=self._name, place=place, reason=reason, cause=cause)
        self._count(items, outcomes)
        return outcomes

    def _to_sink(self, outcomes: Sequence[Outcome]) -> Sequence[Outcome]:
        """Append what the outcomes carry; one whose events the log refuses for good becomes a Reject."""
        entries = work.sink_entries(outcomes)
        if not entries or not self._step.sink:
            return outcomes
        try:
            self._log.append(self._step.sink, entries)
        except BadInput as error:
            if len(outcomes) == 1:
                return [Reject("refused-by-log", str(error))]
            return [known for outcome in outcomes for known in self._to_sink([outcome])]
        return outcomes

    def _count(self, items: Sequence[work.Work], outcomes: Sequence[Outcome]) -> None:
        kinds = {Done: "done", RetryLater: "retry", Reject: "rejected"}
        for outcome in outcomes:
            self._metrics.stage_events.labels(self._name, kinds[type(outcome)]).inc()
        point = _POINTS.get(self._name)
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
