from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from heliograph.core.article import Article, Match
from heliograph.core.event import ArticleMatched, Envelope
from heliograph.core.ids import event_id, match_id, revision_of

START = datetime(2026, 11, 2, 8, tzinfo=UTC)

MakeMatched = Callable[..., Envelope]


def _matched(
    name: str, text: str, *, hours: float = 0, source: str = "", title: str = "", backfill: bool = False
) -> Envelope:
    at = START + timedelta(hours=hours)
    title = title or f"Title of {name}"
    article = Article(
        id=name,
        revision=revision_of(title=title, text=text, link=name),
        title=title,
        text=text,
        feed=f"feed-{source or name}",
        source=source or f"outlet-{name}",
        fetched=at,
        sorted=at,
    )
    match = Match(id=match_id(name, "corridors", "1"), topic="corridors", topic_version="1", score=1.0)
    return Envelope(
        id=event_id("article.matched", article.id, article.revision),
        time=at,
        trace=name,
        data=ArticleMatched(article=article, matches=(match,)),
        backfill=backfill,
        ingested=at,
    )


@pytest.fixture(scope="session")
def matched() -> MakeMatched:
    return _matched


@pytest.fixture(scope="session")
def start() -> datetime:
    return START
