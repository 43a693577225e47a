"""The API's answers. `openapi.py` generates the schemas from these very structs, so that they cannot disagree."""

from __future__ import annotations

from datetime import datetime

import msgspec

from heliograph.core.article import Document, Evidence, Match, Story
from heliograph.web.port import AlertRow, FeedRow, FoundHit, TopicRow

EXCERPT = 400
"""Code points of text that an item of a list carries; the article itself has the rest."""


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One article in a list, with why it is there."""

    id: str
    title: str
    url: str
    link: str
    source: str
    source_title: str
    feed: str
    country: str
    ownership: str
    language: str
    published: datetime | None
    fetched: datetime
    sorted: datetime
    excerpt: str
    matches: tuple[Match, ...]
    story: Story | None
    evidence: tuple[Evidence, ...]
    """Where the query of the request holds."""


class SearchAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """`total` is exact; `next` is the cursor of the next page, null behind the last."""

    total: int
    took_ms: float
    items: tuple[Item, ...]
    next: str | None


class HistogramBucket(msgspec.Struct, frozen=True, kw_only=True):
    """Articles in [start, start + interval)."""

    start: datetime
    count: int


class HistogramAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Counts over time; `interval` in seconds."""

    total: int
    interval: float
    buckets: tuple[HistogramBucket, ...]


class FacetValue(msgspec.Struct, frozen=True, kw_only=True):
    """Articles that have the value."""

    value: str
    count: int


class FacetsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """For each field its most frequent values."""

    total: int
    facets: dict[str, tuple[FacetValue, ...]]


class Suggested(msgspec.Struct, frozen=True, kw_only=True):
    """One text that may stand there; `kind` is `field`, `value`, `concept` or `operator`."""

    text: str
    kind: str
    detail: str


class CompletionAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Suggestions, each to be put in place of the code points of the query from `start` to before `end`."""

    start: int
    end: int
    items: tuple[Suggested, ...]


class Topic(msgspec.Struct, frozen=True, kw_only=True):
    """One standing topic with what it flagged: ever (as far as kept), in 7 days, in 24 hours."""

    id: str
    name: str
    severity: str
    version: str
    query: str
    origin: str
    total: int
    week: int
    day: int


class TopicsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Every topic."""

    items: tuple[Topic, ...]


class FeedsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Every subscription with its ledger."""

    items: tuple[FeedRow, ...]


class AlertsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Alerts, newest first."""

    items: tuple[AlertRow, ...]


class FeedRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A feed to subscribe to."""

    url: str
    title: str = ""
    source: str = ""
    country: str = ""
    language: str = ""
    ownership: str = ""


class ChannelAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What the channel said to the test message."""

    channel: str
    said: str


class ErrorBody(msgspec.Struct, frozen=True, kw_only=True):
    """`position` counts characters of `q` from 0, null where the query is not to blame."""

    message: str
    position: int | None = None
    expected: tuple[str, ...] = ()
    hint: str = ""


class ErrorAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Every answer of 400 and above under /api/."""

    error: ErrorBody


def item_of(hit: FoundHit) -> Item:
    """Return the list item of a hit."""
    return make_item(hit.document, hit.evidence)


def make_item(document: Document, evidence: tuple[Evidence, ...] = ()) -> Item:
    """Return the list item of a document."""
    article = document.article
    return Item(
        id=article.id,
        title=article.title,
        url=article.url,
        link=article.link,
        source=article.source,
        source_title=article.source_title,
        feed=article.feed,
        country=article.country,
        ownership=article.ownership,
        language=article.language,
        published=article.published,
        fetched=article.fetched,
        sorted=article.sorted,
        excerpt=article.text[:EXCERPT],
        matches=document.matches,
        story=document.story,
        evidence=evidence,
    )


def make_topic(row: TopicRow, total: int, week: int, day: int) -> Topic:
    """Return the topic with its counts."""
    return Topic(
        id=row.id,
        name=row.name,
        severity=row.severity,
        version=row.version,
        query=row.query,
        origin=row.origin,
        total=total,
        week=week,
        day=day,
    )
