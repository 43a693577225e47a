"""Detection run again over the log, beside what was recorded: the same topic version gives the same matches.

The log does not say which version was in force when an article matched nothing. It is known between two matches of one
version: an article is compared where the last match before it is of the version in force now, and the first behind it
is so too, or there is none. Nothing is written.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from heliograph.assembly.replay import Span, Tick, batches
from heliograph.assembly.world import World
from heliograph.core.article import Match
from heliograph.core.event import ARTICLES, MATCHES, ArticleFetched, ArticleMatched
from heliograph.detect.engine import Engine
from heliograph.detect.stage import DetectStage
from heliograph.runtime.stage import Done
from heliograph.runtime.work import read, run_stage

_Key = tuple[str, str]
"""Article id and revision."""


@dataclass(slots=True)
class Compared:
    """One topic in force, over the articles of the span."""

    topic: str
    version: str
    articles: int = 0
    """Read, and worked on by `detect` before."""
    compared: int = 0
    recorded: int = 0
    """Matches of this version in the log."""
    matched: int = 0
    """Matches found now."""
    missing: list[str] = field(default_factory=list)
    """Articles recorded as matching that do not match now."""
    new: list[str] = field(default_factory=list)
    """Articles that match now, were compared, and are not recorded."""
    changed: list[str] = field(default_factory=list)
    """Articles that match now as then, with another score or other evidence."""

    @property
    def differs(self) -> bool:
        """Whether the same version gave other matches."""
        return bool(self.missing or self.new or self.changed)

    def row(self) -> dict[str, Any]:
        """Return the counts; the articles themselves stand under `differences`."""
        lists = {"missing": self.missing, "new": self.new, "changed": self.changed}
        return {
            "topic": self.topic,
            "version": self.version,
            "articles": self.articles,
            "compared": self.compared,
            "recorded": self.recorded,
            "matched": self.matched,
            **{name: len(articles) for name, articles in lists.items()},
            "differences": {name: articles for name, articles in lists.items() if articles},
        }


def compare(world: World, span: Span, tick: Tick) -> list[Compared]:
    """Match the articles of the span again. Raises LogUnavailable."""
    recorded = _recorded(world)
    now = _matched_now(world, span, tick)
    found = []
    for topic in world.definitions.compiled.values():
        one = Compared(topic.id, topic.version)
        versions = [recorded.get(key, {}).get(topic.id) for key, _ in now]
        for (key, matches), then, sure in zip(now, versions, _in_force(versions, topic.version), strict=True):
            again = matches.get(topic.id)
            was = then if then is not None and then.topic_version == topic.version else None
            one.articles += 1
            one.recorded += was is not None
            one.matched += again is not None
            if was is None and not sure:
                continue
            one.compared += 1
            if was is not None and again is None:
                one.missing.append(key[0])
            elif was is None and again is not None:
                one.new.append(key[0])
            elif was != again:
                one.changed.append(key[0])
        found.append(one)
    return found


def _recorded(world: World) -> dict[_Key, dict[str, Match]]:
    """Return what each revision of an article was recorded to match, by topic; the last record counts."""
    found: dict[_Key, dict[str, Match]] = {}
    for batch in batches(world.log.scan(MATCHES)):
        for item in read(batch):
            if item.envelope is not None and isinstance(data := item.envelope.data, ArticleMatched):
                of_article = found.setdefault((data.article.id, data.article.revision), {})
                of_article.update({match.topic: match for match in data.matches})
    return found


def _matched_now(world: World, span: Span, tick: Tick) -> list[tuple[_Key, dict[str, Match]]]:
    """Return what each article that `detect` has worked on matches now, in log order."""
    stage = DetectStage(Engine(world.definitions.compiled.values()), world.now)
    ahead = world.log.reader(ARTICLES, stage.name).read(1, 0.0)
    end = ahead[0].offset if ahead else None
    found: list[tuple[_Key, dict[str, Match]]] = []
    for batch in batches(world.log.scan(ARTICLES, span.since, span.until)):
        items = [item for item in read(batch) if end is None or item.message.offset < end]
        for item, outcome in zip(items, run_stage(stage, items), strict=True):
            if item.envelope is None or not isinstance(item.envelope.data, ArticleFetched):
                continue
            article = item.envelope.data.article
            events = outcome.events if isinstance(outcome, Done) else ()
            matches = {m.topic: m for e in events if isinstance(e.data, ArticleMatched) for m in e.data.matches}
            found.append(((article.id, article.revision), matches))
        tick(len(batch))
    return found


def _in_force(versions: list[Match | None], version: str) -> Iterator[bool]:
    """Yield for each article whether `version` was surely in force when it was matched."""
    marks = [number for number, match in enumerate(versions) if match is not None]
    sure = [False] * len(versions)
    ours = [number for number in marks if (match := versions[number]) is not None and match.topic_version == version]
    known = set(ours)
    for first, second in pairwise(marks):
        if first in known and second in known:
            sure[first : second + 1] = [True] * (second + 1 - first)
    if marks and marks[-1] in known:
        sure[marks[-1] :] = [True] * (len(versions) - marks[-1])
    yield from sure
