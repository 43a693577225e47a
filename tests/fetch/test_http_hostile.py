"""The fetcher against servers that mean harm: bombs, endless answers, loops and silence."""

from __future__ import annotations

import asyncio
import gzip
import resource
import tracemalloc
import zlib
from collections.abc import Awaitable, Callable
from typing import Any

import brotli  # type: ignore[import-untyped] # brotli ships no types
import pytest
from aiohttp import web

from heliograph.errors import FetchError
from heliograph.fetch.http import HttpFetcher
from heliograph.fetch.inflate import MAX_MEMBERS
from heliograph.fetch.port import FetchRequest

pytestmark = pytest.mark.anyio

Make = Callable[..., HttpFetcher]
Raw = Callable[..., Awaitable[Any]]
ZEROS = b"\0" * 60_000_000


async def refused(fetcher: HttpFetcher, url: str) -> FetchError:
    with pytest.raises(FetchError) as caught:
        await fetcher.fetch(FetchRequest(url=url))
    return caught.value


def answer(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


@pytest.mark.parametrize(
    ("coding", "bomb"),
    [
        ("gzip", gzip.compress(ZEROS, mtime=0)),
        ("deflate", zlib.compress(ZEROS)),
        ("deflate", zlib.compress(ZEROS)[2:]),
        ("br", brotli.compress(ZEROS, quality=5)),
    ],
    ids=["gzip", "zlib", "deflate", "brotli"],
)
async def test_a_bomb_is_stopped_at_ten_megabytes_decoded(raw: Raw, fetcher: Make, coding: str, bomb: bytes) -> None:
    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(bomb, f"Content-Encoding: {coding}"))
        await writer.drain()

    server = await raw(serve)
    client = fetcher()
    tracemalloc.start()
    try:
        error = await refused(client, server.url)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert error.reason == "too-large"
    assert peak < 50_000_000
    assert client._held == 0


async def test_a_hundred_thousand_empty_gzip_members_are_cut_short(raw: Raw, fetcher: Make) -> None:
    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(gzip.compress(b"") * 100_000, "Content-Encoding: gzip"))
        await writer.drain()

    server = await raw(serve)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    error = await refused(fetcher(), server.url)
    assert error.reason == "bad-encoding"
    assert str(MAX_MEMBERS) in str(error)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_utime - before < 2.0


@pytest.mark.parametrize("coding", ["gzip, gzip", "gzip, br", "deflate,gzip,br", "zstd", "compress", "gzip,\tgzip"])
async def test_a_chain_of_codings_and_one_not_offered_are_refused(raw: Raw, fetcher: Make, coding: str) -> None:
    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(gzip.compress(gzip.compress(b"x")), f"Content-Encoding: {coding}"))
        await writer.drain()

    server = await raw(serve)
    assert (await refused(fetcher(), server.url)).reason == "bad-encoding"


async def test_a_chain_spread_over_two_header_lines_is_refused(raw: Raw, fetcher: Make) -> None:
    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        body = gzip.compress(gzip.compress(b"x"))
        writer.write(answer(body, "Content-Encoding: gzip", "Content-Encoding: gzip"))
        await writer.drain()

    server = await raw(serve)
    assert (await refused(fetcher(), server.url)).reason == "bad-encoding"


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", gzip.compress(b"x" * 5_000, mtime=0)[:-9]),
        ("gzip", b"<rss>no gzip at all</rss>"),
        ("deflate", zlib.compress(b"x" * 5_000)[:-5]),
        ("deflate", b"\xff\xff\xff"),
        ("br", brotli.compress(b"x" * 5_000)[:-2]),
        ("br", b"\xff\xff\xff\xff"),
        ("gzip", b""),
    ],
)
async def test_a_damaged_or_cut_body_is_no_body(raw: Raw, fetcher: Make, coding: str, body: bytes) -> None:
    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(body, f"Content-Encoding: {coding}"))
        await writer.drain()

    server = await raw(serve)
    assert (await refused(fetcher(), server.url)).reason == "bad-encoding"


async def test_a_body_that_says_it_is_too_large_is_not_read(raw: Raw, fetcher: Make) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10000001\r\n\r\n")
        await reader.read()

    server = await raw(serve)
    assert (await refused(fetcher(), server.url)).reason == "too-large"
    await server.closed[0].wait()


@pytest.mark.parametrize("status", ["200 OK", "302 Found", "404 Not Found", "500 Oops"])
async def test_an_endless_body_is_cut_off_whatever_the_status(raw: Raw, fetcher: Make, status: str) -> None:
    sent = 0

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(f"HTTP/1.1 {status}\r\nLocation: /loop\r\n\r\n".encode())
        while True:
            writer.write(b"<item/>" * 10_000)
            sent += 70_000
            await writer.drain()

    server = await raw(serve)
    error = await refused(fetcher(max_body=1_000_000, max_redirects=2), server.url)
    assert error.reason in ("too-large", "redirects", "http-404", "http-500")
    await asyncio.gather(*(gone.wait() for gone in server.closed))
    # What the kernel's buffers take counts as sent; the endless rest is not.
    assert sent < 60_000_000


