"""Articles for the tests of the query room."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from heliograph.core.article import Article, Document, Evidence, Match, Story
from heliograph.query.view import View

FETCHED = datetime(2026, 3, 14, 12, tzinfo=UTC)


def make_view(text: str = "", title: str = "", *, topic: str = "", concept: str = "", **values: Any) -> View:
    place = Evidence(field="text", start=0, end=0, text="", term="x", concept=concept)
    match = Match(id="m1", topic=topic, topic_version="v1", score=1.0, evidence=(place,) if concept else ())
    fields: dict[str, Any] = {
        "id": "a1",
        "revision": "r1",
        "feed": "agency-feed",
        "source": "agency",
        "sorted": FETCHED,
        "fetched": FETCHED,
    }
    article = Article(title=title, text=text, **(fields | values))
    return View(
        Document(
            article=article,
            matches=(match,) if topic else (),
            story=Story(id="s1", first=True) if topic else None,
        )
    )


@pytest.fixture(scope="session")
def view() -> Callable[..., View]:
    """Make the view of an article out of its text, title and values."""
    return make_view
