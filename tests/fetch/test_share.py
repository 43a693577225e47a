"""Ingest as one worker of several: what it polls, and what it leaves alone, when feeds come and go."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

import pytest

from heliograph.errors import FetchError, UsageError
from heliograph.fetch.port import GIVEN_UP, FeedState, FetchRequest, FetchResult, LetGo, Update
from heliograph.fetch.replay import Recorded

pytestmark = pytest.mark.anyio
FEED = "outlet-en"


class Given:
    """A share that holds what the test gives it."""

    def __init__(self, ledger: Any, *held: str) -> None:
        self.ledger, self.held = ledger, set(held)
        self.lost_before_saving = False

    def join(self, let_go: LetGo) -> None:
        """The test calls it."""

    def holds(self, feed: str) -> bool:
        return feed in self.held

    def save(self, updates: Sequence[Update]) -> Collection[str]:
        if self.lost_before_saving:
            self.held.clear()
        kept = [update for update in updates if update.state.feed in self.held]
        self.ledger.save(kept)
        return {update.state.feed for update in kept}

    def close(self) -> None:
        """Nothing is held open."""


class Stuck:
    """A fetcher that asks and gets no answer until `answers` has some."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.cancelled = asyncio.Event()
        self.answers: Any = None

    async def fetch(self, request: FetchRequest) -> FetchResult:
        if self.answers is not None:
            found: FetchResult = await self.answers.fetch(request)
            return found
        self.asked.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        raise AssertionError("nothing sets that event")

    async def close(self) -> None:
        """Nothing is held open."""


async def begin(world: Any, ingest: Any) -> Any:
    """Have the feed polled; return what brings its outcome."""
    await world.until(lambda: ingest.status().feeds)
    return ingest.poll_now(FEED)


async def test_a_feed_is_polled_from_when_it_is_held_and_from_where_its_last_worker_left_it(world: Any) -> None:
    world.share = Given(world.ledger)
    world.fetcher.record(world.url, Recorded(world.document("a", "b")))
    async with world.running(refresh=0.01) as ingest:
        await world.until(lambda: not ingest.status().waiting)
        assert ingest.status().feeds == 0
        state = replace(FeedState(feed=FEED), polls=7, last_attempt=world.clock.now, first_import_done=True)
        world.ledger.save([Update(state, {"of another worker": "1"})])
        world.share.held.add(FEED)
        await world.poll(ingest)
    assert world.state.polls >= 8
    assert [event.backfill for event in world.log.events.values()] == [False, False]


async def test_a_poll_under_way_ends_before_its_feed_is_let_go_and_leaves_nothing_behind(world: Any) -> None:
    world.share = Given(world.ledger, FEED)
    world.fetcher = Stuck()
    async with world.running() as ingest:
        polled = await begin(world, ingest)
        await asyncio.wait_for(world.fetcher.asked.wait(), 10)
        world.share.held.clear()
        assert await asyncio.to_thread(ingest.let_go, [FEED], 10.0)
        assert world.fetcher.cancelled.is_set()
        assert (ingest.status().feeds, ingest.status().in_flight) == (0, 0)
        with pytest.raises(UsageError, match="another worker"):
            polled.result(10)
    assert (world.polls, world.state.polls) == ([], 0)


async def test_a_feed_that_was_let_go_and_comes_back_is_polled_again(world: Any) -> None:
    world.share = Given(world.ledger, FEED)
    stuck, answering = Stuck(), world.fetcher
    world.fetcher = stuck
    answering.record(world.url, Recorded(world.document("a")))
    async with world.running(refresh=0.01) as ingest:
        await begin(world, ingest)
        await asyncio.wait_for(stuck.asked.wait(), 10)
        world.share.held.clear()
        assert await asyncio.to_thread(ingest.let_go, [FEED], 10.0)
        stuck.answers = answering
        world.share.held.add(FEED)
        await world.poll(ingest)
    assert world.log.titles == ["a"]


async def test_a_poll_is_cancelled_once_its_feed_is_not_held_any_more_though_nobody_says_so(world: Any) -> None:
    world.share = Given(world.ledger, FEED)
    world.fetcher = Stuck()
    async with world.running(watch=0.001) as ingest:
        await begin(world, ingest)
        await asyncio.wait_for(world.fetcher.asked.wait(), 10)
        world.share.held.clear()
        await asyncio.wait_for(world.fetcher.cancelled.wait(), 10)


async def test_what_was_polled_of_a_feed_that_is_lost_meanwhile_reaches_neither_log_nor_ledger(world: Any) -> None:
    world.share = Given(world.ledger, FEED)

    async def losing(*arguments: Any) -> Any:
        world.share.held.clear()
        return await world.read(*arguments)

    world.parse = losing
    world.fetcher.record(world.url, Recorded(world.document("a")))
    async with world.running(refresh=0.01, watch=60.0) as ingest:
        await begin(world, ingest)
        await world.until(lambda: not world.share.held and not ingest.status().feeds)
    assert (world.log.titles, world.state.polls) == ([], 0)


async def test_a_poll_that_was_not_saved_is_not_remembered_by_its_worker_either(world: Any) -> None:
    world.share = Given(world.ledger, FEED)
    world.share.lost_before_saving = True
    world.fetcher.record(world.url, Recorded(world.document("a"), headers={"etag": '"1"'}))
    async with world.running(refresh=60.0) as ingest:
        await begin(world, ingest)
        await world.until(lambda: not world.share.held and not ingest.status().in_flight)
        assert world.polls == []
        world.share.lost_before_saving = False
        world.share.held.add(FEED)
        found = await asyncio.wait_for(asyncio.wrap_future(ingest.poll_now(FEED)), 10)
    # Had the first poll been remembered, the second would have brought a 304 and lost the article.
    assert found.state.last_outcome == "first-import"
    assert world.log.titles == ["a"]


async def test_a_request_that_was_given_up_counts_as_no_failure_of_the_feed(world: Any) -> None:
    class Connecting(Stuck):
        async def fetch(self, request: FetchRequest) -> FetchResult:
            world.share.held.clear()
            assert not request.wanted()
            world.share.held.add(FEED)
            self.asked.set()
            raise FetchError("given up", reason=GIVEN_UP)

    world.share = Given(world.ledger, FEED)
    world.fetcher = Connecting()
    async with world.running(refresh=60.0) as ingest:
        await begin(world, ingest)
        await asyncio.wait_for(world.fetcher.asked.wait(), 10)
        await world.until(lambda: not ingest.status().in_flight)
    assert (world.polls, world.state.polls) == ([], 0)


async def test_feeds_are_let_go_though_the_log_is_away(world: Any) -> None:
    world.share = Given(world.ledger, FEED)
    world.log.away = 10**6
    world.fetcher.record(world.url, Recorded(world.document("a")))
    async with world.running() as ingest:
        await begin(world, ingest)
        await world.until(lambda: ingest.status().waiting)
        world.share.held.clear()
        assert await asyncio.to_thread(ingest.let_go, [FEED], 10.0)
    assert world.state.polls == 0
