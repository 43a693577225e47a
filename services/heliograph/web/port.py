"""What the pages need of their neighbours; compose.py adapts the rooms to it.

Everything here is called from worker threads and may block; everything may raise Unavailable (shown as 503).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from heliograph.core.article import Document, Evidence
from heliograph.query.tree import Node

Scope = Literal["flagged", "archive"]
"""`flagged`: what a topic asked for; `archive`: every article kept for search-all."""
Sort = Literal["newest", "oldest", "score"]


@dataclass(frozen=True, slots=True)
class Ask:
    """One question to an index; the fields mean what those of `index.port.Search` mean."""

    query: Node | None = None
    since: datetime | None = None
    until: datetime | None = None
    sort: Sort = "newest"
    limit: int = 50
    cursor: str = ""


class FoundHit(Protocol):
    """One document found, and where the query itself holds in it."""

    @property
    def document(self) -> Document: ...

    @property
    def evidence(self) -> tuple[Evidence, ...]: ...


class Found(Protocol):
    """One page of hits; `total` is exact, `next` the cursor of the next page or empty."""

    @property
    def total(self) -> int: ...

    @property
    def items(self) -> Sequence[FoundHit]: ...

    @property
    def next(self) -> str: ...


class TimeBucket(Protocol):
    """Documents in [start, start + interval)."""

    @property
    def start(self) -> datetime: ...

    @property
    def count(self) -> int: ...


class Counts(Protocol):
    """Exact counts over everything found; `interval` in seconds; facets as (value, documents), most frequent first."""

    @property
    def total(self) -> int: ...

    @property
    def interval(self) -> float: ...

    @property
    def histogram(self) -> Sequence[TimeBucket]: ...

    @property
    def facets(self) -> Mapping[str, tuple[tuple[str, int], ...]]: ...


class Searches(Protocol):
    """The indexes by scope, with the promises of `index.port.Index`. Safe to use from many threads."""

    def search(self, scope: Scope, ask: Ask) -> Found:
        """Raises QueryError for a cursor that is none, IndexUnavailable."""
        ...

    def aggregate(self, scope: Scope, ask: Ask, *, facets: Sequence[str], buckets: int, size: int) -> Counts:
        """Raises IndexUnavailable."""
        ...

    def get(self, article_id: str) -> Document | None:
        """Return the document from `flagged`, else from `archive`, else None."""
        ...


@dataclass(frozen=True, slots=True)
class FeedRow:
    """One subscription and its ledger, as `/feeds` lists it."""

    id: str
    title: str
    url: str
    source: str
    country: str = ""
    ownership: str = "unknown"
    language: str = ""
    evidence: str = ""
    """Why the feed is in the list: where its address was found or checked."""
    status: Literal["new", "ok", "failing", "paused"] = "new"
    """`new`: never answered so far."""
    reason: str = ""
    """One line: why it is failing or paused."""
    last_success: datetime | None = None
    last_new_item: datetime | None = None
    next_poll: datetime | None = None
    failures: int = 0
    """In a row, up to now."""
    items: int = 0
    """Items taken from it so far."""
    last_error: str = ""


@dataclass(frozen=True, slots=True)
class NewFeed:
    """What a person states of a feed to add; empty fields are found out or left unknown."""

    url: str
    title: str = ""
    source: str = ""
    country: str = ""
    language: str = ""
    ownership: str = ""


@dataclass(frozen=True, slots=True)
class TopicRow:
    """One standing topic; its counts come from the index."""

    id: str
    name: str
    severity: str
    version: str
    query: str
    origin: str = ""
    """Where it was read: `built in`, a file, or `edited here`."""


@dataclass(frozen=True, slots=True)
class AlertRow:
    """One alert to one channel, and how its delivery stands."""

    id: str
    topic: str
    story: str
    title: str
    url: str
    channel: str
    status: str
    """Such as `pending`, `sent`, `failed`, `muted`."""
    created: datetime
    attempts: int = 0
    last_error: str = ""
    reason: str = ""
    """Why it was sent, held back or muted."""
    article: str = ""
    """Article that opened it; empty where unknown."""


@dataclass(frozen=True, slots=True)
class ChannelRow:
    """One delivery channel; `target` holds no secret."""

    name: str
    type: str
    target: str = ""


Check = Callable[[], str]
"""Returns a line of detail where all is well; raises HeliographError or OSError, whose text says what to do."""
Recorder = Callable[[str, str, int, float], None]
"""Takes (method, route template, status, seconds until the answer began) of each request."""


def record_nothing(method: str, route: str, status: int, seconds: float) -> None:
    """Be the recorder of an application that is not measured."""
    del method, route, status, seconds
