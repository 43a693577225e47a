"""What every runner promises of its steps, over each log that it runs on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Self

import pytest

from heliograph.core.article import Article
from heliograph.core.codec import decode, encode
from heliograph.core.event import ArticleFetched, DeadLetter, Envelope
from heliograph.errors import BadInput, IndexUnavailable, LogUnavailable
from heliograph.eventlog.memory import MemoryLog
from heliograph.eventlog.port import Entry, EventLog
from heliograph.eventlog.sqlite import SqliteLog
from heliograph.runtime.metrics import Metrics
from heliograph.runtime.poll import PollRunner
from heliograph.runtime.retry import Backoff
from heliograph.runtime.stage import Done, Outcome, Reject, RetryLater, Runner, Step, StepHealth

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


@pytest.fixture(params=["memory", "sqlite"])
def under(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Under]:
    made: dict[str, Callable[[], EventLog]] = {
        "memory": MemoryLog,
        "sqlite": lambda: SqliteLog(tmp_path / "log.sqlite"),
    }
    log = made[request.param]()
    yield Under(log, partial(PollRunner, backoff=QUICK))
    log.close()


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


def test_events_of_done_work_reach_the_sink_in_the_order_of_their_key(under: Under) -> None:
    keys = "abcdefg"
    entries = [entry(f"{key}-{n:03}", key) for n in range(100) for key in keys]
    bench = run(under, copy_of, *entries)
    for key in keys:
        mine = [name for name in bench.sunk() if name.startswith(f"out-{key}-")]
        assert mine == [f"out-{key}-{n:03}" for n in range(100)]


def test_a_stage_is_called_by_one_thread_at_a_time_with_no_more_than_a_batch(under: Under) -> None:
    bench = run(under, copy_of, *[entry(f"{n:03}") for n in range(300)], batch=7)
    assert bench.stages[0].most_at_once == 1
    assert sorted(bench.stages[0].seen) == [f"{n:03}" for n in range(300)]


def test_a_rejected_event_goes_to_the_dead_letters_with_its_bytes_and_the_rest_goes_on(under: Under) -> None:
    bench = run(
        under,
        lambda e: Reject("bad-topic", "no such topic") if e.id == "b" else copy_of(e),
        *[entry(n) for n in "abc"],
    )
    assert set(bench.sunk()) == {"out-a", "out-c"}
    [letter] = bench.letters().values()
    assert (letter.stage, letter.reason, letter.payload) == ("scripted", "bad-topic", entry("b").value)
    assert [letter.origin] == [m.place for m in under.log.scan("articles") if m.id == "b"]
    assert bench.metric("heliograph_dead_letters_total", stage="scripted", reason="bad-topic") == 1


@pytest.mark.parametrize("value", [b"\xff{not json", b"", b"{}"], ids=["no text", "nothing", "no event"])
def test_bytes_that_are_no_event_are_dead_lettered_as_they_are(under: Under, value: bytes) -> None:
    bench = run(under, copy_of, Entry("x", "x", value), entry("a"))
    assert bench.sunk() == ["out-a"]
    assert {payload: letter.reason for payload, letter in bench.letters().items()} == {value: "undecodable"}


def test_a_stage_that_raises_loses_only_the_event_it_raises_on(under: Under) -> None:
    def answer(e: Envelope) -> Outcome:
        if e.id == "b":
            raise ZeroDivisionError("poisoned")
        return copy_of(e)

    bench = run(under, answer, *[entry(n) for n in "abc"])
    assert set(bench.sunk()) == {"out-a", "out-c"}
    [letter] = bench.letters().values()
    assert (letter.payload, letter.cause) == (entry("b").value, "ZeroDivisionError: poisoned")
    assert bench.step().restarts == 0


def test_a_stage_that_returns_too_few_outcomes_is_caught(under: Under) -> None:
    stage = Scripted(copy_of)
    stage.drop_answers = True
    under.log.append("articles", [entry("a")])
    with Bench(under, [stage]) as bench:
        bench.wait_until_idle()
    [letter] = bench.letters().values()
    assert "returned 0 outcomes for 1 events" in letter.cause


def test_only_the_waiting_event_is_handed_in_again(under: Under) -> None:
    tries: dict[str, int] = {}

    def answer(e: Envelope) -> Outcome:
        tries[e.id] = tries.get(e.id, 0) + 1
        return RetryLater(0.01, "index away") if e.id == "b" and tries[e.id] < 4 else copy_of(e)

    bench = run(under, answer, *[entry(n) for n in "abc"])
    assert tries == {"a": 1, "b": 4, "c": 1}
    assert set(bench.sunk()) == {"out-a", "out-b", "out-c"}


def test_unavailable_holds_the_batch_until_it_is_over_and_loses_nothing(under: Under) -> None:
    away = [True, True, True]

    def answer(e: Envelope) -> Outcome:
        if away:
            away.pop()
            raise IndexUnavailable("index away", retry_after=0.01)
        return copy_of(e)

    bench = run(under, answer, *[entry(n) for n in "ab"])
    assert set(bench.sunk()) == {"out-a", "out-b"}
    assert not bench.letters()


def test_a_sink_that_is_away_for_a_while_loses_nothing(under: Under) -> None:
    refusals = [True, True, True]

    def meddle(_: Sequence[Entry]) -> None:
        if refusals:
            refusals.pop()
            raise LogUnavailable("disk full")

    bench = run(under, copy_of, *[entry(n) for n in "abc"], meddle=meddle)
    assert set(bench.sunk()) == {"out-a", "out-b", "out-c"}
    assert not refusals


def test_an_event_that_the_log_refuses_for_good_becomes_a_dead_letter_and_the_rest_goes_on(under: Under) -> None:
    def meddle(entries: Sequence[Entry]) -> None:
        if any(e.id == "out-b" for e in entries):
            raise BadInput("matches: event out-b is larger than the topic takes")

    bench = run(under, copy_of, *[entry(n) for n in "abc"], meddle=meddle)
    assert set(bench.sunk()) == {"out-a", "out-c"}
    [letter] = bench.letters().values()
    assert (letter.payload, letter.reason) == (entry("b").value, "refused-by-log")


def test_nothing_is_committed_before_the_sink_has_acknowledged(under: Under) -> None:
    asked, acknowledge = threading.Event(), threading.Event()

    def meddle(_: Sequence[Entry]) -> None:
        asked.set()
        assert acknowledge.wait(PATIENCE)

    under.log.append("articles", [entry("a")])
    with Bench(under, [Scripted(copy_of)], meddle=meddle) as bench:
        assert asked.wait(PATIENCE)
        assert bench.step().lag_events == 1
        acknowledge.set()
        bench.wait_until_idle()
    assert bench.sunk() == ["out-a"]


def test_health_tells_lag_what_is_waited_for_and_life(under: Under) -> None:
    ready = threading.Event()
    under.log.append("articles", [entry("a"), entry("b")])
    stage = Scripted(lambda e: copy_of(e) if ready.is_set() else RetryLater(0.01, "index away"))
    bench = Bench(under, [stage])
    assert (bench.step().alive, bench.step().lag_events) == (False, 2)
    with bench:
        waiting = bench.wait_until(lambda step: bool(step.waiting))
        assert (waiting.alive, waiting.waiting, waiting.lag_events) == (True, "index away", 2)
        assert waiting.lag_seconds > 0
        ready.set()
        done = bench.wait_until_idle()
        assert (done.alive, done.waiting, done.lag_seconds, done.restarts) == (True, "", 0.0, 0)
        assert bench.metric("heliograph_stage_lag_events", stage="scripted") == 0
    assert bench.metric("heliograph_stage_events_total", stage="scripted", outcome="done") == 2
    assert not bench.step().alive


def test_a_step_that_waits_holds_up_no_other(under: Under) -> None:
    under.log.append("articles", [entry(n) for n in "abc"])
    stuck, free = Scripted(lambda _: RetryLater(60.0, "index away"), "stuck"), Scripted(copy_of, "free")
    with Bench(under, [stuck, free]) as bench:
        stuck.wait_until_seen(*"abc")
        bench.wait_until_idle("free")
        assert bench.step("stuck").lag_events == 3
    assert set(bench.sunk()) == {"out-a", "out-b", "out-c"}


def test_a_stop_ends_a_wait_and_the_next_start_goes_on_behind_the_last_commit(under: Under) -> None:
    # One key and one event at a time, so that it is known what was committed.
    under.log.append("articles", [entry(n, "one") for n in "abc"])
    first = Scripted(lambda e: copy_of(e) if e.id == "a" else RetryLater(3600.0, "index away"))
    with Bench(under, [first], batch=1) as bench:
        first.wait_until_seen("b")
    assert not bench.step().alive
    assert bench.step().lag_events == 2
    second = Scripted(copy_of)
    with Bench(under, [second], batch=1) as bench:
        bench.wait_until_idle()
    assert (first.seen, second.seen) == (["a", "b"], ["b", "c"])
    assert bench.sunk() == ["out-a", "out-b", "out-c"]


def test_a_step_that_dies_is_started_again_said_counted_and_loses_nothing(under: Under) -> None:
    deaths = [True, True]

    def meddle(_: Sequence[Entry]) -> None:
        if deaths:
            deaths.pop()
            raise RuntimeError("the producer broke")

    bench = run(under, copy_of, *[entry(n) for n in "abc"], meddle=meddle)
    assert set(bench.sunk()) == {"out-a", "out-b", "out-c"}
    assert bench.step().restarts == 2
    assert bench.metric("heliograph_task_restarts_total", task="scripted") == 2


def test_a_stage_hears_of_it_when_another_member_takes_over_a_share(under: Under) -> None:
    heard, changed = [0], threading.Condition()

    def renew() -> None:
        with changed:
            heard[0] += 1
            changed.notify_all()

    stage = Scripted(copy_of)
    under.log.append("articles", [entry("a", "one")])
    with Bench(under, [stage], renew=renew) as bench:
        bench.wait_until_idle()
        before = heard[0]
        if not under.shares:
            assert before == 0
            return
        with Bench(under, [Scripted(copy_of)]):
            for n in range(100):
                # It is told before its next batch, so it needs one.
                under.log.append("articles", [entry(f"{n:03}-{key}", str(key)) for key in range(30)])
                with changed:
                    if changed.wait_for(lambda: heard[0] > before, 1.0):
                        return
    pytest.fail("the first member was never told")
