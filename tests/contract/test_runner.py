"""What every runner promises of its steps, over each log that it runs on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import pytest
from tests.contract.runners import PATIENCE, QUICK, Bench, Scripted, Under, copy_of, entry, run

from heliograph.core.event import Envelope
from heliograph.errors import BadInput, IndexUnavailable, LogUnavailable
from heliograph.eventlog.memory import MemoryLog
from heliograph.eventlog.port import Entry, EventLog
from heliograph.eventlog.sqlite import SqliteLog
from heliograph.runtime.poll import PollRunner
from heliograph.runtime.stage import Outcome, Reject, RetryLater


@pytest.fixture(params=["memory", "sqlite"])
def under(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Under]:
    made: dict[str, Callable[[], EventLog]] = {
        "memory": MemoryLog,
        "sqlite": lambda: SqliteLog(tmp_path / "log.sqlite"),
    }
    log = made[request.param]()
    yield Under(log, partial(PollRunner, backoff=QUICK))
    log.close()


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
