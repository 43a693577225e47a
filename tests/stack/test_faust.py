"""Faust under load that kills: workers that die, brokers that go away, agents that stall, and what it leaves behind."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.contract.runners import PATIENCE, QUICK, Bench, Scripted, Under, copy_of, entry, run
from tests.stack.kafka import kafka_log, kafka_settings

from heliograph.core.event import Envelope
from heliograph.errors import LogUnavailable
from heliograph.eventlog.port import EventLog
from heliograph.runtime.faust import FaustRunner
from heliograph.runtime.stage import Outcome, RetryLater
from heliograph.settings import KafkaSettings

ROOT = Path(__file__).resolve().parents[2]
SESSION = 6.0
"""Seconds; the least that a broker allows unless told otherwise."""


@contextmanager
def faust_on(bootstrap: str, **options: Any) -> Iterator[tuple[Under, KafkaSettings]]:
    access = kafka_settings(bootstrap, session_timeout=timedelta(seconds=SESSION), append_timeout=timedelta(seconds=8))
    with kafka_log(bootstrap, settings=access) as log:
        yield Under(log, partial(FaustRunner, kafka=access, backoff=QUICK, **options), shares=True), access


class Worker:
    """A process that runs one step under Faust, and what it said it was handed."""

    def __init__(self, access: KafkaSettings, *, appends: int = 0) -> None:
        arguments = [access.bootstrap, access.topic_prefix, str(SESSION), str(appends)]
        self.process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "tests.stack.faust_worker", *arguments],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.seen: list[str] = []
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def wait_until_seen(self, events: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.seen) >= events, PATIENCE), f"only {len(self.seen)}"

    def end(self) -> int:
        """Ask the process to end where it still runs; return its code."""
        if self.process.poll() is None:
            self.process.terminate()
        code = self.process.wait(20)
        self._reader.join(20)
        assert self.process.stdout
        self.process.stdout.close()
        return code

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            with self._changed:
                self.seen.append(line.strip())
                self._changed.notify_all()


def wait_until_drained(log: EventLog) -> None:
    reader, waiting = log.reader("articles", "scripted"), threading.Event()
    for _ in range(int(PATIENCE / 0.1)):
        if not reader.lag().events:
            reader.close()
            return
        waiting.wait(0.1)
    pytest.fail(f"still {reader.lag()}")


def test_a_worker_killed_between_sink_and_commit_loses_nothing_and_the_next_goes_on(kafka_bootstrap: str) -> None:
    names = [f"{n:04}" for n in range(3000)]
    with faust_on(kafka_bootstrap) as (under, access):
        under.log.append("articles", [entry(name) for name in names])
        first = Worker(access, appends=7)
        assert first.process.wait(PATIENCE) == -9
        first.end()
        second = Worker(access)
        wait_until_drained(under.log)
        assert second.end() == 0
        sunk = [m.id for m in under.log.scan("matches")]
    assert set(sunk) == {f"out-{name}" for name in names}
    # The kill has bitten: what it cut off was done again, and what was committed before it was not.
    again = set(first.seen) & set(second.seen)
    assert again
    assert len(sunk) - len(set(sunk)) == len(again)
    assert set(first.seen) - again


def test_workers_share_a_topic_and_one_that_is_killed_hands_its_share_over(kafka_bootstrap: str) -> None:
    with faust_on(kafka_bootstrap) as (under, access):
        workers = [Worker(access), Worker(access)]
        names: list[str] = []
        waiting = threading.Event()
        # Both must have joined and got a share before one of them is killed.
        while not all(worker.seen for worker in workers):
            more = [f"{len(names) + n:05}" for n in range(60)]
            under.log.append("articles", [entry(name) for name in more])
            names += more
            assert len(names) < 60 * PATIENCE / 0.2
            waiting.wait(0.2)
        more = [f"{len(names) + n:05}" for n in range(3000)]
        under.log.append("articles", [entry(name) for name in more])
        names += more
        workers[0].wait_until_seen(len(workers[0].seen) + 100)
        workers[0].process.kill()
        wait_until_drained(under.log)
        assert [worker.end() for worker in workers] == [-9, 0]
        assert {m.id for m in under.log.scan("matches")} == {f"out-{name}" for name in names}


def test_fifty_rebalances_lose_nothing(kafka_bootstrap: str) -> None:
    """Members come and go while events flow; each change hands partitions over."""
    names: list[str] = []
    with faust_on(kafka_bootstrap) as (under, _), Bench(under, [Scripted(copy_of)], batch=20) as bench:
        for turn in range(25):
            with Bench(under, [Scripted(copy_of)], batch=20) as other:
                more = [f"{turn:02}-{n:03}" for n in range(120)]
                under.log.append("articles", [entry(name) for name in more])
                names += more
                other.stages[0].changed.acquire()
                other.stages[0].changed.wait_for(lambda: bool(other.stages[0].seen), 5)
                other.stages[0].changed.release()
        bench.wait_until_idle()
        assert bench.step().restarts == 0
        assert set(bench.sunk()) == {f"out-{name}" for name in names}


def test_a_broker_that_goes_and_comes_back_costs_time_and_no_event(make_stack: Callable[..., Any]) -> None:
    stack = make_stack()
    stack.up(only="kafka")
    with faust_on(stack.bootstrap) as (under, _):
        under.log.append("articles", [entry(n) for n in "abc"])
        with Bench(under, [Scripted(copy_of)]) as bench:
            bench.wait_until_idle()
            stack.kill("kafka-1")
            with pytest.raises(LogUnavailable):
                bench.step()
            stack.start("kafka-1")
            under.log.append("articles", [entry(n) for n in "def"])
            bench.wait_until_idle()
            assert set(bench.sunk()) == {f"out-{n}" for n in "abcdef"}


def test_a_stop_ends_while_the_broker_is_away(make_stack: Callable[..., Any]) -> None:
    stack = make_stack()
    stack.up(only="kafka")
    before = set(threading.enumerate())
    with faust_on(stack.bootstrap) as (under, _):
        under.log.append("articles", [entry("a")])
        bench = Bench(under, [Scripted(copy_of)])
        with bench:
            bench.wait_until_idle()
            stack.kill("kafka-1")
        left = [t for t in set(threading.enumerate()) - before if not t.daemon and not t.name.startswith("kafka-")]
        for thread in left:
            thread.join(20)
        assert not [thread for thread in left if thread.is_alive()]
        stack.start("kafka-1")


def test_a_wait_longer_than_the_session_timeout_keeps_the_share(kafka_bootstrap: str) -> None:
    tries, heard = [0], [0]

    def answer(e: Envelope) -> Outcome:
        tries[0] += 1
        return copy_of(e) if tries[0] > SESSION * 1.5 / 0.5 else RetryLater(0.5, "log away")

    def renew() -> None:
        heard[0] += 1

    with faust_on(kafka_bootstrap) as (under, _):
        bench = run(under, answer, entry("a"), renew=renew)
        assert bench.sunk() == ["out-a"]
        assert (heard[0], bench.step().restarts) == (1, 0)


def test_a_stage_that_does_not_return_shows_as_stalled_until_it_does(kafka_bootstrap: str) -> None:
    go_on = threading.Event()

    def answer(e: Envelope) -> Outcome:
        assert go_on.wait(PATIENCE)
        return copy_of(e)

    with faust_on(kafka_bootstrap, stall=4.0) as (under, _):
        under.log.append("articles", [entry("a")])
        with Bench(under, [Scripted(answer)]) as bench:
            stalled = bench.wait_until(lambda step: "has not returned" in step.waiting)
            assert (stalled.alive, stalled.lag_events) == (False, 1)
            assert bench.metric("heliograph_stage_stalled", stage="scripted") == 1
            go_on.set()
            done = bench.wait_until_idle()
            assert (done.alive, done.restarts) == (True, 0)
            assert bench.metric("heliograph_stage_stalled", stage="scripted") == 0


def meddle_with_batches(monkeypatch: pytest.MonkeyPatch, change: Callable[[list[Any]], list[Any]]) -> None:
    """Change what the agent gets, as a fault of Faust's would."""
    from heliograph.runtime import faust_app

    real = faust_app.batches

    async def changed(events: AsyncIterable[Any], most: int, linger: float) -> AsyncIterator[list[Any]]:
        async for batch in real(events, most, linger):
            yield change(batch)

    monkeypatch.setattr(faust_app, "batches", changed)


