"""A newsroom for the web's tests: real indexes, the real query language, invented articles in seven languages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

import yaml

from heliograph.core.article import Article, Document, Match, Story
from heliograph.core.ids import article_id, match_id, revision_of, stable_id
from heliograph.errors import DeliveryError, UsageError
from heliograph.index.memory import MemoryIndex
from heliograph.index.port import Aggregates, Page, Search
from heliograph.query.explain import evidence
from heliograph.query.match import matches
from heliograph.query.parse import parse
from heliograph.query.terms import ConceptTerm
from heliograph.query.tree import Node
from heliograph.query.view import View
from heliograph.runtime.metrics import Metrics
from heliograph.runtime.stage import StepHealth
from heliograph.web.deps import WebDeps
from heliograph.web.live import LiveBus
from heliograph.web.port import AlertRow, Ask, ChannelRow, FeedRow, NewFeed, TopicRow

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
CONCEPTS = {
    "corridor": [
        ConceptTerm("en", "corridor*"),
        ConceptTerm("ru", "коридор*"),
        ConceptTerm("az", "dəhliz*"),
        ConceptTerm("tr", "koridor*"),
        ConceptTerm("hy", "միջանցք*"),
        ConceptTerm("fa", "دالان*"),
        ConceptTerm("ka", "დერეფ*"),
    ],
    "treaty": [
        ConceptTerm("en", "treaty"),
        ConceptTerm("ru", "договор*"),
        ConceptTerm("fa", "معاهده*"),
        ConceptTerm("tr", "anlaşma*"),
    ],
}
TOPICS = (
    TopicRow("corridors", "South Caucasus transport corridors", "high", "3f9a1c", "@corridor", "built in"),
    TopicRow(
        "partnership", "Russia–Iran partnership agreement", "normal", "b77e02", "@treaty", "topics/partnership.yaml"
    ),
)
ARTICLES = yaml.safe_load(Path(__file__).with_name("articles.yaml").read_text(encoding="utf-8"))


class Newsroom:
    """Everything that the web is given, with real neighbours where they exist and plain lists where a test looks in."""

    def __init__(self) -> None:
        self.flagged, self.archive = MemoryIndex(), MemoryIndex()
        self.bus = LiveBus(ring=50, queue=20, readers=10)
        self.metrics = Metrics()
        self.feeds = feed_rows()
        self.alerts = alert_rows()
        self.tested: list[str] = []
        self.steps: Sequence[StepHealth] = (
            StepHealth("detect", True, 0, 0.0),
            StepHealth("index", True, 1240, 3.2, "the disk is full: free some space", 2),
            StepHealth("alert", False, 12, 840.5),
        )
        self.healthy = True

    # Searches

    def _index(self, scope: str) -> MemoryIndex:
        return self.flagged if scope == "flagged" else self.archive

    def search(self, scope: str, ask: Ask) -> Page:
        return self._index(scope).search(Search(ask.query, ask.since, ask.until, ask.sort, ask.limit, ask.cursor))

    def aggregate(self, scope: str, ask: Ask, *, facets: Sequence[str], buckets: int, size: int) -> Aggregates:
        request = Search(ask.query, ask.since, ask.until, ask.sort, ask.limit, ask.cursor)
        return self._index(scope).aggregate(request, facets=facets, buckets=buckets, size=size)

    def get(self, article_id: str) -> Document | None:
        return self.flagged.get(article_id) or self.archive.get(article_id)

    # The rest of WebDeps

    def parse(self, text: str, now: datetime, zone: tzinfo) -> Node:
        return parse(text, concepts=CONCEPTS, now=now, zone=zone)

    def add_feed(self, new: NewFeed) -> FeedRow:
        if not new.url.startswith(("http://", "https://")):
            raise UsageError(f"feed: not an http or https address: {new.url!r}")
        if any(row.url == new.url for row in self.feeds):
            raise UsageError(f"feed: subscribed already: {new.url}")
        row = FeedRow(stable_id("feed", new.url), new.title, new.url, new.source, new.country, language=new.language)
        self.feeds.append(row)
        return row

    def remove_feed(self, feed_id: str) -> bool:
        before = len(self.feeds)
        self.feeds = [row for row in self.feeds if row.id != feed_id]
        return len(self.feeds) < before

    def test_channel(self, name: str) -> str:
        self.tested.append(name)
        if name == "broken":
            raise DeliveryError("channel broken: https://user:hunter2@hooks.example/x answered 410", permanent=True)
        return "answered 204 in 12 ms"

    def check_disk(self) -> str:
        if not self.healthy:
            raise OSError("the disk is full: free some space")
        return "12 GB free"

    def deps(self, **changes: object) -> WebDeps:
        """Return what the application is given."""
        deps = WebDeps(
            searches=self,
            parse_query=self.parse,
            matches=lambda node, document: matches(node, View(document)),
            now=lambda: NOW,
            bus=self.bus,
            feeds=lambda: self.feeds,
            add_feed=self.add_feed,
            remove_feed=self.remove_feed,
            topics=lambda: TOPICS,
            concepts=lambda: {"corridor": "Transport corridor", "treaty": "Treaty"},
            alerts=lambda limit: self.alerts[:limit],
            channels=lambda: (ChannelRow("desk", "webhook", "https://hooks.example"), ChannelRow("broken", "webhook")),
            test_channel=self.test_channel,
            steps=lambda: self.steps,
            stores=lambda: {"event log": "SQLite, 12 MB, 8,410 events", "index": "memory"},
            version="0.1.0",
            checks={"disk": self.check_disk},
            registry=self.metrics.registry,
            record=self.record,
            allowed_hosts=("desk.example",),
            heartbeat=0.2,
        )
        return replace(deps, **changes)  # type: ignore[arg-type]  # the caller names fields of WebDeps

    def record(self, method: str, route: str, status: int, seconds: float) -> None:
        self.metrics.http_requests.labels(route=route, method=method, status=str(status)).inc()
        self.metrics.http_seconds.labels(route=route).observe(seconds)

    # Filling it

    def publish(self, document: Document) -> None:
        """Index a flagged document and tell the live list, as the pipeline does."""
        self.flagged.upsert([document])
        self.archive.upsert([document])
        self.bus.publish([document])

    def fill(self, copies: int = 1) -> list[Document]:
        """Index the invented articles, `copies` times over the past days; return them, newest first."""
        documents = []
        for turn in range(copies):
            for at, fields in enumerate(ARTICLES):
                hours = 5 * (turn * len(ARTICLES) + at) + 1
                documents.append(document(**fields, hours=hours, copies=3 if at == 0 else 1, turn=turn))
        self.flagged.upsert(documents)
        self.archive.upsert(documents)
        return documents


def document(
    title: str,
    text: str = "",
    *,
    language: str = "en",
    country: str = "ge",
    ownership: str = "independent",
    source: str = "Kura Observer",
    hours: float = 1.0,
    copies: int = 1,
    turn: int = 0,
    topics: Sequence[TopicRow] = TOPICS,
    **fields: object,
) -> Document:
    """Return a document with the matches and evidence that the topics' queries really give."""
    feed = stable_id("feed", source)[:8]
    link = f"https://{feed}.example/{stable_id('path', title, str(turn))[:10]}"
    moment = NOW - timedelta(hours=hours)
    values: Mapping[str, object] = {
        "id": article_id(feed=feed, link=link, guid="", title=title),
        "revision": revision_of(title=title, text=text, link=link),
        "title": title, "text": text, "feed": feed, "source": feed, "source_title": source, "fetched": moment,
        "sorted": moment, "published": moment, "url": link, "link": link, "language": language, "country": country,
        "ownership": ownership, **fields,
    }  # fmt: skip
    article = Article(**values)  # type: ignore[arg-type]  # checked by the tests that use it
    view = View(Document(article=article))
    found = []
    for row in topics:
        node = parse(row.query, concepts=CONCEPTS)
        if matches(node, view):
            found.append(
                Match(
                    id=match_id(article.id, row.id, row.version),
                    topic=row.id,
                    topic_version=row.version,
                    score=0.82,
                    severity=row.severity,
                    evidence=evidence(node, view),
                )
            )
    outlets = tuple(f"outlet-{n}" for n in range(copies))
    story = Story(id=stable_id("story", article.id), first=True, copies=copies, outlets=outlets)
    return Document(article=article, matches=tuple(found), story=story)


