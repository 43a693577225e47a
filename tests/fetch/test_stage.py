"""Ingest from due feed to log and ledger: what is new, what is marked, what is not parsed again."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from heliograph.core.event import ArticleFetched
from heliograph.fetch.port import ParsedFeed, ParsedItem
from heliograph.fetch.replay import Recorded

pytestmark = pytest.mark.anyio


async def test_the_first_import_is_back_fill_and_what_comes_later_is_news(world: Any) -> None:
    world.fetcher.record(world.url, Recorded(world.document("a", "b")))
    async with world.running() as ingest:
        await world.poll(ingest)
        world.fetcher.record(world.url, Recorded(world.document("c", "a", "b")))
        await world.poll(ingest)
    events = list(world.log.events.values())
    assert [(event.data.article.title, event.backfill) for event in events] == [
        ("a", True),
        ("b", True),
        ("c", False),
    ]
    assert world.state.first_import_done
    assert world.state.items_seen == 3


async def test_an_article_carries_what_is_known_of_its_feed_and_a_canonical_address(world: Any) -> None:
    async def dated(*_: Any) -> ParsedFeed:
        ahead = datetime(2031, 1, 1, tzinfo=UTC)
        item = ParsedItem(
            title="T", link="http://www.outlet.example/x/?utm_source=rss", summary="Only a summary", published=ahead
        )
        return ParsedFeed(items=(item,))

    world.parse = dated
    world.fetcher.record(world.url, Recorded(b"[]"))
    async with world.running() as ingest:
        await world.poll(ingest)
    (event,) = world.log.events.values()
    assert isinstance(event.data, ArticleFetched)
    article = event.data.article
    assert (article.feed, article.source, article.country, article.language) == ("outlet-en", "outlet", "ge", "en")
    assert article.url == "https://outlet.example/x"
    assert article.text == "Only a summary"
    assert article.published == datetime(2031, 1, 1, tzinfo=UTC)
    assert article.sorted == article.fetched == event.ingested == world.clock.now
    assert event.origin == "ingest"
    assert event.trace != event.id


async def test_an_unchanged_document_is_not_parsed_whether_by_304_or_by_its_bytes(world: Any) -> None:
    parses = 0

    async def counting(*arguments: Any) -> ParsedFeed:
        nonlocal parses
        parses += 1
        found: ParsedFeed = await world.read(*arguments)
        return found

    world.parse = counting
    async with world.running() as ingest:
        world.fetcher.record(world.url, Recorded(world.document("a"), headers={"etag": '"1"'}))
        await world.poll(ingest)
        await world.poll(ingest)
        world.fetcher.record(world.url, Recorded(world.document("a"), headers={"etag": '"2"'}))
        await world.poll(ingest)
    assert parses == 1
    assert [outcome for _, outcome in world.polls] == ["first-import", "not-modified", "same-body"]
    assert [request.etag for request in world.fetcher.requests] == ["", '"1"', '"1"']
    assert world.state.etag == '"2"'


async def test_a_changed_item_keeps_its_id_and_is_told_again_and_a_tracking_parameter_is_no_change(
    world: Any,
) -> None:
    async with world.running() as ingest:
        corrected = world.document("a", text="Corrected.")
        for body in (world.document("a"), corrected, corrected + b"\n"):
            world.fetcher.record(world.url, Recorded(body))
            await world.poll(ingest)
        world.fetcher.record(world.url, Recorded(corrected.replace(b"utm_source=rss", b"utm_id=9")))
        await world.poll(ingest)
    first, second = (event.data.article for event in world.log.events.values())
    assert first.id == second.id
    assert first.revision != second.revision
    assert [outcome for _, outcome in world.polls] == ["first-import", "changed-items", "no-new-items", "no-new-items"]
