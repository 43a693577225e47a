"""The distributed tier as processes, articles for it, and a book of what must come of them."""

from __future__ import annotations

import queue
import threading
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self
from urllib.error import HTTPError, URLError
from uuid import uuid4

from tests.stack.elastic import Cluster
from tests.stack.faults.services import Service, Zygote
from tests.stack.kafka import drop_topics
from tests.stack.lossy import Lossy
from tests.stories.press import HIT, MISS, Press

from heliograph.assembly.world import World
from heliograph.compose import world
from heliograph.core.article import Article
from heliograph.core.event import FLAGGED, MATCHES, ArticleFetched, Envelope
from heliograph.core.ids import event_id
from heliograph.errors import LogUnavailable
from heliograph.settings import Settings

SERVICES = ("detect", "stories", "index", "alert", "web")
WRITERS = ("index", "alert")
"""Services that write to Elasticsearch, each by a way of its own."""
BATCH = 50
PAIRS_IN = 10
"""Of so many articles, two are the copies of one text that a topic asks for."""


def is_hit(number: int) -> bool:
    """Tell whether the corridor topic asks for an article."""
    return number % PAIRS_IN < 2


def article(number: int) -> Envelope:
    """Return an article; a hit and the one behind it are one text in two outlets."""
    now = datetime.now(UTC)
    text = (HIT if is_hit(number) else MISS).format(n=number // PAIRS_IN if is_hit(number) else number)
    source = ("north", "south")[number % 2]
    made = Article(
        id=f"a{number:06}",
        revision="1",
        title=f"Report {number // PAIRS_IN}" if is_hit(number) else f"Bakers {number}",
        text=text,
        feed=source,
        source=source,
        fetched=now,
        sorted=now,
        url=f"https://{source}.example/{number}",
        language="en",
    )
    name = event_id("article.fetched", made.id, made.revision)
    return Envelope(id=name, time=now, trace=name, data=ArticleFetched(article=made), origin="ingest", ingested=now)


class Feeder(threading.Thread):
    """Appends what is released, each batch until it is acknowledged, and remembers what was."""

    def __init__(self, world: World) -> None:
        super().__init__(name="feeder", daemon=True)
        self._world = world
        self._released: queue.Queue[range | None] = queue.Queue()
        self.released = 0
        self.acknowledged: list[str] = []
        self.failures = 0
        """Appends that were not acknowledged, and made again."""

    def release(self, count: int) -> None:
        """Have so many more articles appended; returns at once."""
        self._released.put(range(self.released, self.released + count))
        self.released += count

    def finish(self) -> None:
        """Return once everything released is acknowledged."""
        self._released.put(None)
        self.join(600)
        assert not self.is_alive(), f"{len(self.acknowledged)} of {self.released} acknowledged"

    def run(self) -> None:
        while (numbers := self._released.get()) is not None:
            for start in range(numbers.start, numbers.stop, BATCH):
                self._append([article(number) for number in numbers[start - numbers.start :][:BATCH]])

    def _append(self, events: Sequence[Envelope]) -> None:
        while True:
            try:
                self._world.append_articles(events)
                break
            except LogUnavailable:
                self.failures += 1
        self.acknowledged += [event.data.article.id for event in events if isinstance(event.data, ArticleFetched)]


class Tail(threading.Thread):
    """Reads a topic as it grows; knows how often each event came."""

    def __init__(self, world: World, topic: str) -> None:
        super().__init__(name=f"tail of {topic}", daemon=True)
        self._reader = world.log.reader(topic, f"tail-{uuid4().hex}")
        self._over = threading.Event()
        self.seen: Counter[str] = Counter()
        self.grown = threading.Condition()

    def run(self) -> None:
        while not self._over.is_set():
            with suppress(LogUnavailable):
                found = self._reader.read(500, 0.2)
                with self.grown:
                    self.seen.update(message.id for message in found)
                    self.grown.notify_all()

    def close(self) -> None:
        """Read no further."""
        self._over.set()
        self.join(60)
        self._reader.close()

    def wait_for_more(self, seconds: float) -> bool:
        """Tell whether anything was appended within so many seconds."""
        with self.grown:
            known = self.seen.total()
            return self.grown.wait_for(lambda: self.seen.total() > known, seconds)


class Newsroom:
    """Services on topics and indices of their own; gone when the context ends.

    `ways` are what stands between a service and Elasticsearch where `proxied`. With `static`, a service that was killed
    comes back under its name in its groups.
    """

    def __init__(
        self,
        folder: Path,
        bootstrap: str,
        url: str,
        *,
        replication: int = 1,
        proxied: bool = False,
        static: bool = False,
    ) -> None:
        self._folder, self._static = folder, static
        self._open = ExitStack()
        self.cluster = Cluster(url)
        self.press = Press()
        self.ways = {name: Lossy(url) for name in WRITERS} if proxied else {}
        self._flags: dict[str, Any] = {
            "tier": "distributed",
            "data": str(folder / "data"),
            "sources": "none",
            "web": {"port": 0},
            "health": {"host": "127.0.0.1", "port": 0},
            "logs": {"level": "warning", "form": "json"},
            "kafka": {
                "bootstrap": bootstrap,
                "topic_prefix": f"t-{uuid4().hex[:12]}.",
                "replication": replication,
                "session_timeout": "6s",
            },
            "elasticsearch": {"url": url, "index_prefix": self.cluster.prefix},
            "alerts": {"retry_schedule": ["0s", *["1s"] * 20]},
        }
        self.settings = Settings(**self._flags)
        self.services: dict[str, Service] = {}

    def __enter__(self) -> Self:
        with self._open as opened:
            for way in self.ways.values():
                opened.callback(way.close)
            opened.callback(self.cluster.clean)
            opened.callback(drop_topics, self.settings.kafka)
            self.world = world(self.settings, writes_index=True)
            opened.callback(self.world.close)
            self.world.tier.prepare(self.world.log)
            opened.enter_context(self.press)
            self._zygote = Zygote(self._folder)
            opened.callback(self._zygote.close)
            opened.callback(self._stop)
            for name in SERVICES:
                self.services[name] = self.service(name)
                self.services[name].start()
            for one in self.services.values():
                one.wait_ready()
            self.feeder = Feeder(self.world)
            self.feeder.start()
            self.tails = {topic: Tail(self.world, topic) for topic in (MATCHES, FLAGGED)}
            for tail in self.tails.values():
                tail.start()
                opened.callback(tail.close)
            self._open = opened.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def service(self, service: str, name: str = "") -> Service:
        """Return a service of this newsroom, not started; `name` tells a second one from the first."""
        name = name or service
        channel = {"name": "desk", "type": "webhook", "url": self.press.url("/hook"), "secret": _SECRET}
        policy = {"name": "everything", "query": "topic: *", "channels": ["desk"]}
        flags = {**self._flags, "channels": [channel], "policies": [policy]}
        if self._static:
            flags["kafka"] = {**flags["kafka"], "instance": name}
        if service in self.ways:
            flags["elasticsearch"] = {**flags["elasticsearch"], "url": self.ways[service].url}
        return Service(self._zygote, self._folder, service, flags, name)

    def indexed(self) -> int:
        """Return how often Elasticsearch has been told to write a document of an index, since its start."""
        told = self.cluster.ask("GET", f"{self.cluster.prefix}archive*,{self.cluster.prefix}flagged*/_stats/indexing")
        indexing = told["_all"]["primaries"]["indexing"]
        return int(indexing["index_total"]) + int(indexing["index_failed"])

    def count(self, name: str) -> int:
        """Return how many documents an index holds; -1 while Elasticsearch is away."""
        try:
            return int(self.cluster.ask("GET", f"{self.cluster.prefix}{name}/_count")["count"])
        except (HTTPError, URLError, ConnectionError, TimeoutError):
            return -1

    def _stop(self) -> None:
        for one in self.services.values():
            one.kill()


_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
