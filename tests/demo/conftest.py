"""A demo world at a fixed hour, and a server of it on a free port whose clock only moves when told to."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TypeVar

import aiohttp
import pytest

from heliograph.demo.content import World, load
from heliograph.demo.server import DemoServer, start

T = TypeVar("T")
Body = Callable[[DemoServer, aiohttp.ClientSession], Awaitable[T]]
PLAIN = {"Accept-Encoding": "identity"}
STARTED = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)


@pytest.fixture(scope="session")
def world() -> World:
    return load()


@pytest.fixture(scope="session")
def started() -> datetime:
    return STARTED


@pytest.fixture
def with_server(world: World) -> Callable[[Body[T]], T]:
    """Run a coroutine with a fresh server and a client that leaves redirects and encodings to the test."""

    def run(body: Body[T]) -> T:
        async def whole() -> T:
            server = await start(world=world, now=lambda: STARTED)
            try:
                async with aiohttp.ClientSession(headers=PLAIN, auto_decompress=False) as client:
                    return await body(server, client)
            finally:
                await server.stop()

        return asyncio.run(whole())

    return run
