"""Servers on loopback, friendly and hostile, and fetchers that may reach them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web

from heliograph.fetch.http import HttpFetcher, HttpOptions

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
