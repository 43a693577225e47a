"""What the program under test talks to: feeds that grow on command, and a receiver of webhooks; real servers."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Self
from xml.sax.saxutils import escape

from aiohttp import web

FEEDS = 20
HIT = (
    "Freight number {n} passed along the Zangezur corridor today, the railway said. The transport corridor links "
    "Azerbaijan with Nakhchivan through the Syunik region of Armenia; item {n} of the daily report."
)
MISS = "Bakers of street {n} opened early today and sold {n} loaves; the queue was shorter than last week."


def is_hit(number: int) -> bool:
    """Every other article is one that the corridor topic asks for."""
    return number % 2 == 0


class Press:
    """Feeds `/feed/N.rss` holding the articles released so far, and `/hook`, which remembers every delivery.

    `refuses` is asked with the number of each try, from 1, whether the hook answers 503, and `hits` with the number of
    each article whether a shipped topic asks for it.
    """

    def __init__(
        self,
        refuses: Callable[[int], bool] = lambda _number: False,
        *,
        hits: Callable[[int], bool] = is_hit,
        window: int = 10_000,
    ) -> None:
        self._refuses, self._hits, self._window = refuses, hits, window
        self._tries = 0
        self._released: list[list[int]] = [[] for _ in range(FEEDS)]
        self._lock = threading.Lock()
        self.deliveries: Counter[str] = Counter()
        """How often each `webhook-id` was taken."""
        self.refused: Counter[str] = Counter()
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.titles: dict[str, str] = {}
        self.arrived: dict[str, float] = {}
        """When the alert of each title was first taken, in seconds since 1970."""
        self.changed = threading.Condition()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="press", daemon=True)
        self.port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(20)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result(20)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def release(self, first: int, count: int) -> None:
        """Publish articles `first` to `first + count - 1`, dealt out over the feeds."""
        with self._lock:
            for number in range(first, first + count):
                self._released[number % FEEDS].append(number)

    def url(self, path: str) -> str:
        """Return an address of this server."""
        return f"http://127.0.0.1:{self.port}{path}"

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._listen())
        self._ready.set()
        self._loop.run_forever()
        self._loop.close()

    async def _listen(self) -> None:
        app = web.Application()
        for number in range(FEEDS):
            app.router.add_get(f"/feed/{number}.rss", self._feed(number))
        app.router.add_post("/hook", self._hook)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = int(self._runner.addresses[0][1])

    def _feed(self, number: int) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def answer(_: web.Request) -> web.Response:
            with self._lock:
                items = "".join(self._item(number, article) for article in self._released[number][-self._window :])
            baseline = self._item(number, -1 - number)
            body = f"<rss version='2.0'><channel><title>Feed {number}</title>{baseline}{items}</channel></rss>"
            return web.Response(body=body.encode(), content_type="application/rss+xml")

        return answer

    def _item(self, feed: int, number: int) -> str:
        text = (HIT if number >= 0 and self._hits(number) else MISS).format(n=number)
        return (
            f"<item><title>Report {number}</title><link>{self.url(f'/a/{feed}/{number}')}</link>"
            f"<guid>g{number}</guid><description>{escape(text)}</description></item>"
        )

    async def _hook(self, request: web.Request) -> web.Response:
        body = await request.read()
        message = request.headers["webhook-id"]
        with self.changed:
            self._tries += 1
            self.requests.append((dict(request.headers), body))
            if self._refuses(self._tries):
                self.refused[message] += 1
                return web.Response(status=503)
            self.deliveries[message] += 1
            title = self.titles[message] = json.loads(body)["data"]["title"]
            self.arrived.setdefault(title, time.time())
            self.changed.notify_all()
        return web.Response()
