"""The runner's promises, with a real log and stages that fail on purpose."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import pytest

from heliograph.core.article import Article
from heliograph.core.codec import decode, encode
from heliograph.core.event import ArticleFetched, DeadLetter, Envelope
from heliograph.errors import IndexUnavailable, LogUnavailable
from heliograph.eventlog.memory import MemoryLog
from heliograph.eventlog.port import Entry, Message
from heliograph.runtime.metrics import Metrics
from heliograph.runtime.poll import PollRunner
from heliograph.runtime.retry import Backoff
from heliograph.runtime.stage import Done, Outcome, Reject, RetryLater, Step

NOW = datetime(2026, 1, 17, tzinfo=UTC)
QUICK = Backoff(first=0.01, most=0.02)


def envelope(name: str) -> Envelope:
    article = Article(id=name, revision="r", title=name, text="", feed="f", source="s", fetched=NOW, sorted=NOW)
    return Envelope(id=name, time=NOW, trace=name, data=ArticleFetched(article=article), ingested=NOW)


def entry(name: str) -> Entry:
    return Entry(name, name, encode(envelope(name)))


class Scripted:
    """A stage that answers as the test says, and remembers what it was handed."""

    name = "scripted"

    def __init__(self, answer: Callable[[Envelope], Outcome]) -> None:
        self._answer = answer
        self.seen: list[str] = []
        self.drop_answers = False
        self.changed = threading.Condition()

    def handle(self, batch: Sequence[Envelope]) -> Sequence[Outcome]:
        with self.changed:
            self.seen += [e.id for e in batch]
            self.changed.notify_all()
        return [] if self.drop_answers else [self._answer(e) for e in batch]


class Harness:
    def __init__(self, answer: Callable[[Envelope], Outcome], log: MemoryLog | None = None) -> None:
        self.log = log or MemoryLog()
        self.stage = Scripted(answer)
        self.metrics = Metrics()
        self.runner = PollRunner(self.log, [Step(self.stage, "articles", sink="matches")], self.metrics, backoff=QUICK)

    def run_until_idle(self) -> None:
        self.runner.start()
        idle = threading.Event()
        for _ in range(2000):
            if self.runner.health()[0].lag_events == 0:
                break
            idle.wait(0.01)
        else:
            pytest.fail(f"still behind: {self.runner.health()}")
        self.runner.stop()

    def dead_letters(self) -> list[DeadLetter]:
        found = [decode(m.value).data for m in self.log.scan("dead-letters")]
        return [letter for letter in found if isinstance(letter, DeadLetter)]


def copy_of(e: Envelope) -> Done:
    return Done((Envelope(id=f"out-{e.id}", time=NOW, trace=e.trace, data=e.data),))


def test_events_of_done_work_reach_the_sink_in_order() -> None:
    harness = Harness(copy_of)
    harness.log.append("articles", [entry(f"{n:03}") for n in range(500)])
    harness.run_until_idle()
    assert [m.id for m in harness.log.scan("matches")] == [f"out-{n:03}" for n in range(500)]


def test_a_rejected_event_goes_to_the_dead_letters_with_its_bytes_and_the_rest_goes_on() -> None:
    harness = Harness(lambda e: Reject("bad-topic", "no such topic") if e.id == "b" else copy_of(e))
    harness.log.append("articles", [entry(n) for n in "abc"])
    harness.run_until_idle()
    assert [m.id for m in harness.log.scan("matches")] == ["out-a", "out-c"]
    (letter,) = harness.dead_letters()
    assert (letter.stage, letter.reason, letter.payload) == ("scripted", "bad-topic", entry("b").value)
    assert letter.origin == "articles/0/1"


def test_bytes_that_are_no_event_are_dead_lettered_as_they_are() -> None:
    harness = Harness(copy_of)
    harness.log.append("articles", [Entry("x", "x", b"\xff{not json"), entry("a")])
    harness.run_until_idle()
    assert [m.id for m in harness.log.scan("matches")] == ["out-a"]
    (letter,) = harness.dead_letters()
    assert letter.payload == b"\xff{not json"
    assert letter.reason == "undecodable"


def test_a_stage_that_raises_loses_only_the_event_it_raises_on() -> None:
    def answer(e: Envelope) -> Outcome:
        if e.id == "b":
            raise ZeroDivisionError("poisoned")
        return copy_of(e)

    harness = Harness(answer)
    harness.log.append("articles", [entry(n) for n in "abc"])
    harness.run_until_idle()
    assert [m.id for m in harness.log.scan("matches")] == ["out-a", "out-c"]
    (letter,) = harness.dead_letters()
    assert "ZeroDivisionError: poisoned" in letter.cause


def test_only_the_waiting_event_is_handed_in_again() -> None:
    tries: dict[str, int] = {}

    def answer(e: Envelope) -> Outcome:
        tries[e.id] = tries.get(e.id, 0) + 1
        return RetryLater(0.01, "index away") if e.id == "b" and tries[e.id] < 4 else copy_of(e)

    harness = Harness(answer)
    harness.log.append("articles", [entry(n) for n in "abc"])
    harness.run_until_idle()
    assert tries == {"a": 1, "b": 4, "c": 1}
    assert {m.id for m in harness.log.scan("matches")} == {"out-a", "out-b", "out-c"}


def test_unavailable_holds_the_whole_batch_until_it_is_over() -> None:
    away = [True, True, True]

    def answer(e: Envelope) -> Outcome:
        if away:
            away.pop()
            raise IndexUnavailable("index away", retry_after=0.01)
        return copy_of(e)

    harness = Harness(answer)
    harness.log.append("articles", [entry(n) for n in "ab"])
    harness.run_until_idle()
    assert [m.id for m in harness.log.scan("matches")] == ["out-a", "out-b"]
    assert not harness.dead_letters()


def test_a_sink_that_refuses_for_a_while_loses_nothing() -> None:
    class Flaky(MemoryLog):
        refusals = 3

        def append(self, topic: str, entries: Sequence[Entry]) -> int:
            if topic == "matches" and self.refusals:
                self.refusals -= 1
                raise LogUnavailable("disk full")
            return super().append(topic, entries)

    harness = Harness(copy_of, Flaky())
    harness.log.append("articles", [entry(n) for n in "abc"])
    harness.run_until_idle()
    assert [m.id for m in harness.log.scan("matches")] == ["out-a", "out-b", "out-c"]


def test_a_stop_during_back_off_commits_nothing_and_a_new_runner_takes_over() -> None:
    first = Harness(lambda _: RetryLater(60.0, "index away"))
    first.log.append("articles", [entry("a")])
    first.runner.start()
    with first.stage.changed:
        assert first.stage.changed.wait_for(lambda: first.stage.seen, 10)
    first.runner.stop()
    second = Harness(copy_of, first.log)
    second.run_until_idle()
    assert [m.id for m in first.log.scan("matches")] == ["out-a"]


def test_a_step_that_dies_is_started_again_said_and_counted() -> None:
    class Broken(MemoryLog):
        deaths = 2

        def after(self, topic: str, offset: int, limit: int, timeout: float) -> list[Message]:
            if self.deaths:
                self.deaths -= 1
                raise RuntimeError("reader broke")
            return super().after(topic, offset, limit, timeout)

    harness = Harness(copy_of, Broken())
    harness.log.append("articles", [entry("a")])
    harness.run_until_idle()
    assert [m.id for m in harness.log.scan("matches")] == ["out-a"]
    restarts = harness.metrics.registry.get_sample_value("heliograph_task_restarts_total", {"task": "scripted"})
    assert restarts == 2


def test_a_stage_that_returns_too_few_outcomes_is_caught() -> None:
    harness = Harness(copy_of)
    harness.stage.drop_answers = True
    harness.log.append("articles", [entry("a")])
    harness.run_until_idle()
    (letter,) = harness.dead_letters()
    assert "returned 0 outcomes for 1 events" in letter.cause


@pytest.mark.parametrize("failures", [1, 2, 10, 10_000])
def test_back_off_grows_but_never_past_its_cap(failures: int) -> None:
    backoff = Backoff(first=0.5, most=30)
    assert 0 < backoff.delay(failures, 0.99) <= backoff.delay(failures, 0.0) <= 30