def test_an_agent_that_gets_nothing_although_events_wait_is_built_anew(
    kafka_bootstrap: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    deaf = threading.Event()
    meddle_with_batches(monkeypatch, lambda batch: [] if deaf.is_set() else batch)
    with faust_on(kafka_bootstrap, stall=4.0) as (under, _):
        under.log.append("articles", [entry("a")])
        with Bench(under, [Scripted(copy_of)]) as bench:
            bench.wait_until_idle()
            deaf.set()
            under.log.append("articles", [entry("b")])
            bench.wait_until(lambda step: step.restarts >= 1)
            deaf.clear()
            bench.wait_until_idle()
            assert bench.sunk() == ["out-a", "out-b"]
            assert bench.metric("heliograph_task_restarts_total", task="scripted") >= 1


def test_an_event_dropped_on_the_way_is_noticed_before_anything_behind_it_is_committed(
    kafka_bootstrap: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    dropped: list[int] = []

    def change(batch: list[Any]) -> list[Any]:
        found = [event for event in batch if dropped or event.message.offset != 5]
        dropped.extend(event.message.offset for event in batch if event not in found)
        return found

    meddle_with_batches(monkeypatch, change)
    names = [f"{n:02}" for n in range(20)]
    with faust_on(kafka_bootstrap) as (under, _):
        bench = run(under, copy_of, *[entry(name, "one") for name in names])
        assert dropped == [5]
        assert bench.sunk() == [f"out-{name}" for name in names]
        assert bench.step().restarts == 1


def test_faust_reads_no_environment_makes_no_files_and_leaves_nothing_open(
    kafka_bootstrap: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in {"BROKER_URL": "kafka://127.0.0.1:1", "WEB_ENABLED": "yes", "APP_DATADIR": "data"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    before = set(threading.enumerate())
    with faust_on(kafka_bootstrap) as (under, access):
        bench = run(under, copy_of, *[entry(n) for n in "abc"])
        assert set(bench.sunk()) == {"out-a", "out-b", "out-c"}
        topics = _topics(access)
    left = [thread.name for thread in set(threading.enumerate()) - before]
    assert not [name for name in left if not name.startswith("kafka-")]
    assert not list(tmp_path.iterdir())
    assert sorted(topics) == sorted(f"{access.topic_prefix}{name}" for name in ("articles", "matches"))
    # What was not closed says so when it is collected, and a warning is an error here.
    gc.collect()


def _topics(access: KafkaSettings) -> Sequence[str]:
    from heliograph.runtime import kafka as clients

    admin = clients.admin(access)
    try:
        return [name for name in admin.list_topics() if name.startswith(access.topic_prefix)]
    finally:
        admin.close()
