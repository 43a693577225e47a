"""Index: one collection of documents, such as `flagged` or `archive`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from heliograph.core.article import Document, Evidence
from heliograph.query.tree import Node

Sort = Literal["newest", "oldest", "score"]
"""`score` puts the best match of any topic first (to three decimals), then the newer document."""
FACETS = ("topic", "concept", "source", "country", "ownership", "language", "feed")
"""Fields that `aggregate` counts values of."""


@dataclass(frozen=True, slots=True)
class Search:
    """What is asked for. `since` and `until` bound `article.sorted`, half-open."""

    query: Node | None = None
    """None asks for everything."""
    since: datetime | None = None
    until: datetime | None = None
    sort: Sort = "newest"
    limit: int = 50
    cursor: str = ""
    """`Page.next` of the page before; empty for the first."""


@dataclass(frozen=True, slots=True)
class Hit:
    """One document found, and where the query itself is satisfied in it (for highlighting)."""

    document: Document
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """One page of hits; `total` counts all of them exactly."""

    total: int
    items: tuple[Hit, ...]
    next: str = ""
    """Cursor of the next page, empty behind the last."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """Documents whose `sorted` time lies in [start, start + interval)."""

    start: datetime
    count: int


@dataclass(frozen=True, slots=True)
class Aggregates:
    """Counts over every document that the search finds, all exact."""

    total: int
    interval: float
    """Seconds a bucket spans."""
    histogram: tuple[Bucket, ...] = ()
    """Rising, without gaps between the first and the last bucket; starts are multiples of the interval since 1970."""
    facets: Mapping[str, tuple[tuple[str, int], ...]] = field(default_factory=dict)
    """For each field asked for: (value, documents), most frequent first, then by value."""


class Index(Protocol):
    """A searchable collection of documents by id. Safe to use from many threads.

    Promises: when `upsert` returns, the documents survive a kill of the process and every later search sees them; one
    document for an article id, the last one written (of several writers, never one fetched before the one that is
    there); searches return exactly the documents for which `query.match.matches` is true and whose time lies in the
    range, ties in time broken by id, so that paging by cursor neither repeats nor skips while nothing is written.
    """

    def upsert(self, documents: Sequence[Document]) -> None:
        """Write or replace by `article.id`: all when it returns, and all or some when it raises.

        Raises IndexUnavailable: writing all of them again completes it. Raises BadInput for a document that can never
        be written, naming its id.
        """
        ...

    def search(self, request: Search) -> Page:
        """Raises QueryError for a cursor that is none, IndexUnavailable."""
        ...

    def aggregate(
        self, request: Search, *, facets: Sequence[str] = FACETS, buckets: int = 60, size: int = 10
    ) -> Aggregates:
        """Count over time, in at most `buckets` buckets of a round interval, and by field, `size` values each.

        A range on both sides of 1970 takes two buckets at least. Raises QueryError for a field not in FACETS.
        """
        ...

    def get(self, article_id: str) -> Document | None: ...

    def purge(self, before: datetime) -> int:
        """Drop documents fetched before `before`; return how many went."""
        ...

    def close(self) -> None: ...
