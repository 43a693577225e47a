"""The outbox as an event loop uses it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from datetime import datetime
from typing import TypeVar

from heliograph.alert.port import Attempt, Delivery, Outbox, Status, Taken

Result = TypeVar("Result")


class AsyncOutbox:
    """The outbox for an event loop: calls wait for disk or network, so they are made in `pool`.

    With `recover`, what a dead process left in sending is made due before the first look; `pool` has one thread then.
    """

    def __init__(self, outbox: Outbox, pool: Executor, *, recover: bool) -> None:
        self._outbox = outbox
        self._pool = pool
        self._recover = recover

    async def take(self, channel: str, now: datetime, limit: int, lease: float) -> Taken:
        return await self._in_pool(lambda: self._take(channel, now, limit, lease))

    async def record(self, message: str, attempt: Attempt, status: Status, due: datetime | None) -> None:
        await self._in_pool(lambda: self._outbox.record(message, attempt, status, due))

    async def release(self, taken: Sequence[Delivery], now: datetime) -> None:
        await self._in_pool(lambda: self._outbox.release(taken, now))

    def _take(self, channel: str, now: datetime, limit: int, lease: float) -> Taken:
        if self._recover:
            self._outbox.recover(now)
            self._recover = False
        return self._outbox.take(channel, now, limit, lease)

    async def _in_pool(self, call: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._pool, call)
