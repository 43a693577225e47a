"""Articles in, matches out: the stage that runs the engine over the stream."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from threading import Lock

from heliograph.core.article import Article, Match
from heliograph.core.event import ArticleFetched, ArticleMatched, Envelope
from heliograph.core.ids import event_id, match_id
from heliograph.detect.engine import Engine, Hit
from heliograph.detect.topic import CompiledTopic
from heliograph.runtime.stage import Done, Outcome, Reject


def _now() -> datetime:
    return datetime.now(UTC)


class DetectStage:
    """Stage over `articles`: one `article.matched` for an article that at least one topic asks for, else nothing.

    The same topics give the same event for the same article, under the same id. Topics may be changed from any thread
    while a batch is worked on: an article is matched against the topics before the change or after it, never a mixture.
    """

    name = "detect"

    def __init__(self, engine: Engine, clock: Callable[[], datetime] = _now) -> None:
        self._engine = engine
        self._clock = clock
        self._lock = Lock()

    def replace(self, engine: Engine) -> None:
        """Put other topics in force; the stage owns `engine` from here on."""
        with self._lock:
            self._engine = engine

    def add(self, topic: CompiledTopic) -> None:
        """Put one more topic in force, or a new version of one."""
        with self._lock:
            self._engine.add(topic)

    def remove(self, topic_id: str) -> bool:
        """Take one topic out of force; tell whether it was in."""
        with self._lock:
            return self._engine.remove(topic_id)

    def handle(self, batch: Sequence[Envelope]) -> Sequence[Outcome]:
        return [self._one(event) for event in batch]

    def _one(self, event: Envelope) -> Outcome:
        if not isinstance(event.data, ArticleFetched):
            kind = type(event.data).__struct_config__.tag
            return Reject("not-an-article", f"detect reads article.fetched events, this one is {kind}")
        article = event.data.article
        with self._lock:
            hits = self._engine.match(article)
        return Done((self._matched(event, article, hits),)) if hits else Done()

    def _matched(self, event: Envelope, article: Article, hits: Sequence[Hit]) -> Envelope:
        versions = [f"{hit.topic}@{hit.version}" for hit in hits]
        return Envelope(
            id=event_id("article.matched", article.id, article.revision, *versions),
            time=self._clock(),
            trace=event.trace,
            data=ArticleMatched(article=article, matches=tuple(_match(article, hit) for hit in hits)),
            backfill=event.backfill,
            origin=self.name,
            ingested=event.ingested,
        )


def _match(article: Article, hit: Hit) -> Match:
    return Match(
        id=match_id(article.id, hit.topic, hit.version),
        topic=hit.topic,
        topic_version=hit.version,
        score=hit.score,
        severity=hit.severity,
        evidence=hit.evidence,
        parts=hit.parts,
    )
