"""Who is polled when: never twice at once, fair over hosts, patient with a clock that jumps."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest

from heliograph.fetch.schedule import Next, Pace, Scheduler, spread

pytestmark = pytest.mark.anyio


class Polls:
    """Polls that last until they are let go; says what ran and how much at once."""

    def __init__(self, clock: Any) -> None:
        self.clock = clock
        self.log: list[str] = []
        self.running: Counter[str] = Counter()
        self.most: Counter[str] = Counter()
        self.gate = asyncio.Event()
        self.gate.set()
        self.answer: Callable[[str], Next] = lambda _: Next(clock.now + timedelta(hours=1))

    async def __call__(self, feed: str) -> Next:
        host = feed.partition("/")[0]
        self.log.append(feed)
        for key in (host, feed, "all"):
            self.running[key] += 1
            self.most[key] = max(self.most[key], self.running[key])
        await self.gate.wait()
        for key in (host, feed, "all"):
            self.running[key] -= 1
        return self.answer(feed)


@pytest.fixture
def polls(clock: Any) -> Polls:
    return Polls(clock)


@asynccontextmanager
async def running(polls: Polls, **pace: int) -> AsyncIterator[Scheduler]:
    scheduler = Scheduler(polls, polls.clock, Pace(**pace))
    task = asyncio.create_task(scheduler.run())
    try:
        yield scheduler
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - the scheduler tells nobody that it has nothing to do
            await asyncio.sleep(0.001)


async def settle() -> None:
    """Give the scheduler several turns in which it could do what it must not do."""
    for _ in range(10):
        await asyncio.sleep(0.002)


async def test_feeds_are_polled_when_due_and_again_when_they_say(polls: Polls, clock: Any) -> None:
    async with running(polls) as scheduler:
        scheduler.add("a/1", "a", clock.now)
        scheduler.add("b/1", "b", clock.now + timedelta(minutes=5))
        await until(lambda: polls.log == ["a/1"])
        await settle()
        clock.advance(300)
        scheduler.hurry("nobody")
        scheduler.add("c/1", "c", clock.now + timedelta(days=1))
        await until(lambda: polls.log == ["a/1", "b/1"])
        clock.advance(3_300)
        scheduler.add("d/1", "d", clock.now + timedelta(days=1))
        await until(lambda: polls.log == ["a/1", "b/1", "a/1"])


async def test_a_feed_is_never_polled_twice_at_once_however_often_it_is_hurried(polls: Polls, clock: Any) -> None:
    polls.gate.clear()
    async with running(polls, per_host=8) as scheduler:
        scheduler.add("a/1", "a", clock.now)
        await until(lambda: polls.log)
        for _ in range(5):
            scheduler.hurry("a/1")
            scheduler.add("a/1", "a", clock.now)
            await settle()
        assert polls.log == ["a/1"]
        polls.gate.set()
        await until(lambda: scheduler.in_flight == 0)
    assert polls.most["a/1"] == 1


async def test_a_host_with_many_feeds_gets_two_at_a_time_and_the_others_do_not_wait_for_it(
    polls: Polls, clock: Any
) -> None:
    polls.gate.clear()
    async with running(polls) as scheduler:
        for number in range(100):
            scheduler.add(f"big/{number}", "big", clock.now)
        for number in range(10):
            scheduler.add(f"small-{number}/1", f"small-{number}", clock.now)
        await until(lambda: len(polls.log) == 12)
        await settle()
        assert len(polls.log) == 12
        assert polls.running["big"] == 2
        polls.gate.set()
        await until(lambda: len(polls.log) == 110)
    assert polls.most["big"] == 2


async def test_no_more_than_the_limit_is_in_flight(polls: Polls, clock: Any) -> None:
    polls.gate.clear()
    async with running(polls, concurrency=20) as scheduler:
        for number in range(300):
            scheduler.add(f"h{number}/1", f"h{number}", clock.now)
        await until(lambda: scheduler.in_flight == 20)
        await settle()
        polls.gate.set()
        await until(lambda: len(polls.log) == 300)
    assert polls.most["all"] == 20


async def test_a_held_host_is_left_alone_until_the_pause_is_over_unless_a_person_asks(polls: Polls, clock: Any) -> None:
    pause = clock.now + timedelta(minutes=10)
    polls.answer = lambda _: Next(pause, hold_host=pause)
    async with running(polls, per_host=1) as scheduler:
        for number in range(4):
            scheduler.add(f"a/{number}", "a", clock.now)
        await until(lambda: len(polls.log) == 1)
        await settle()
        assert len(polls.log) == 1
        assert scheduler.hurry("a/3")
        await until(lambda: len(polls.log) == 2)
        assert polls.log[-1] == "a/3"
        polls.answer = lambda _: Next(clock.now + timedelta(hours=1))
        clock.advance(605)
        scheduler.add("b/1", "b", clock.now)
        await until(lambda: len(polls.log) == 7)
    assert Counter(polls.log) == {"a/0": 2, "a/1": 1, "a/2": 1, "a/3": 2, "b/1": 1}


async def test_a_feed_that_always_asks_for_a_pause_starves_no_other_of_its_host(polls: Polls, clock: Any) -> None:
    def answer(feed: str) -> Next:
        soon = clock.now + timedelta(seconds=10)
        return Next(soon, hold_host=soon) if feed == "a/5" else Next(soon)

    polls.answer = answer
    async with running(polls, per_host=1) as scheduler:
        for number in range(10):
            scheduler.add(f"a/{number}", "a", clock.now)
        for _ in range(60):
            await settle()
            clock.advance(1)
            scheduler.add("wake/1", "wake", clock.now)
    assert min(Counter(feed for feed in polls.log if feed != "wake/1").values()) >= 2
    assert len(set(polls.log)) == 11


async def test_a_removed_feed_is_polled_no_more_wherever_it_was(polls: Polls, clock: Any) -> None:
    polls.gate.clear()
    async with running(polls, per_host=1) as scheduler:
        for number in range(3):
            scheduler.add(f"a/{number}", "a", clock.now)
        scheduler.add("b/1", "b", clock.now + timedelta(minutes=1))
        await until(lambda: polls.log == ["a/0"])
        for feed in ("a/0", "a/1", "b/1"):
            scheduler.remove(feed)
        polls.answer = lambda _: Next(clock.now)
        polls.gate.set()
        await until(lambda: polls.log.count("a/2") > 1)
        clock.advance(120)
        await settle()
        assert len(scheduler) == 1
    assert set(polls.log) == {"a/0", "a/2"}


async def test_a_clock_that_goes_back_a_day_keeps_every_wait_as_it_was(polls: Polls, clock: Any) -> None:
    async with running(polls) as scheduler:
        scheduler.add("a/1", "a", clock.now + timedelta(minutes=5))
        await settle()
        clock.advance(-86_400)
        scheduler.add("wake/1", "wake", clock.now)
        await until(lambda: polls.log == ["wake/1"])
        clock.advance(301)
        scheduler.add("wake/2", "wake", clock.now)
        await until(lambda: set(polls.log) == {"wake/1", "wake/2", "a/1"})


async def test_what_a_poll_raises_ends_the_run_and_is_not_swallowed(clock: Any) -> None:
    async def broken(_: str) -> Next:
        raise ZeroDivisionError

    scheduler = Scheduler(broken, clock, Pace())
    scheduler.add("a", "a", clock.now)
    with pytest.raises(ZeroDivisionError):
        await scheduler.run()


async def test_moving_feeds_about_does_not_make_the_heap_grow(polls: Polls, clock: Any) -> None:
    async with running(polls) as scheduler:
        for turn in range(2_000):
            for feed in ("a", "b", "c"):
                scheduler.add(feed, feed, clock.now + timedelta(days=1 + turn))
        assert len(scheduler._heap) < 200


def test_overdue_feeds_are_laid_out_in_the_order_in_which_they_were_due(clock: Any) -> None:
    dues: dict[str, datetime] = {f"f{n:03}": clock.now - timedelta(seconds=n) for n in range(400)}
    dues["later"] = clock.now + timedelta(hours=1)
    laid_out = spread(dues, clock.now, rate=200.0)
    assert laid_out["f399"] == clock.now
    assert laid_out["f000"] == clock.now + timedelta(seconds=399 / 200)
    assert laid_out["later"] == clock.now + timedelta(hours=1)