@pytest.mark.parametrize(
    "line", [b"X-%d: " + b"a" * 60 + b"\r\n", b"X-%d: " + b"a" * 7_000 + b"\r\n", b"X-%d: \r\n"], ids=["60", "7k", "0"]
)
async def test_endless_headers_are_cut_off(raw: Raw, fetcher: Make, line: bytes) -> None:
    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        number = 0
        while True:
            writer.write(line % number)
            number += 1
            await writer.drain()

    server = await raw(serve)
    assert (await refused(fetcher(), server.url)).reason == "headers-too-large"


async def test_headers_are_counted_together_as_well(raw: Raw, fetcher: Make) -> None:
    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(b"<rss/>", *(f"X-{number}: {'a' * 8_000}" for number in range(9))))
        await writer.drain()

    server = await raw(serve)
    assert (await refused(fetcher(), server.url)).reason == "headers-too-large"


@pytest.mark.parametrize("stage", ["silent", "drip-status", "drip-headers", "drip-body", "stalled-body", "endless-100"])
async def test_the_whole_of_a_fetch_has_one_deadline(raw: Raw, fetcher: Make, stage: str) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n"
        if stage in ("silent", "stalled-body"):
            writer.write(head + b"\r\nabc" if stage == "stalled-body" else b"")
            await reader.read()
        if stage == "drip-body":
            writer.write(head + b"\r\n")
        if stage == "drip-headers":
            writer.write(head + b"X: ")
        while True:
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n" if stage == "endless-100" else b"H")
            await writer.drain()
            await asyncio.sleep(0.02)

    server = await raw(serve)
    error = await refused(fetcher(timeout=0.4), server.url)
    assert error.reason in (("bad-response",) if stage == "drip-status" else ("timeout",))


async def test_a_redirect_loop_ends_and_shares_the_one_deadline(raw: Raw, fetcher: Make) -> None:
    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.15)
        writer.write(answer(b"", "Location: /feed", status="301 Moved"))
        await writer.drain()

    server = await raw(serve)
    assert (await refused(fetcher(timeout=0.4), server.url)).reason == "timeout"
    assert server.connections <= 4
    assert (await refused(fetcher(timeout=5.0), server.url)).reason == "redirects"


@pytest.mark.parametrize("bytes_sent", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort", b"HTTP/1.1 200"])
async def test_a_connection_that_drops_is_an_error_and_not_a_short_body(
    raw: Raw, fetcher: Make, bytes_sent: bytes
) -> None:
    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(bytes_sent)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await raw(serve)
    assert (await refused(fetcher(), server.url)).reason == "dropped"


@pytest.mark.parametrize(
    "bytes_sent",
    [
        b"<html>not HTTP</html>\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\nab\r\n",
        b"\x16\x03\x01\x02\x00" * 20,
    ],
)
async def test_an_answer_that_is_no_http_is_said_to_be_none(raw: Raw, fetcher: Make, bytes_sent: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(bytes_sent)
        await writer.drain()
        await reader.read()

    server = await raw(serve)
    assert (await refused(fetcher(), server.url)).reason in ("bad-response", "dropped")


async def test_bodies_read_at_once_share_one_budget(raw: Raw, fetcher: Make) -> None:
    enough = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 400001\r\n\r\n" + b"x" * 400_000)
        await writer.drain()
        await enough.wait()
        writer.write(b"x")
        await reader.read()

    server = await raw(serve)
    client = fetcher(in_flight=1_000_000, per_host=8)
    fetches = [asyncio.create_task(client.fetch(FetchRequest(url=server.url))) for _ in range(4)]
    done, _ = await asyncio.wait(fetches, return_when=asyncio.FIRST_COMPLETED)
    assert [str(task.exception()) for task in done if "too many bytes" in str(task.exception())]
    enough.set()
    await asyncio.gather(*fetches, return_exceptions=True)
    assert client._held == 0


async def test_two_hundred_stuck_servers_hold_up_none_that_works(raw: Raw, site: Any, fetcher: Make) -> None:
    all_stuck = asyncio.Event()

    async def stuck(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        if server.connections == 200:
            all_stuck.set()
        await reader.read()

    async def healthy(_: web.Request) -> web.Response:
        return web.Response(body=b"<rss/>")

    # 127/8 is all loopback, and each address of it a host of its own.
    server = await raw(stuck, [f"127.0.1.{number}" for number in range(1, 201)])
    base = await site(healthy)
    client = fetcher(timeout=60.0)
    waiting = [asyncio.create_task(client.fetch(FetchRequest(url=url))) for url in server.urls]
    await all_stuck.wait()
    results = await asyncio.gather(*(client.fetch(FetchRequest(url=f"{base}/{n}")) for n in range(50)))
    assert [result.status for result in results] == [200] * 50
    assert not any(task.done() for task in waiting)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
