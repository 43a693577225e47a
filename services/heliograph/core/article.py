"""The nouns that travel through the pipeline: an article, why it matched, and the story it belongs to."""

from __future__ import annotations

from datetime import datetime

import msgspec


class Article(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One item of one feed, as plain text for matching and as clean HTML for display.

    Times are aware datetimes in UTC. `published` is what the feed states, even where that lies in the future;
    `sorted` is the same clamped to the moment of fetching, so that no wrong clock pins an item to the top of a list.
    Evidence offsets count Unicode code points in `title` and `text` exactly as they stand here.
    """

    id: str
    """Deterministic: see `ids.article_id`."""
    revision: str
    """Hash of what a reader sees (title, text, link); a changed article keeps its id and gets a new revision."""
    title: str
    text: str
    """The body, or the summary where the feed has no body, as plain text."""
    feed: str
    """Id of the subscription that brought it."""
    source: str
    """Id of the outlet."""
    source_title: str = ""
    fetched: datetime
    sorted: datetime
    published: datetime | None = None
    updated: datetime | None = None
    url: str = ""
    """Canonical address, or empty where the item has none."""
    link: str = ""
    """Address as the feed states it, resolved against the feed's base."""
    guid: str = ""
    html: str = ""
    """The body as sanitised HTML, safe to show; empty where it says no more than `text`."""
    language: str = ""
    """Primary language subtag of BCP 47 such as `ru`; empty where unknown."""
    country: str = ""
    """ISO 3166-1 alpha-2 code of the outlet in lower case, or `int`."""
    ownership: str = "unknown"
    """`state`, `public`, `private`, `independent` or `unknown`."""
    authors: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()


class Evidence(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One place in the article that a topic's query was satisfied by."""

    field: str
    """`title` or `text`."""
    start: int
    end: int
    """Half-open range of code points in the field as published."""
    text: str
    """The form found: `field[start:end]`."""
    term: str
    """The term as the query or the concept file writes it."""
    concept: str = ""
    """Id of the concept the term stands in; empty for a term of the query itself."""
    clause: str = ""
    """The part of the query that it satisfies, as written."""


class ScoreParts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What each part adds to a score; with the base, which every match has, they are the score. See `detect.score`."""

    base: float = 0.0
    title: float = 0.0
    variety: float = 0.0
    rarity: float = 0.0
    density: float = 0.0


class Match(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """That one article satisfies one version of one topic, and why."""

    id: str
    topic: str
    topic_version: str
    score: float
    """From 0 to 1."""
    severity: str = "normal"
    """`low`, `normal` or `high`, as the topic's file says."""
    evidence: tuple[Evidence, ...] = ()
    parts: ScoreParts | None = None
    """None in what was recorded before parts were."""


class Story(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The cluster of copies and near-copies that an article belongs to."""

    id: str
    first: bool
    """True for the article that opened the story; later ones are updates."""
    copies: int = 1
    """Articles in the story so far, this one included."""
    outlets: tuple[str, ...] = ()
    """Ids of the outlets that carried it so far, in order of arrival."""


class Document(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is indexed and searched: an article with what the pipeline found out about it."""

    article: Article
    matches: tuple[Match, ...] = ()
    story: Story | None = None
