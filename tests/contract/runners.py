"""What the contract of the runners is told with: a stage that follows a script, a log meddled with, a bench."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self

import pytest

from heliograph.core.article import Article
from heliograph.core.codec import decode, encode
from heliograph.core.event import ArticleFetched, DeadLetter, Envelope
from heliograph.errors import LogUnavailable
from heliograph.eventlog.port import Entry, EventLog
from heliograph.runtime.metrics import Metrics
from heliograph.runtime.retry import Backoff
from heliograph.runtime.stage import Done, Outcome, Runner, Step, StepHealth

NOW = datetime(2026, 1, 17, tzinfo=UTC)
QUICK = Backoff(first=0.01, most=0.02)
PATIENCE = 60.0
Answer = Callable[[Envelope], Outcome]


@dataclass(frozen=True)
class Under:
    """The runner under test, on its log."""

    log: EventLog
    runner: Callable[[EventLog, Sequence[Step], Metrics], Runner]
    shares: bool = False
    """Whether several runners of one group divide a topic among themselves."""


def envelope(name: str, article: str = "") -> Envelope:
    found = Article(
        id=article or name, revision="r", title=name, text="", feed="f", source="s", fetched=NOW, sorted=NOW
    )
    return Envelope(id=name, time=NOW, trace=name, data=ArticleFetched(article=found), ingested=NOW)


def entry(name: str, key: str = "") -> Entry:
    return Entry(name, key or name, encode(envelope(name, key)))


def copy_of(e: Envelope) -> Done:
    return Done((Envelope(id=f"out-{e.id}", time=NOW, trace=e.trace, data=e.data),))


class Scripted:
    """A stage that answers as the test says, and remembers what it was handed."""

    def __init__(self, answer: Answer, name: str = "scripted") -> None:
        self.name, self._answer = name, answer
        self.seen: list[str] = []
        self.drop_answers = False
        self.changed = threading.Condition()
        self.at_once = 0
        self.most_at_once = 0

    def handle(self, batch: Sequence[Envelope]) -> Sequence[Outcome]:
        with self.changed:
            self.at_once += 1
            self.most_at_once = max(self.at_once, self.most_at_once)
            self.seen += [e.id for e in batch]
            self.changed.notify_all()
        try:
            return [] if self.drop_answers else [self._answer(e) for e in batch]
        finally:
            with self.changed:
                self.at_once -= 1

    def wait_until_seen(self, *names: str) -> None:
        """Wait until one of these was handed in."""
        with self.changed:
            assert self.changed.wait_for(lambda: set(names) & set(self.seen), PATIENCE), f"{names} never handed in"


class Meddled:
    """The event log, except for what appending to `matches` does."""

    def __init__(self, log: EventLog, meddle: Callable[[Sequence[Entry]], None]) -> None:
        self._log, self._meddle = log, meddle

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)

    def append(self, topic: str, entries: Sequence[Entry]) -> int:
        if topic == "matches":
            self._meddle(entries)
        return self._log.append(topic, entries)


@dataclass
class Bench:
    """A runner with one step or more, started and stopped by the test."""

    under: Under
    stages: Sequence[Scripted]
    batch: int = 200
    meddle: Callable[[Sequence[Entry]], None] | None = None
    renew: Callable[[], None] | None = None
    metrics: Metrics = field(default_factory=Metrics)

    def __post_init__(self) -> None:
        log: Any = Meddled(self.under.log, self.meddle) if self.meddle else self.under.log
        steps = [
            Step(stage, "articles", sink="matches", batch=self.batch, renew=self.renew, linger=0.0)
            for stage in self.stages
        ]
        self.runner = self.under.runner(log, steps, self.metrics)

    def __enter__(self) -> Self:
        self.runner.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.runner.stop()

    def step(self, name: str = "scripted") -> StepHealth:
        return next(step for step in self.runner.health() if step.name == name)

    def wait_until(self, what: Callable[[StepHealth], bool], name: str = "scripted") -> StepHealth:
        waiting = threading.Event()
        found: StepHealth | LogUnavailable | None = None
        for _ in range(int(PATIENCE / 0.05)):
            try:
                found = self.step(name)
                if what(found):
                    return found
            except LogUnavailable as error:
                # A cluster that has only just started knows no groups yet.
                found = error
            waiting.wait(0.05)
        pytest.fail(f"still {found!r}")

    def wait_until_idle(self, name: str = "scripted") -> StepHealth:
        return self.wait_until(lambda step: step.lag_events == 0, name)

    def sunk(self) -> list[str]:
        """Return the ids in the sink, each once: an id may be appended again, consumers work by it."""
        return list(dict.fromkeys(m.id for m in self.under.log.scan("matches")))

    def letters(self) -> dict[bytes, DeadLetter]:
        found = [decode(m.value).data for m in self.under.log.scan("dead-letters")]
        return {letter.payload: letter for letter in found if isinstance(letter, DeadLetter)}

    def metric(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, labels) or 0.0


def run(under: Under, answer: Answer, *entries: Entry, **options: Any) -> Bench:
    """Run one stage over these entries until none is left, then stop."""
    under.log.append("articles", entries)
    with Bench(under, [Scripted(answer)], **options) as bench:
        bench.wait_until_idle()
    return bench
