"""Servers on loopback, friendly and hostile, and fetchers that may reach them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web

from heliograph.core.event import ArticleFetched, DeadLetter, Envelope
from heliograph.errors import FeedError, LogUnavailable
from heliograph.fetch.decide import Policy
from heliograph.fetch.http import HttpFetcher, HttpOptions
from heliograph.fetch.ledger_memory import MemoryLedger
from heliograph.fetch.poll import Ports
from heliograph.fetch.port import Feed, FeedState, ParsedFeed, ParsedItem, Subscription, Update
from heliograph.fetch.replay import ReplayFetcher
from heliograph.fetch.stage import Ingest, IngestOptions

START = datetime(2026, 1, 17, 12, tzinfo=UTC)

RawHandler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
WebHandler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Clock:
    """A clock that moves when told to."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class RawServer:
    """A TCP server that speaks whatever its handler writes; counts what connected."""

    urls: list[str] = field(default_factory=list)
    connections: int = 0
    requests: list[str] = field(default_factory=list)
    closed: list[asyncio.Event] = field(default_factory=list)
    """One for each connection, set once the other side has gone."""

    @property
    def url(self) -> str:
        return self.urls[0]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def raw() -> AsyncIterator[Callable[..., Awaitable[RawServer]]]:
    """Start a server that reads a request's head and hands the connection to the handler."""
    servers: list[asyncio.Server] = []
    tasks: set[asyncio.Task[Any]] = set()

    async def start(handler: RawHandler, hosts: Sequence[str] = ("127.0.0.1",)) -> RawServer:
        made = RawServer()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            tasks.add(task)
            made.connections += 1
            gone = asyncio.Event()
            made.closed.append(gone)
            try:
                head = await reader.readuntil(b"\r\n\r\n")
                made.requests.append(head.decode("latin-1"))
                await handler(reader, writer)
            except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                pass
            finally:
                gone.set()
                writer.transport.abort()

        server = await asyncio.start_server(serve, hosts, 0)
        servers.append(server)
        made.urls = ["http://{}:{}/feed".format(*socket.getsockname()) for socket in server.sockets]
        return made

    yield start
    for server in servers:
        server.close()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
async def site() -> AsyncIterator[Callable[[WebHandler], Awaitable[str]]]:
    """Start a web server that answers every path with the handler; gives its base address."""
    runners: list[web.AppRunner] = []

    async def start(handler: WebHandler) -> str:
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", handler)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        runners.append(runner)
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        return f"http://{host}:{port}"

    yield start
    for runner in runners:
        await runner.cleanup()


@pytest.fixture
async def fetcher(clock: Clock) -> AsyncIterator[Callable[..., HttpFetcher]]:
    """Make a fetcher that may reach 127.0.0.0/8, unless told otherwise."""
    made: list[HttpFetcher] = []

    def make(lookup: Any = None, **options: Any) -> HttpFetcher:
        options.setdefault("allow_networks", ("127.0.0.0/8",))
        options.setdefault("timeout", 10.0)
        extra = {} if lookup is None else {"lookup": lookup}
        made.append(HttpFetcher(HttpOptions(**options), clock, **extra))
        return made[-1]

    yield make
    for one in made:
        await one.close()


URL = "https://outlet.example/feed"
FEED = Subscription(
    id="outlet-en", url=URL, source="outlet", source_title="Outlet", country="ge", language="en-GB", ownership="private"
)


def document(*titles: str, text: str = "Text.") -> bytes:
    return json.dumps([[title, f"https://outlet.example/{title}?utm_source=rss", text] for title in titles]).encode()


async def parse(body: bytes, content_type: str, url: str, subscription: Subscription, /) -> ParsedFeed:
    assert url == subscription.url
    assert content_type in ("", "application/json")
    if not body.startswith(b"["):
        raise FeedError("no list of items", reason="not-a-feed")
    items = [ParsedItem(title=title, link=link, text=text) for title, link, text in json.loads(body)]
    return ParsedFeed(title="Outlet's feed", items=tuple(items))


class Log:
    """Takes events by id, as the real one does, and can be away or break after taking them."""

    def __init__(self) -> None:
        self.events: dict[str, Envelope] = {}
        self.calls = 0
        self.away = 0
        self.letters: list[DeadLetter] = []

    def append(self, events: list[Envelope]) -> None:
        self.calls += 1
        if self.away:
            self.away -= 1
            raise LogUnavailable("the disk is full: make room")
        for event in events:
            self.events.setdefault(event.id, event)

    @property
    def titles(self) -> list[str]:
        return [event.data.article.title for event in self.events.values() if isinstance(event.data, ArticleFetched)]


class World:
    """A ledger, recordings, a log and a service over them that can be started anew."""

    def __init__(self, clock: Any) -> None:
        self.clock = clock
        self.ledger: MemoryLedger = MemoryLedger()
        self.share: Any = None
        self.fetcher = ReplayFetcher({})
        self.log = Log()
        self.polls: list[tuple[str, str]] = []
        self.read = parse
        self.parse: Any = parse
        self.url, self.feed, self.document = URL, FEED, document

    def observe_poll(self, feed: str, outcome: str, seconds: float, received: int) -> None:
        assert seconds >= 0
        assert received >= 0
        self.polls.append((feed, outcome))

    def service(self, **options: Any) -> Ingest:
        ports = Ports(
            ledger=self.ledger,
            share=self.share or self.ledger.share(),
            fetcher=self.fetcher,
            parse=self.parse,
            append=self.log.append,
            bury=self.log.letters.append,
            observer=self,
        )
        return Ingest(ports, IngestOptions(policy=Policy(), **options), self.clock, lambda: 0.5)

    @asynccontextmanager
    async def running(self, **options: Any) -> AsyncIterator[Ingest]:
        ingest = self.service(**options)
        task = asyncio.create_task(ingest.run())
        await asyncio.sleep(0)
        try:
            yield ingest
        finally:
            ingest.stop()
            (ended,) = await asyncio.gather(task, return_exceptions=True)
            assert isinstance(ended, asyncio.CancelledError), ended

    async def until(self, condition: Callable[[], Any]) -> None:
        """Give other tasks and threads their turn until the condition holds."""
        while not condition():  # noqa: ASYNC110 - what is waited for is another thread's, which sets no event
            await asyncio.sleep(0.001)

    async def poll(self, ingest: Ingest, feed: str = "outlet-en") -> Feed:
        await self.until(lambda: ingest.status().feeds)
        return await asyncio.wait_for(asyncio.wrap_future(ingest.poll_now(feed)), 10)

    @property
    def state(self) -> Any:
        return self.ledger.feeds()[0].state


@pytest.fixture
def world(clock: Any) -> World:
    made = World(clock)
    made.ledger.edit(put=[FEED])
    # Not due by itself, so that a test's own polls are all there are.
    made.ledger.save([Update(FeedState(feed=FEED.id, next_poll=START + timedelta(hours=1)))])
    return made
