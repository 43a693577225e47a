"""A topic as it is now, or in a draft, over articles that have come already: what it would have flagged and alerted.

Compared is with what was flagged when the articles came (the archive), or with what the saved topic finds (a file).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from heliograph.assembly.found import PAGE, indexed
from heliograph.assembly.replay import Tick
from heliograph.assembly.world import World
from heliograph.core.article import Article, Document, Evidence
from heliograph.detect.engine import Engine, Hit
from heliograph.detect.scan import Scanned
from heliograph.detect.topic import CompiledTopic
from heliograph.errors import IndexUnavailable
from heliograph.index.port import Index, Search

KEPT = 1_000
"""Articles gained and lost that are listed, of each; all are counted."""


@dataclass(frozen=True, slots=True)
class Before:
    """That the article was flagged with the topic before."""

    version: str
    evidence: tuple[Evidence, ...] = ()
    story: str = ""


@dataclass(frozen=True, slots=True)
class Changed:
    """An article that is flagged now and was not, or the other way round, with what stood for it."""

    article: Article
    evidence: tuple[Evidence, ...]


@dataclass(slots=True)
class Backtest:
    """What came of it."""

    topic: str
    version: str
    saved_versions: Counter[str] = field(default_factory=Counter)
    """Versions compared with, and how many articles each had flagged."""
    articles: int = 0
    hits: int = 0
    gained_count: int = 0
    lost_count: int = 0
    gained: list[Changed] = field(default_factory=list)
    lost: list[Changed] = field(default_factory=list)
    by_language: Counter[str] = field(default_factory=Counter)
    by_source: Counter[str] = field(default_factory=Counter)
    first: datetime | None = None
    last: datetime | None = None
    errors: list[str] = field(default_factory=list)
    """Lines of a file that are no articles."""
    _stories: set[str] = field(default_factory=set)

    @property
    def stories(self) -> int:
        """Stories among the hits. One that no story is known of counts as a story of its own."""
        return len(self._stories)

    def alerts_a_day(self, span: timedelta | None = None) -> float | None:
        """Return how many alerts a channel would have got a day, one for a story; None where no time has passed."""
        if span is None and self.first is not None and self.last is not None:
            span = self.last - self.first
        return self.stories / (span / timedelta(days=1)) if span else None

    def add(self, article: Article, time: datetime | None, hit: Hit | None, before: Before | None) -> None:
        """Count one article; `time` is None where nothing tells when it came."""
        self.articles += 1
        if time is not None:
            self.first = min(self.first or time, time)
            self.last = max(self.last or time, time)
        if before is not None:
            self.saved_versions[before.version] += 1
        if hit is not None:
            self.hits += 1
            self.by_language[article.language or "unknown"] += 1
            self.by_source[article.source] += 1
            self._stories.add(before.story if before is not None and before.story else article.id)
            if before is None:
                self.gained_count += 1
                _keep(self.gained, Changed(article, hit.evidence))
        elif before is not None:
            self.lost_count += 1
            _keep(self.lost, Changed(article, before.evidence))


def over_archive(
    world: World,
    topic: CompiledTopic,
    since: datetime | None,
    until: datetime | None,
    begin: Callable[[int], Tick],
) -> Backtest:
    """Match every archived article of the span; `begin` is told how many there are.

    Raises IndexUnavailable, also where nothing was ever indexed.
    """
    if not indexed(world, "archive"):
        raise IndexUnavailable(f"nothing archived yet in {world.settings.data}: run `heliograph run`, or name a file")
    archive = world.index("archive")
    tick = begin(archive.search(Search(since=since, until=until, limit=1)).total)
    asked = Search(world.parse_query(f'topic: "{topic.id}"'), since, until, "oldest", PAGE)
    before = _flagged(world.index("flagged"), topic.id, asked) if indexed(world, "flagged") else {}
    engine, found = Engine([topic]), Backtest(topic.id, topic.version)
    for documents in _pages(archive, Search(None, since, until, "oldest", PAGE)):
        for article in (document.article for document in documents):
            found.add(article, article.sorted, next(iter(engine.match(article)), None), before.get(article.id))
        tick(len(documents))
    return found


def over_lines(scanned: Iterable[Scanned], topic: CompiledTopic, saved: CompiledTopic | None) -> Backtest:
    """Match articles read from a file; compare with `saved` where it is another version, else with nothing."""
    engine, found = Engine([topic]), Backtest(topic.id, topic.version)
    other = Engine([saved]) if saved is not None and saved.version != topic.version else None
    for line in scanned:
        if line.article is None:
            found.errors.append(line.error)
            continue
        hit = next(iter(engine.match(line.article)), None)
        was = next(iter(other.match(line.article)), None) if other is not None else hit
        before = Before(was.version, was.evidence) if was is not None else None
        found.add(line.article, line.article.published, hit, before)
    return found


def _keep(kept: list[Changed], changed: Changed) -> None:
    if len(kept) < KEPT:
        kept.append(changed)


def _flagged(index: Index, topic: str, request: Search) -> Mapping[str, Before]:
    found: dict[str, Before] = {}
    for documents in _pages(index, request):
        for document in documents:
            story = document.story.id if document.story else ""
            # The index folds values, so that it may find a topic whose id differs in case.
            for match in document.matches:
                if match.topic == topic:
                    found[document.article.id] = Before(match.topic_version, match.evidence, story)
    return found


def _pages(index: Index, request: Search) -> Iterator[list[Document]]:
    while True:
        page = index.search(request)
        yield [hit.document for hit in page.items]
        if not page.next:
            return
        request = replace(request, cursor=page.next)