def feed_rows() -> list[FeedRow]:
    hour = timedelta(hours=1)
    return [
        FeedRow("f-kura", "Kura Observer", "https://kura.example/rss", "kura-observer", "ge", "independent", "en",
                "linked from the front page", "ok", "", NOW - hour, NOW - 3 * hour, NOW + hour / 4, 0, 1204),
        FeedRow("f-steppe", "Степной курьер", "https://reader:hunter2@steppe.example/feed", "stepnoy-kurer", "ru",
                "state", "ru", "", "failing", "HTTP 403: the server refuses us", NOW - 30 * hour, NOW - 31 * hour,
                NOW + 2 * hour, 7, 880, "HTTP 403 at https://reader:hunter2@steppe.example/feed"),
        FeedRow("f-kasp", "روزنامه کاسپین", "https://kaspian.example/fa/rss.xml", "ruzname-kaspian", "ir",
                "state", "fa"),
    ]  # fmt: skip


def alert_rows() -> list[AlertRow]:
    return [
        AlertRow("a1", "corridors", "s1", "Surveyors walk the last stretch of the southern corridor",
                 "https://kura.example/1", "desk", "sent", NOW - timedelta(minutes=12), 1, "", "first of its story"),
        AlertRow("a2", "partnership", "s2", "معاهدهٔ ترابری و دالان شمال", "https://kaspian.example/2", "desk", "failed",
                 NOW - timedelta(hours=5), 4, "https://user:hunter2@hooks.example answered 503", "update: 2 outlets"),
    ]  # fmt: skip
