from __future__ import annotations

import asyncio

import pytest

from heliograph.errors import FeedError
from heliograph.parse.feed import parse_feed
from heliograph.parse.worker import SandboxedParser, handle

BODY = (
    b"<rss version='2.0'><channel><title>F</title><link>/</link><item><title>T</title><link>a</link><guid>1</guid>"
    b"<pubDate>Mon, 12 Jan 2026 10:05:00 GMT</pubDate>"
    b"<description>&lt;b&gt;x&lt;/b&gt;</description></item></channel></rss>"
)


class InProcess:
    """A boundary that is none: the function itself."""

    def call(self, payload: bytes) -> bytes:
        return handle(payload)

    async def acall(self, payload: bytes) -> bytes:
        return handle(payload)


def test_what_crosses_the_boundary_is_what_parse_feed_returns() -> None:
    parser = SandboxedParser(InProcess())
    expected = parse_feed(BODY, url="https://e.org/d/f", language_hint="ru")
    assert asyncio.run(parser.parse(BODY, "application/rss+xml", "https://e.org/d/f", "ru")) == expected
    assert parser.parse_now(BODY, "", "https://e.org/d/f", "ru") == expected


def test_the_switch_for_one_feed_reaches_the_reader() -> None:
    parser = SandboxedParser(InProcess())
    assert asyncio.run(parser.parse(BODY)).quick
    assert not asyncio.run(parser.parse(BODY, reference_only=True)).quick


def test_an_error_keeps_its_reason_on_the_way() -> None:
    with pytest.raises(FeedError, match="HTML page") as caught:
        SandboxedParser(InProcess()).parse_now(b"<html></html>")
    assert caught.value.reason == "html-page"
