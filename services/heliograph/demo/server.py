"""The demo world over HTTP on loopback, with a clock that a test can move."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

import yaml
from aiohttp import hdrs, web

from heliograph.demo.content import Item, Outlet, World, load, visible
from heliograph.demo.hostile import CANARY, Reply, Trouble, hidden, troubles
from heliograph.demo.pages import article_page, index_page, subscribed_path
from heliograph.demo.render import Rendered, feed_path, render

Now = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the time of the system clock."""
    return datetime.now(UTC)


class DemoServer:
    """A running demo server; made by `start`.

    `url` has no slash at its end. Everything is served under `trouble_url` too, a port of its own under which the
    broken feeds are listed: a polite reader leaves a host alone that says 429. `sources` is what
    `defaults/sources.yaml` would say of this world. `canary_hits` counts the readers that fell for an external entity.
    """

    def __init__(self, world: World, now: Now, *, hostile: bool) -> None:
        self._world = world
        self._now = now
        self._moved = timedelta()
        self._started = now().astimezone(UTC).replace(microsecond=0)
        self._troubles = troubles() if hostile else ()
        self._items = world.items()
        self._rendered: dict[tuple[str, int], Rendered] = {}
        self._packed: dict[str, Reply] = {}
        self._stopping = asyncio.Event()
        self._runner = web.AppRunner(self._app(), access_log=None, shutdown_timeout=2.0)
        self.url = ""
        self.trouble_url = ""
        self.canary_hits = 0

    @property
    def clock(self) -> datetime:
        """The present moment of the demo world."""
        return self._now() + self._moved

    @property
    def elapsed(self) -> float:
        """Seconds that have passed in the demo world since it began."""
        return (self.clock - self._started).total_seconds()

    @property
    def world(self) -> World:
        """The content that is served."""
        return self._world

    @property
    def sources(self) -> dict[str, Any]:
        """The outlets and feeds of this server, in the format of `schemas/sources.schema.json`."""
        outlets = [
            {
                "id": outlet.id,
                "title": outlet.title,
                "country": outlet.country,
                "ownership": outlet.ownership,
                "feeds": [_entry(outlet.id, self.url + subscribed_path(outlet), outlet.language)],
            }
            for outlet in self._world.outlets
        ]
        if self._troubles:
            feeds = [_entry(f"trouble-{t.slug}", f"{self.trouble_url}/trouble/{t.slug}", "en") for t in self._troubles]
            outlets.append(
                {
                    "id": "trouble",
                    "title": "Trouble Corner",
                    "country": "int",
                    "ownership": "unknown",
                    "feeds": [{**feed, "id": feed["id"].removesuffix("-en")} for feed in feeds],
                }
            )
        return {"outlets": outlets}

    def sources_yaml(self) -> str:
        """Return `sources` as the text of a `sources.yaml`."""
        return yaml.safe_dump(self.sources, sort_keys=False, allow_unicode=True)

    def advance(self, seconds: float) -> None:
        """Move the clock of the demo world forwards, so that later articles appear at once."""
        self._moved += timedelta(seconds=seconds)

    def appeared(self, since: float) -> list[tuple[Outlet, Item]]:
        """Return the articles that appeared after `since` and by now, both in seconds from the start, in that order."""
        found = [pair for pair in self._items.values() if since < pair[1].appears_after <= self.elapsed]
        return sorted(found, key=lambda pair: (pair[1].appears_after, pair[1].guid))

    def next_appearance(self) -> float | None:
        """Return how many seconds are left until the next article appears; None when all have."""
        left = [item.appears_after for _, item in self._items.values() if item.appears_after > self.elapsed]
        return min(left) - self.elapsed if left else None

    async def listen(self, host: str, port: int) -> None:
        """Open the sockets and set `url`; port 0 takes a free one. Raises `OSError` when it cannot be had."""
        await self._runner.setup()
        for wanted in (port, 0):
            await web.TCPSite(self._runner, host, wanted).start()
        shown = f"[{host}]" if ":" in host else host
        self.url, self.trouble_url = (f"http://{shown}:{address[1]}" for address in self._runner.addresses)

    async def stop(self) -> None:
        """Close the socket and end the answers that are still dripping; a second call does nothing."""
        self._stopping.set()
        await self._runner.cleanup()

    def _app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/", self._index)
        app.router.add_get("/sources.yaml", self._sources)
        app.router.add_get("/articles/{guid}", self._article)
        app.router.add_get(CANARY, self._canary)
        for outlet in self._world.outlets:
            app.router.add_get(feed_path(outlet), self._feed(outlet))
            if outlet.moved_from:
                app.router.add_get(f"/{outlet.moved_from}", self._moved_feed(outlet))
        for trouble in (*self._troubles, *hidden()):
            app.router.add_get(f"/trouble/{trouble.slug}", self._trouble(trouble))
        return app

    async def _index(self, _request: web.Request) -> web.Response:
        return web.Response(text=index_page(self._world, self._troubles, self.elapsed), content_type="text/html")

    async def _sources(self, _request: web.Request) -> web.Response:
        return web.Response(text=self.sources_yaml(), content_type="application/yaml")

    async def _canary(self, _request: web.Request) -> web.Response:
        self.canary_hits += 1
        return web.Response(text="seen")

    async def _article(self, request: web.Request) -> web.Response:
        outlet, item = self._items.get(request.match_info["guid"], (None, None))
        if outlet is None or item is None or item.appears_after > self.elapsed:
            raise web.HTTPNotFound(text="no such article, or not yet")
        return web.Response(text=article_page(outlet, item, self.url, self._started), content_type="text/html")

    def _feed(self, outlet: Outlet) -> Callable[[web.Request], Any]:
        async def answer(request: web.Request) -> web.Response:
            items = visible(outlet, self.elapsed)
            key = (outlet.id, len(items))
            if key not in self._rendered:
                self._rendered[key] = render(outlet, items, self.url, self._started)
            last = max((item.appears_after for item in items), default=0)
            return _conditional(request, self._rendered[key], self._started + timedelta(seconds=last))

        return answer

    def _moved_feed(self, outlet: Outlet) -> Callable[[web.Request], Any]:
        async def answer(_request: web.Request) -> web.Response:
            raise web.HTTPMovedPermanently(self.url + feed_path(outlet))

        return answer

    def _trouble(self, trouble: Trouble) -> Callable[[web.Request], Any]:
        async def answer(request: web.Request) -> web.StreamResponse:
            if trouble.slug not in self._packed:
                # The bomb takes a good part of a second to pack, which must not hold up the other feeds.
                self._packed[trouble.slug] = await asyncio.to_thread(trouble.reply, self.url, self._started)
            reply = self._packed[trouble.slug]
            if not reply.endless:
                return web.Response(status=reply.status, headers=reply.headers, body=reply.body)
            return await self._drip(request, reply)

        return answer

    async def _drip(self, request: web.Request, reply: Reply) -> web.StreamResponse:
        response = web.StreamResponse(status=reply.status, headers=reply.headers)
        await response.prepare(request)
        try:
            await response.write(reply.body)
            while not self._stopping.is_set():
                await response.write(b" ")
                try:
                    await asyncio.wait_for(self._stopping.wait(), timeout=1.0)
                except TimeoutError:
                    continue
        except ConnectionResetError:
            # The reader hung up: that is how this answer is meant to end.
            return response
        return response


