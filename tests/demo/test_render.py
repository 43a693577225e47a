"""What the demo serves is read by feedparser as the articles it was made from."""

from __future__ import annotations

import json
from calendar import timegm
from datetime import UTC, datetime, timedelta
from html import unescape
from io import BytesIO

import feedparser
import pytest

from heliograph.demo.content import DateStyle, Outlet, World, load, published, visible
from heliograph.demo.render import render
from heliograph.demo.spell import cdata, spell_date

BASE = "http://127.0.0.1:9"
XML_OUTLETS = [outlet.id for outlet in load().outlets if outlet.format != "json"]
JSON_OUTLETS = [outlet.id for outlet in load().outlets if outlet.format == "json"]


def outlet_of(world: World, outlet_id: str) -> Outlet:
    return next(outlet for outlet in world.outlets if outlet.id == outlet_id)


@pytest.mark.parametrize("outlet_id", XML_OUTLETS)
@pytest.mark.parametrize("elapsed", [0, 600])
def test_feedparser_reads_every_visible_article_and_its_title(
    world: World, started: datetime, outlet_id: str, elapsed: int
) -> None:
    outlet = outlet_of(world, outlet_id)
    items = visible(outlet, elapsed)
    feed = render(outlet, items, BASE, started)
    headers = {"content-type": feed.content_type}
    parsed = feedparser.parse(BytesIO(feed.body), response_headers=headers)
    assert parsed.version.startswith({"rss2": "rss20", "rss1": "rss10", "atom": "atom10"}[outlet.format])
    got = {entry.link.rpartition("/")[2]: unescape(entry.title) for entry in parsed.entries}
    nested = outlet.escaping == "nested"
    assert got == {item.guid: f"<![CDATA[{item.title}]]>" if nested else item.title for item in items}
    assert parsed.feed.title == outlet.title


@pytest.mark.parametrize("outlet_id", XML_OUTLETS)
def test_the_body_survives_its_escaping_and_encoding(world: World, started: datetime, outlet_id: str) -> None:
    outlet = outlet_of(world, outlet_id)
    feed = render(outlet, outlet.articles, BASE, started)
    parsed = feedparser.parse(
        BytesIO(feed.body), response_headers={"content-type": feed.content_type}, sanitize_html=False
    )
    for entry in parsed.entries:
        item = world.items()[entry.link.rpartition("/")[2]][1]
        body = entry.content[0].value if "content" in entry else entry.summary
        if outlet.escaping == "twice":
            assert "<p>" not in body
            body = unescape(body)
        assert body.split() == item.body.split(), item.guid


@pytest.mark.parametrize("outlet_id", JSON_OUTLETS)
def test_a_json_feed_keeps_to_version_1_1(world: World, started: datetime, outlet_id: str) -> None:
    outlet = outlet_of(world, outlet_id)
    feed = render(outlet, outlet.articles, BASE, started)
    document = json.loads(feed.body)
    assert document["version"] == "https://jsonfeed.org/version/1.1"
    assert {item["id"]: item["title"] for item in document["items"]} == {i.guid: i.title for i in outlet.articles}
    for item in document["items"]:
        assert datetime.fromisoformat(item["date_published"]) == published(world.items()[item["id"]][1], started)


def test_the_newest_article_comes_first(world: World, started: datetime) -> None:
    outlet = outlet_of(world, "caspian-ledger")
    parsed = feedparser.parse(BytesIO(render(outlet, outlet.articles, BASE, started).body))
    stamps = [entry.published_parsed for entry in parsed.entries]
    assert stamps == sorted(stamps, reverse=True)


def test_the_same_arguments_give_the_same_bytes(world: World, started: datetime) -> None:
    for outlet in world.outlets:
        assert render(outlet, outlet.articles, BASE, started) == render(outlet, outlet.articles, BASE, started)


def test_an_outlet_with_nothing_yet_is_still_a_feed(world: World, started: datetime) -> None:
    for outlet in world.outlets:
        feed = render(outlet, (), BASE, started)
        if outlet.format == "json":
            assert json.loads(feed.body)["items"] == []
        else:
            parsed = feedparser.parse(BytesIO(feed.body), response_headers={"content-type": feed.content_type})
            assert (parsed.bozo, parsed.entries) == (False, [])


MOMENT = datetime(2026, 2, 3, 22, 5, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("style", "country", "spelt"),
    [
        ("rfc822", "ge", "Wed, 04 Feb 2026 02:05:09 +0400"),
        ("rfc822-2digit", "tr", "4 Feb 26 01:05 +0300"),
        ("iso", "ir", "2026-02-04T01:35:09+03:30"),
        ("wrong-zone", "kz", "2026-02-04T03:05:09Z"),
        ("ru-months", "ru", "4 февраля 2026, 01:05:09 +0300"),
        ("az-months", "az", "4 fevral 2026, 02:05:09 +0400"),
        ("tr-months", "tr", "4 Şubat 2026 01:05:09 +0300"),
        ("iso", "int", "2026-02-03T22:05:09+00:00"),
    ],
)
def test_dates_are_spelt_in_the_outlets_own_way(style: DateStyle, country: str, spelt: str) -> None:
    assert spell_date(style, MOMENT, country) == spelt


def test_rfc822_dates_state_the_instant_truthfully(world: World, started: datetime) -> None:
    outlet = outlet_of(world, "volga-vestnik")
    parsed = feedparser.parse(BytesIO(render(outlet, outlet.articles, BASE, started).body))
    for entry in parsed.entries:
        stated = datetime.fromtimestamp(timegm(entry.published_parsed), UTC)
        assert stated == published(world.items()[entry.link.rpartition("/")[2]][1], started)


def test_the_wrong_zone_puts_articles_into_the_future(world: World, started: datetime) -> None:
    outlet = outlet_of(world, "transit-monitor")
    item = next(item for item in outlet.articles if item.published_ago == "1h")
    stated = datetime.fromisoformat(spell_date(outlet.dates, published(item, started), outlet.country))
    assert stated == started - timedelta(hours=1) + timedelta(hours=5)


def test_an_end_mark_inside_cdata_is_split() -> None:
    feed = f"<rss version='2.0'><channel><item><title>{cdata('a ]]> b')}</title></item></channel></rss>"
    parsed = feedparser.parse(BytesIO(feed.encode()))
    assert (parsed.bozo, unescape(parsed.entries[0].title)) == (False, "a ]]> b")
