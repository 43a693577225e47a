"""Ingest when something fails, is edited or is killed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from heliograph.core.event import Envelope
from heliograph.errors import Unavailable, UsageError
from heliograph.fetch.port import ParsedFeed, Subscription, Update
from heliograph.fetch.replay import Recorded

pytestmark = pytest.mark.anyio


async def test_a_body_that_is_no_feed_becomes_one_dead_letter_with_its_bytes_and_the_feed_is_tried_again(
    world: Any,
) -> None:
    page = b"<html>maintenance</html>"
    world.fetcher.record(world.url, Recorded(page, headers={"etag": '"1"', "content-type": "application/json"}))
    async with world.running() as ingest:
        await world.poll(ingest)
        await world.poll(ingest)
        assert world.state.consecutive_failures == 2
        assert world.state.last_outcome == "not-a-feed"
        world.fetcher.record(world.url, Recorded(world.document("a"), headers={"etag": '"1"'}))
        await world.poll(ingest)
    (letter,) = world.log.letters
    assert (letter.payload, letter.reason, letter.stage) == (page, "not-a-feed", "ingest")
    assert letter.origin == f"outlet-en {world.url}"
    assert world.log.titles == ["a"]
    assert world.state.consecutive_failures == 0


async def test_a_failed_fetch_is_written_down_with_its_reason_and_never_stops_the_feed(world: Any) -> None:
    world.fetcher.record(world.url, Recorded(status=410))
    async with world.running() as ingest:
        feed = await world.poll(ingest)
        assert (feed.state.last_outcome, feed.state.last_status) == ("http-410", 410)
        assert feed.state.next_poll is not None
        world.fetcher.record(world.url, Recorded(world.document("a")))
        world.clock.advance(86_400 * 2)
        await world.poll(ingest)
    assert world.log.titles == ["a"]


async def test_a_fault_in_one_feed_shows_in_its_row_and_stops_no_other(world: Any) -> None:
    async def broken(*arguments: Any) -> ParsedFeed:
        if arguments[3].id == "outlet-en":
            raise ZeroDivisionError("oops")
        found: ParsedFeed = await world.read(*arguments)
        return found

    world.parse = broken
    other = replace(world.feed, id="other", url="https://other.example/feed")
    world.ledger.edit(put=[other])
    world.fetcher.record(world.url, Recorded(world.document("a")))
    world.fetcher.record(other.url, Recorded(world.document("b")))
    async with world.running() as ingest:
        state = (await world.poll(ingest)).state
        await world.poll(ingest, "other")
    assert state.last_outcome == "internal-error"
    assert "ZeroDivisionError" in state.last_error
    assert world.log.titles == ["b"]


async def test_a_parser_that_is_away_makes_no_dead_letter(world: Any) -> None:
    async def away(*_: Any) -> ParsedFeed:
        raise Unavailable("the parser's process is being started")

    world.parse = away
    world.fetcher.record(world.url, Recorded(world.document("a"), headers={"etag": '"1"'}))
    async with world.running() as ingest:
        await world.poll(ingest)
    assert world.log.letters == []
    assert world.state.last_outcome == "parser-away"
    assert world.state.etag == ""


async def test_while_the_log_is_away_nothing_is_remembered_and_then_everything_is_there(world: Any) -> None:
    world.log.away = 1
    world.fetcher.record(world.url, Recorded(world.document("a")))
    async with world.running() as ingest:
        waiting = asyncio.ensure_future(world.poll(ingest))
        await world.until(lambda: ingest.status().waiting)
        assert "disk is full" in ingest.status().waiting
        assert world.state.polls == 0
        await waiting
        assert ingest.status().waiting == ""
    assert world.log.titles == ["a"]
    assert world.state.polls == 1


class KilledError(BaseException):
    """Stands for the end of the process at this very point."""


@pytest.mark.parametrize("point", ["before-append", "after-append", "after-save"])
async def test_a_kill_between_log_and_ledger_loses_nothing_and_doubles_nothing(world: Any, point: str) -> None:
    world.fetcher.record(world.url, Recorded(world.document("a", "b")))
    world.clock.advance(3_600)
    append, save = world.log.append, world.ledger.save

    def dying_append(events: list[Envelope]) -> None:
        if point == "before-append":
            raise KilledError
        append(events)

    def dying_save(updates: Sequence[Update]) -> None:
        if point == "after-append":
            raise KilledError
        save(updates)
        raise KilledError

    world.log.append, world.ledger.save = dying_append, dying_save
    with pytest.raises(BaseExceptionGroup) as caught:
        await world.service().run()
    assert caught.group_contains(KilledError)
    assert len(world.log.events) == (0 if point == "before-append" else 2)
    world.log.append, world.ledger.save = append, save
    async with world.running() as ingest:
        await world.poll(ingest)
    assert sorted(world.log.titles) == ["a", "b"]
    assert all(event.backfill for event in world.log.events.values())
    assert world.state.items_seen == 2


async def test_a_feed_added_while_it_runs_is_polled_and_a_removed_one_is_not(world: Any) -> None:
    world.fetcher.record(world.url, Recorded(world.document("a")))
    added = Subscription(id="added", url="https://added.example/rss")
    world.fetcher.record(added.url, Recorded(world.document("n")))
    async with world.running() as ingest:
        await world.poll(ingest)
        await asyncio.to_thread(ingest.add, [added])
        await world.until(lambda: ("added", "first-import") in world.polls)
        await asyncio.to_thread(ingest.remove, "added")
        await world.until(lambda: ingest.status().feeds == 1)
        with pytest.raises(UsageError, match="'added'"):
            await asyncio.wrap_future(ingest.poll_now("added"))
        with pytest.raises(UsageError, match="feeds list"):
            ingest.remove("added")
    assert [feed.subscription.id for feed in world.ledger.feeds()] == ["outlet-en"]


async def test_an_edit_by_another_process_is_noticed(world: Any) -> None:
    world.fetcher.record(world.url, Recorded(world.document("a"), headers={"etag": '"1"'}))
    moved = "https://outlet.example/new-feed"
    world.fetcher.record(moved, Recorded(world.document("a"), headers={"etag": '"1"'}))
    async with world.running(refresh=0.01) as ingest:
        await world.poll(ingest)
        world.ledger.edit(put=[replace(world.feed, url=moved)])
        await world.until(lambda: world.fetcher.requests[-1].url == moved)
        assert world.fetcher.requests[-1].etag == ""
        await world.until(lambda: world.state.polls == 2)
        world.ledger.edit(put=[replace(world.feed, url=moved, enabled=False)])
        await world.until(lambda: not ingest.status().feeds)
    assert world.log.titles == ["a"]


async def test_after_a_restart_the_schedule_goes_on_where_it_was(world: Any) -> None:
    world.fetcher.record(world.url, Recorded(world.document("a"), headers={"etag": '"1"'}))
    async with world.running() as ingest:
        await world.poll(ingest)
    asked = len(world.fetcher.requests)
    async with world.running() as ingest:
        await world.until(lambda: ingest.status().feeds)
        for _ in range(20):
            await asyncio.sleep(0.001)
        assert len(world.fetcher.requests) == asked
        await world.poll(ingest)
    assert world.fetcher.requests[-1].etag == '"1"'


async def test_no_poll_is_started_while_too_many_bytes_are_held(world: Any) -> None:
    go_on = asyncio.Event()
    parsing: list[str] = []

    async def slow(*arguments: Any) -> ParsedFeed:
        parsing.append(arguments[3].id)
        await go_on.wait()
        found: ParsedFeed = await world.read(*arguments)
        return found

    world.parse = slow
    others = [Subscription(id=f"f{n}", url=f"https://f{n}.example/") for n in range(10)]
    world.ledger.edit(put=others, remove=[world.feed.id])
    for one in others:
        world.fetcher.record(one.url, Recorded(world.document("x" * 100)))
    async with world.running(held_bytes=150, start_rate=1_000_000.0):
        await world.until(lambda: parsing)
        world.clock.advance(1)
        for _ in range(30):
            await asyncio.sleep(0.001)
        assert len(parsing) < 10
        go_on.set()
        while len(world.polls) < 10:
            await asyncio.sleep(0.001)
            world.clock.advance(0.001)


def test_a_service_that_does_not_run_says_so(world: Any) -> None:
    ingest = world.service()
    ingest.stop()
    assert not ingest.status().running
    with pytest.raises(UsageError, match="heliograph run ingest"):
        ingest.poll_now("outlet-en").result(0)
