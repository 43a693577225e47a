"""The broken and hostile feeds do what their names say, and hurt only a careless reader."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable
from datetime import datetime
from io import BytesIO
from typing import Any

import feedparser
import pytest
from aiohttp import ClientSession, TooManyRedirects

from heliograph.demo.hostile import BOMB_BYTES, CANARY, hidden, troubles
from heliograph.demo.server import DemoServer

Run = Callable[[Any], None]
BASE = "http://127.0.0.1:9"
BY_SLUG = {trouble.slug: trouble for trouble in (*troubles(), *hidden())}


def body_of(slug: str, started: datetime) -> bytes:
    return BY_SLUG[slug].reply(BASE, started).body


def test_the_truncated_feed_breaks_off_yet_shows_its_first_item(started: datetime) -> None:
    parsed = feedparser.parse(BytesIO(body_of("truncated", started)))
    assert parsed.bozo
    assert parsed.entries[0].title == "Port clock repaired"


@pytest.mark.parametrize("slug", ["html-page", "empty"])
def test_what_is_no_feed_holds_no_entries(slug: str, started: datetime) -> None:
    parsed = feedparser.parse(BytesIO(body_of(slug, started)))
    assert (parsed.get("version", ""), parsed.entries) == ("", [])


def test_the_entity_feeds_declare_what_would_hurt(started: datetime) -> None:
    xxe, bomb = body_of("xxe", started), body_of("entity-bomb", started)
    assert b'SYSTEM "file:///etc/passwd"' in xxe
    assert f'SYSTEM "{BASE}{CANARY}"'.encode() in xxe
    assert bomb.count(b"<!ENTITY") == 10
    assert len(bomb) < 2000


def test_the_gzip_bomb_is_small_on_the_wire_and_large_inflated(started: datetime) -> None:
    reply = BY_SLUG["gzip-bomb"].reply(BASE, started)
    assert reply.headers["Content-Encoding"] == "gzip"
    assert len(reply.body) < 100_000
    unpacker = zlib.decompressobj(16 + zlib.MAX_WBITS)
    size = sum(len(unpacker.decompress(reply.body[at : at + 512])) for at in range(0, len(reply.body), 512))
    assert size > BOMB_BYTES
    assert unpacker.eof


def test_the_script_feed_is_well_formed_and_hostile_in_each_field(started: datetime) -> None:
    parsed = feedparser.parse(BytesIO(body_of("script", started)), sanitize_html=False)
    assert not parsed.bozo
    assert len(parsed.entries) == 6
    for entry in parsed.entries:
        assert "Zangezur corridor" in entry.title
        for value in (entry.title, entry.summary, entry.author, entry.tags[0].term):
            assert "pwned" in value
    assert parsed.entries[0].link.startswith("javascript:")


@pytest.mark.parametrize(
    ("slug", "status", "headers"),
    [
        ("not-found", 404, {}),
        ("gone", 410, {}),
        ("server-error", 500, {}),
        ("too-many", 429, {"Retry-After": "10"}),
        ("loop", 302, {}),
    ],
)
def test_the_server_answers_with_the_status_of_the_trouble(
    with_server: Run, slug: str, status: int, headers: dict[str, str]
) -> None:
    async def body(server: DemoServer, client: ClientSession) -> None:
        async with client.get(f"{server.url}/trouble/{slug}", allow_redirects=False) as answer:
            assert answer.status == status
            assert headers.items() <= answer.headers.items()

    with_server(body)


def test_the_loop_never_ends_by_itself(with_server: Run) -> None:
    async def body(server: DemoServer, client: ClientSession) -> None:
        with pytest.raises(TooManyRedirects):
            await client.get(f"{server.url}/trouble/loop", max_redirects=10)

    with_server(body)


def test_the_bomb_travels_packed_under_its_coding(with_server: Run) -> None:
    async def body(server: DemoServer, client: ClientSession) -> None:
        async with client.get(f"{server.url}/trouble/gzip-bomb") as answer:
            assert answer.headers["Content-Encoding"] == "gzip"
            assert len(await answer.read()) < 100_000

    with_server(body)


def test_the_slow_body_drips_until_the_server_stops(with_server: Run) -> None:
    async def body(server: DemoServer, client: ClientSession) -> None:
        async with client.get(f"{server.url}/trouble/slow") as answer:
            start = await answer.content.readuntil(b"</description>")
            assert start.startswith(b"<?xml")
            rest = asyncio.create_task(answer.content.read())
            assert not rest.done()
            await server.stop()
            tail = await rest
            assert tail.strip() == b""

    with_server(body)


def test_a_reader_that_hangs_up_on_the_slow_body_does_no_harm(with_server: Run) -> None:
    async def body(server: DemoServer, client: ClientSession) -> None:
        answer = await client.get(f"{server.url}/trouble/slow")
        await answer.content.readany()
        answer.close()
        async with client.get(f"{server.url}/") as index:
            assert index.status == 200

    with_server(body)


def test_the_canary_counts_those_who_resolve_entities(with_server: Run) -> None:
    async def body(server: DemoServer, client: ClientSession) -> None:
        async with client.get(f"{server.url}/trouble/xxe") as answer:
            feedparser.parse(BytesIO(await answer.read()))
        assert server.canary_hits == 0
        async with client.get(server.url + CANARY):
            assert server.canary_hits == 1

    with_server(body)
