"""Searches as feeds: what the readers' own parsers make of them."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import feedparser
import pytest

HOSTILE = "]]> <script>alert(1)</script> & &amp; \"' \u202e e\u0301 \ud7ff\ufffe 😀"


def read(client: Any, path: str) -> Any:
    status, headers, body = client("GET", path)
    assert status == 200
    parsed = feedparser.parse(body, response_headers={"content-type": headers["content-type"]})
    assert not parsed.bozo, parsed.get("bozo_exception")
    return parsed


@pytest.mark.parametrize(("path", "version"), [("/feed.rss", "rss20"), ("/feed.atom", "atom10")])
def test_feedparser_reads_every_entry_without_a_complaint(client: Any, news: Any, path: str, version: str) -> None:
    parsed = read(client, path)
    assert parsed.version == version
    assert [entry.title for entry in parsed.entries] == [article["title"] for article in news.ARTICLES]
    assert len({entry.id for entry in parsed.entries}) == 7
    assert all(entry.link.startswith("https://") for entry in parsed.entries)
    dated = "published_parsed" if path == "/feed.rss" else "updated_parsed"
    assert parsed.entries[0][dated][:5] == (2026, 11, 22, 2, 0)
    assert parsed.entries[0].tags[0].term in ("South Caucasus transport corridors", "corridors")


@pytest.mark.parametrize("path", ["/feed.rss", "/feed.atom"])
def test_a_feed_keeps_to_its_query(client: Any, path: str) -> None:
    parsed = read(client, f"{path}?q=" + quote("language: ka"))
    assert [entry.title for entry in parsed.entries] == ["დერეფნის ახალი სადგური ზამთრისთვის გაიხსნება"]
    assert "language: ka" in parsed.feed.title


@pytest.mark.parametrize("path", ["/feed.rss", "/feed.atom"])
def test_hostile_text_arrives_as_text(client: Any, newsroom: Any, news: Any, path: str) -> None:
    newsroom.publish(news.document(HOSTILE, f"{HOSTILE} \x00\x0b\x1f corridor", source=HOSTILE, hours=0))
    parsed = read(client, path)
    entry = parsed.entries[0]
    assert "😀" in entry.title
    assert "corridor" in (entry.get("summary") or entry.content[0].value)
    # What a reader takes for HTML holds no element that would run; Atom says that it is plain text.
    assert "<script" not in entry.summary if path == "/feed.rss" else entry.content[0].type == "text/plain"


def test_json_feed_has_what_its_version_asks_for(client: Any, newsroom: Any, news: Any) -> None:
    newsroom.publish(news.document(HOSTILE, "a corridor", hours=0))
    status, headers, body = client("GET", "/feed.json")
    feed = json.loads(body)
    assert (status, headers["content-type"]) == (200, "application/feed+json")
    assert feed["version"] == "https://jsonfeed.org/version/1.1"
    assert feed["items"][0]["title"] == HOSTILE
    assert all({"id", "url", "content_text", "date_published"} <= set(item) for item in feed["items"])


def test_an_item_without_an_address_links_to_its_page_here(client: Any, newsroom: Any, news: Any) -> None:
    newsroom.publish(news.document("a corridor", link="javascript:alert(1)", url="", hours=0))
    assert read(client, "/feed.rss").entries[0].link.startswith("http://127.0.0.1:")


def test_an_empty_search_is_an_empty_feed(client: Any) -> None:
    assert read(client, "/feed.atom?q=zebra").entries == []


def test_a_wrong_query_is_400_and_says_why(client: Any) -> None:
    status, _, body = client("GET", "/feed.rss?q=(")
    assert status == 400
    assert json.loads(body)["error"]["message"]
