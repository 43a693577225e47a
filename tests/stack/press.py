"""Feeds on loopback addresses, and a count of who polls which of them when."""

from __future__ import annotations

import asyncio
import re
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

_ANSWER_AFTER = 0.1
"""Seconds that an answer takes: polls of one feed by two workers would be seen to overlap."""
_NEWS_EVERY = 3
"""Polls of a feed between two new items."""
_WINDOW = 20
"""Items of a feed, at most: none scrolls off unseen."""


@dataclass
class _Feed:
    items: int = 1
    polls: int = 0
    under_way: list[str] = field(default_factory=list)


class Press:
    """Serves `feeds` feeds of `hosts` hosts from a thread of its own, until `close`."""

    def __init__(self, feeds: int, hosts: int) -> None:
        self.names = [f"feed-{number:03}" for number in range(feeds)]
        self.overlaps: list[tuple[str, str, str]] = []
        """Feed, who was polling it, and who came as well."""
        self.polls_by: Counter[str] = Counter()
        self.growing = True
        self._hosts = [f"127.0.{number}.1" for number in range(1, hosts + 1)]
        self._feeds = {name: _Feed() for name in self.names}
        self._changed = threading.Condition()
        self._loop = asyncio.new_event_loop()
        self._servers: list[asyncio.Server] = []
        self.port = self._loop.run_until_complete(self._listen())
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def url(self, name: str) -> str:
        return f"http://{self._hosts[self.names.index(name) % len(self._hosts)]}:{self.port}/{name}"

    def items(self) -> set[str]:
        """Return the address of every item that any feed has had."""
        return {f"https://press.example/{name}/{n}" for name, feed in self._feeds.items() for n in range(feed.items)}

    def wait(self, claim: Callable[[], bool], seconds: float = 120.0) -> bool:
        """Return whether the claim came true, looked at after each poll and each second."""
        end = monotonic() + seconds
        with self._changed:
            while not claim():
                if monotonic() > end:
                    return False
                self._changed.wait(1.0)
        return True

    def all_polled(self, times: int = 2) -> bool:
        """Return once each feed has been polled so often from now on; False where one is not."""
        with self._changed:
            wanted = {name: feed.polls + times for name, feed in self._feeds.items()}
        return self.wait(lambda: all(self._feeds[name].polls >= count for name, count in wanted.items()))

    def behind(self, times: int) -> list[str]:
        """Return the feeds that were polled fewer times than this."""
        return [name for name, feed in self._feeds.items() if feed.polls < times]

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.run_until_complete(self._end())
        self._loop.close()

    async def _end(self) -> None:
        for server in self._servers:
            server.close()
        answering = asyncio.all_tasks() - {asyncio.current_task()}
        for task in answering:
            task.cancel()
        await asyncio.gather(*answering, return_exceptions=True)
        # What was closed is gone one turn later.
        await asyncio.sleep(0)

    async def _listen(self) -> int:
        port = 0
        for host in self._hosts:
            server = await asyncio.start_server(self._serve, host, port)
            self._servers.append(server)
            port = server.sockets[0].getsockname()[1]
        return port

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                asked = re.match(r"GET /(\S+) ", head)
                who = re.search(r"(?im)^user-agent: (\S+)", head)
                assert asked is not None
                assert who is not None
                await self._answer(asked[1], who[1], writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            # Whoever asked has gone, or was killed.
            pass
        finally:
            writer.close()

    async def _answer(self, name: str, who: str, writer: asyncio.StreamWriter) -> None:
        feed = self._feeds[name]
        with self._changed:
            self.overlaps += [(name, other, who) for other in feed.under_way]
            feed.under_way.append(who)
        try:
            await asyncio.sleep(_ANSWER_AFTER)
            body = self._document(name, feed)
            head = f"HTTP/1.1 200 OK\r\nContent-Type: application/rss+xml\r\nContent-Length: {len(body)}\r\n\r\n"
            writer.write(head.encode() + body)
            await writer.drain()
        finally:
            with self._changed:
                feed.under_way.remove(who)
                feed.polls += 1
                self.polls_by[who] += 1
                if self.growing and feed.polls % _NEWS_EVERY == 0 and feed.items < _WINDOW:
                    feed.items += 1
                self._changed.notify_all()

    def _document(self, name: str, feed: _Feed) -> bytes:
        items = "".join(
            f"<item><title>Item {n} of {name}</title><link>https://press.example/{name}/{n}</link>"
            f"<guid>{name}-{n}</guid><description>What item {n} of {name} says.</description></item>"
            for n in reversed(range(feed.items))
        )
        return f'<rss version="2.0"><channel><title>{name}</title>{items}</channel></rss>'.encode()
