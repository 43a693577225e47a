"""A thread of one's own for calls that may take long, so that an event loop never waits for them."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")
_Call = tuple[Callable[[], Any], asyncio.AbstractEventLoop, asyncio.Future[Any]]


class OwnThread:
    """Runs calls one after another in one daemon thread, and answers in the loop that asked.

    A call that is no longer awaited runs to its end all the same; the next one begins behind it. The thread does not
    keep the process from ending.
    """

    def __init__(self, name: str) -> None:
        self._calls: queue.SimpleQueue[_Call | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    async def call(self, function: Callable[[], T]) -> T:
        """Return what `function` returns, or raise what it raises."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._calls.put((function, loop, future))
        return await future

    def end(self, timeout: float) -> bool:
        """End the thread behind what it was given; tell whether it ended within `timeout` seconds."""
        self._calls.put(None)
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (call := self._calls.get()) is not None:
            function, loop, future = call
            if future.cancelled():
                continue
            try:
                result = function()
            except BaseException as error:  # noqa: BLE001 - it is raised where the call was made
                _answer(loop, future.set_exception, future, error)
            else:
                _answer(loop, future.set_result, future, result)


def _answer(
    loop: asyncio.AbstractEventLoop, answer: Callable[[T], None], future: asyncio.Future[Any], value: T
) -> None:
    def give() -> None:
        if not future.done():
            answer(value)

    # Whoever asked may be gone together with the loop: then nobody waits for the answer.
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(give)
