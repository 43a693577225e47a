"""What `feeds check` and `feeds discover` say of an address, and the recordings they can be tried on."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from heliograph.errors import DefinitionError, FeedError, FetchError
from heliograph.fetch.check import check
from heliograph.fetch.discover import discover, looks_like_html
from heliograph.fetch.port import FetchRequest, ParsedFeed, ParsedItem, Subscription
from heliograph.fetch.replay import Recorded, ReplayFetcher

pytestmark = pytest.mark.anyio

URL = "https://outlet.example/feed"
PAGE = b"""<!doctype html><html><head><base href="/news/">
<link rel="alternate" type="application/rss+xml" title="Comments" href="/comments/feed/">
<link rel="ALTERNATE nofollow" type="application/rss+xml; charset=utf-8" title="News" href="feed">
<link rel=alternate type=application/atom+xml href="//cdn.example/atom.xml#x">
<link rel=alternate type="application/json" href="/wp-json/1"><link rel=alternate hreflang=ru href="/ru/">
<link rel=alternate type="application/rss+xml" href="javascript:alert(1)">
<link rel=alternate type="application/rss+xml" href="file:///etc/passwd"><link rel=alternate type="application/rss+xml">
</head><body><a href="https://outlet.example/politics/rss.xml">Politics</a><a href="https://other.example/rss">x</a>
<a href="/about">RSS</a></body></html>"""


async def parse(body: bytes, _: str, __: str, ___: Subscription, /) -> ParsedFeed:
    if body.startswith(b"<"):
        raise FeedError("no feed")
    items = [ParsedItem(title=title, published=datetime(2024, 1, 1, tzinfo=UTC)) for title in json.loads(body)]
    return ParsedFeed(title="Outlet", items=tuple(items), problems=("1 item had no title",))


async def test_a_feed_is_told_with_what_could_be_better(clock: Any) -> None:
    fetcher = ReplayFetcher({URL: Recorded(b'["a", "b", "a"]')})
    report = await check(URL, fetcher, parse, clock)
    assert (report.ok, report.items, report.title, report.samples) == (True, 3, "Outlet", ("a", "b", "a"))
    said = "; ".join(report.notes)
    for part in (
        "no title",
        "neither ETag nor Last-Modified",
        "stale: the newest item is of 2024-01-01",
        "counts as one",
    ):
        assert part in said


async def test_a_page_is_told_from_a_feed_and_its_feeds_are_named(clock: Any) -> None:
    report = await check(URL, ReplayFetcher({URL: Recorded(PAGE)}), parse, clock)
    assert not report.ok
    assert report.verdict == "a web page, not a feed; it names 3 feeds"
    assert report.candidates[0].url == "https://outlet.example/news/feed"


@pytest.mark.parametrize(
    ("url", "reason"), [("ftp://x.example/", "bad-url"), ("https://nobody:pw@x.example/?t=pw", "dns")]
)
async def test_a_failure_is_a_report_without_secrets(clock: Any, url: str, reason: str) -> None:
    report = await check(url, ReplayFetcher({}), parse, clock)
    assert (report.ok, report.reason) == (False, reason)
    assert "pw" not in repr(report)


def test_a_page_names_its_feeds_the_likeliest_first_and_only_what_can_be_fetched() -> None:
    found = discover(PAGE, "https://outlet.example/")
    assert [(one.url, one.kind) for one in found if one.evidence == "declared"] == [
        ("https://outlet.example/news/feed", "rss"),
        ("https://cdn.example/atom.xml", "atom"),
        ("https://outlet.example/comments/feed/", "rss"),
    ]
    linked = [one.url for one in found if one.evidence == "linked"]
    assert linked == ["https://outlet.example/politics/rss.xml", "https://outlet.example/about"]
    assert all(one.url.startswith("https://") for one in found)


@pytest.mark.parametrize(
    "html", [b"", b"\xff\xfe\x00", b"<link" * 50_000, b"<base href='http://[::1'><link rel=feed href=x>", b"<" * 9_999]
)
def test_no_page_makes_discovery_fail(html: bytes) -> None:
    assert all(one.url.startswith("https://o.example") for one in discover(html, "https://o.example/"))


def test_a_feed_served_as_html_is_still_no_page() -> None:
    assert looks_like_html(b"\xef\xbb\xbf\n<!DOCTYPE HTML>", "text/xml")
    assert looks_like_html(b"<p>", "text/html; charset=utf-8")
    assert not looks_like_html(b"<?xml version='1.0'?><rss/>", "text/html")


async def test_a_folder_of_recordings_answers_like_the_servers_did(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_bytes(b"<rss/>")
    index = {
        URL: {"file": "a.xml", "headers": {"etag": '"1"'}},
        "https://gone.example/": {"file": "a.xml", "status": 410},
    }
    (tmp_path / "index.json").write_text(json.dumps(index), "utf-8")
    fetcher = ReplayFetcher.from_folder(tmp_path)
    assert (await fetcher.fetch(FetchRequest(url=URL))).body == b"<rss/>"
    assert (await fetcher.fetch(FetchRequest(url=URL, etag='"1"'))).not_modified
    with pytest.raises(FetchError) as caught:
        await fetcher.fetch(FetchRequest(url="https://gone.example/"))
    assert caught.value.reason == "http-410"
    (tmp_path / "index.json").write_text('{"x": {"fil": 1}}', "utf-8")
    with pytest.raises(DefinitionError, match=r"index\.json"):
        ReplayFetcher.from_folder(tmp_path)