def _entry(outlet: str, url: str, language: str) -> dict[str, str]:
    return {"id": f"{outlet}-{language}", "url": url, "language": language, "evidence": "answering"}


def _conditional(request: web.Request, feed: Rendered, modified: datetime) -> web.Response:
    """Answer 304 where the reader's copy is fresh (RFC 9110, 13.1), else the feed, gzipped when asked for."""
    tag = hashlib.sha256(feed.body).hexdigest()[:20]
    headers = {
        # Weak, since the plain and the gzipped form carry the same one (RFC 9110, 8.8.1).
        hdrs.ETAG: f'W/"{tag}"',
        hdrs.LAST_MODIFIED: format_datetime(modified, usegmt=True),
        hdrs.VARY: hdrs.ACCEPT_ENCODING,
    }
    if _fresh(request, tag, modified):
        return web.Response(status=304, headers=headers)
    headers[hdrs.CONTENT_TYPE] = feed.content_type
    if "gzip" in request.headers.get(hdrs.ACCEPT_ENCODING, ""):
        headers[hdrs.CONTENT_ENCODING] = "gzip"
        return web.Response(headers=headers, body=gzip.compress(feed.body, compresslevel=6, mtime=0))
    return web.Response(headers=headers, body=feed.body)


def _fresh(request: web.Request, tag: str, modified: datetime) -> bool:
    match = request.headers.get(hdrs.IF_NONE_MATCH)
    if match is not None:
        tags = {part.strip().removeprefix("W/").strip('"') for part in match.split(",")}
        return tag in tags or "*" in tags
    since = request.headers.get(hdrs.IF_MODIFIED_SINCE)
    if since is None:
        return False
    try:
        return modified <= parsedate_to_datetime(since)
    except (TypeError, ValueError):
        return False  # a date that cannot be read is ignored (RFC 9110, 13.1.3)


async def start(
    host: str = "127.0.0.1",
    port: int = 0,
    now: Now = utc_now,
    *,
    world: World | None = None,
    hostile: bool = True,
) -> DemoServer:
    """Serve the demo world on `host` and `port` (0: a free one) until `stop` is awaited.

    `now` returns aware datetimes and is the only clock of the world; `hostile=False` leaves the broken feeds out.
    Raises `OSError` when the port is taken and `DefinitionError` when the content is at fault.
    """
    server = DemoServer(world if world is not None else load(), now, hostile=hostile)
    await server.listen(host, port)
    return server
