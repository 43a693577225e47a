"""The fetcher against a well-behaved server: conditional requests, redirects, codings, credentials, errors."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import Awaitable, Callable

import brotli  # type: ignore[import-untyped] # brotli ships no types
import pytest
from aiohttp import web

from heliograph.errors import FetchError
from heliograph.fetch.http import HttpFetcher
from heliograph.fetch.port import FetchRequest

pytestmark = pytest.mark.anyio

Site = Callable[[Callable[[web.Request], Awaitable[web.StreamResponse]]], Awaitable[str]]
Make = Callable[..., HttpFetcher]
BODY = b"<rss><channel><title>Vesti</title></channel></rss>" * 200


async def test_a_document_comes_with_its_headers_and_the_validators_are_sent_back(site: Site, fetcher: Make) -> None:
    asked: list[web.Request] = []

    async def handler(request: web.Request) -> web.Response:
        asked.append(request)
        if request.headers.get("If-None-Match") == '"v1"':
            return web.Response(status=304, headers={"ETag": '"v1"'})
        return web.Response(body=BODY, headers={"ETag": '"v1"', "Last-Modified": "x", "Content-Type": "text/xml"})

    url = f"{await site(handler)}/feed"
    client = fetcher()
    first = await client.fetch(FetchRequest(url=url))
    assert (first.status, first.body, first.received) == (200, BODY, len(BODY))
    assert first.headers["etag"] == '"v1"'
    assert first.headers["content-type"] == "text/xml"
    again = await client.fetch(FetchRequest(url=url, etag='"v1"', last_modified="x"))
    assert again.not_modified
    assert again.body is None
    assert asked[1].headers["If-Modified-Since"] == "x"
    assert "If-None-Match" not in asked[0].headers
    assert "Heliograph" in asked[0].headers["User-Agent"]


async def test_a_request_that_is_not_wanted_any_more_once_it_is_connected_is_not_sent(
    site: Site, fetcher: Make
) -> None:
    asked: list[web.Request] = []
    hops = 0

    async def handler(request: web.Request) -> web.Response:
        asked.append(request)
        return web.Response(status=302, headers={"Location": "/further"})

    def wanted() -> bool:
        nonlocal hops
        hops += 1
        return hops < 3

    url = f"{await site(handler)}/feed"
    client = fetcher()
    with pytest.raises(FetchError, match="given up") as error:
        await client.fetch(FetchRequest(url=url, wanted=wanted))
    assert error.value.reason == "given-up"
    assert [request.path for request in asked] == ["/feed", "/further"]


@pytest.mark.parametrize(
    ("coding", "encode"),
    [
        ("gzip", gzip.compress),
        ("x-gzip", gzip.compress),
        ("gzip", lambda data: gzip.compress(data[:50]) + gzip.compress(data[50:]) + b"\0\0trailing"),
        ("deflate", zlib.compress),
        ("deflate", lambda data: zlib.compress(data)[2:-4]),
        ("br", brotli.compress),
        ("identity", bytes),
        ("identity, gzip", gzip.compress),
    ],
)
async def test_every_offered_coding_is_decoded(
    site: Site, fetcher: Make, coding: str, encode: Callable[[bytes], bytes]
) -> None:
    async def handler(request: web.Request) -> web.Response:
        assert request.headers["Accept-Encoding"] == "gzip, deflate, br"
        return web.Response(body=encode(BODY), headers={"Content-Encoding": coding})

    result = await fetcher().fetch(FetchRequest(url=await site(handler)))
    assert result.body == BODY
    assert result.received == len(encode(BODY))


async def test_redirects_are_followed_and_only_a_leading_run_of_permanent_ones_is_advice(
    site: Site, fetcher: Make
) -> None:
    steps = {"/a": (301, "/b"), "/b": (308, "/c?key=1"), "/c": (302, "/d"), "/d": (301, "/e")}

    async def handler(request: web.Request) -> web.Response:
        if request.path in steps:
            status, target = steps[request.path]
            return web.Response(status=status, headers={"Location": target}, body=b"x" * 10_000)
        return web.Response(body=BODY)

    base = await site(handler)
    result = await fetcher().fetch(FetchRequest(url=f"{base}/a"))
    assert (result.body, result.url, result.hops) == (BODY, f"{base}/e", 4)
    assert result.permanent_url == f"{base}/c?key=1"
    assert (await fetcher().fetch(FetchRequest(url=f"{base}/c"))).permanent_url == ""


async def test_five_redirects_are_followed_and_the_sixth_is_not(site: Site, fetcher: Make) -> None:
    hits: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        hits.append(request.path)
        left = int(request.path[1:])
        return web.Response(status=302, headers={"Location": f"/{left - 1}"}) if left else web.Response(body=BODY)

    base = await site(handler)
    assert (await fetcher().fetch(FetchRequest(url=f"{base}/5"))).hops == 5
    hits.clear()
    with pytest.raises(FetchError) as caught:
        await fetcher().fetch(FetchRequest(url=f"{base}/6"))
    assert caught.value.reason == "redirects"
    assert len(hits) == 6


async def test_credentials_go_to_their_own_origin_only_and_stand_in_no_message(site: Site, fetcher: Make) -> None:
    seen: list[str | None] = []

    async def elsewhere(request: web.Request) -> web.Response:
        seen.append(request.headers.get("Authorization"))
        return web.Response(status=404)

    other = await site(elsewhere)

    async def handler(request: web.Request) -> web.Response:
        seen.append(request.headers.get("Authorization"))
        target = "/next" if request.path == "/feed" else other
        return web.Response(status=302, headers={"Location": target})

    base = (await site(handler)).replace("http://", "http://reader:hunter2@")
    with pytest.raises(FetchError) as caught:
        await fetcher().fetch(FetchRequest(url=f"{base}/feed?token=hunter3"))
    assert seen == ["Basic cmVhZGVyOmh1bnRlcjI=", "Basic cmVhZGVyOmh1bnRlcjI=", None]
    assert caught.value.reason == "http-404"
    assert "hunter" not in str(caught.value)


async def test_a_redirect_cannot_bring_credentials_of_its_own(site: Site, fetcher: Make) -> None:
    seen: list[str | None] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append(request.headers.get("Authorization"))
        if request.path == "/feed":
            place = f"http://planted:secret@{request.host}/next"
            return web.Response(status=301, headers={"Location": place})
        return web.Response(body=BODY)

    result = await fetcher().fetch(FetchRequest(url=f"{await site(handler)}/feed"))
    assert seen == [None, None]
    assert "planted" not in result.url + result.permanent_url


@pytest.mark.parametrize("status", [204, 206, 400, 401, 403, 404, 410, 418, 429, 500, 502, 503, 599])
async def test_a_status_without_a_document_is_an_error_of_that_name(site: Site, fetcher: Make, status: int) -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=status, headers={"Retry-After": "120"})

    with pytest.raises(FetchError) as caught:
        await fetcher().fetch(FetchRequest(url=await site(handler)))
    assert caught.value.reason == f"http-{status}"
    assert caught.value.retry_after == 120


async def test_retry_after_as_a_date_is_told_in_seconds_from_now(site: Site, fetcher: Make) -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=429, headers={"Retry-After": "Sat, 17 Jan 2026 12:10:00 GMT"})

    with pytest.raises(FetchError) as caught:
        await fetcher().fetch(FetchRequest(url=await site(handler)))
    assert caught.value.retry_after == 600


async def test_a_304_that_nobody_asked_for_is_an_error(site: Site, fetcher: Make) -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=304)

    with pytest.raises(FetchError) as caught:
        await fetcher().fetch(FetchRequest(url=await site(handler)))
    assert caught.value.reason == "http-304"


async def test_a_host_gets_two_requests_at_a_time(site: Site, fetcher: Make) -> None:
    now = most = 0
    two_are_in, let_go = asyncio.Event(), asyncio.Event()

    async def handler(_: web.Request) -> web.Response:
        nonlocal now, most
        now += 1
        most = max(most, now)
        if now == 2:
            two_are_in.set()
        await let_go.wait()
        now -= 1
        return web.Response(body=BODY)

    url = await site(handler)
    client = fetcher()
    async with asyncio.TaskGroup() as tasks:
        for _ in range(6):
            tasks.create_task(client.fetch(FetchRequest(url=url)))
        await two_are_in.wait()
        for _ in range(50):
            await asyncio.sleep(0)
        let_go.set()
    assert most == 2


async def test_headers_that_are_no_plain_text_are_not_kept(site: Site, fetcher: Make) -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(body=BODY, headers={"ETag": '"İstanbul"', "Last-Modified": "x" * 2_000})

    result = await fetcher().fetch(FetchRequest(url=await site(handler)))
    assert "etag" not in result.headers
    assert "last-modified" not in result.headers


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://127.0.0.1/x",
        "gopher://127.0.0.1:70/_x",
        "javascript:alert(1)",
        "data:text/xml,<rss/>",
        "//127.0.0.1/x",
        "http://",
        "http:///x",
        "http://127.0.0.1:99999/",
        "http://exa mple.org/",
        "http://[::1/",
        "http://127.0.0.1\\@example.org/",
        "",
    ],
)
async def test_what_is_no_web_address_is_refused_before_anything_is_sent(fetcher: Make, url: str) -> None:
    with pytest.raises(FetchError) as caught:
        await fetcher().fetch(FetchRequest(url=url))
    assert caught.value.reason == "bad-url"


async def test_a_redirect_to_what_is_no_web_address_is_not_followed(site: Site, fetcher: Make) -> None:
    targets = iter(["file:///etc/passwd", "ftp://127.0.0.1/", "http://[::1/", "javascript:1", ""])

    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": next(targets)})

    url = await site(handler)
    for expected in ("bad-url", "bad-url", "bad-url", "bad-url", "bad-response"):
        with pytest.raises(FetchError) as caught:
            await fetcher().fetch(FetchRequest(url=url))
        assert caught.value.reason == expected
