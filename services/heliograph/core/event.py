"""Events: one envelope around a few payloads, and the names of the topics that they travel on."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from heliograph.core.article import Article, Match, Story

ARTICLES: Final = "articles"
MATCHES: Final = "matches"
FLAGGED: Final = "flagged"
DELIVERIES: Final = "deliveries"
DEAD_LETTERS: Final = "dead-letters"
FEEDS: Final = "feeds"
TOPICS: Final = "topics"

LOG_TOPICS: Final = (ARTICLES, MATCHES, FLAGGED, DELIVERIES, DEAD_LETTERS, FEEDS, TOPICS)


class ArticleFetched(msgspec.Struct, frozen=True, kw_only=True, tag="article.fetched"):
    """A new or changed item was read from a feed."""

    article: Article


class ArticleMatched(msgspec.Struct, frozen=True, kw_only=True, tag="article.matched"):
    """At least one topic asks for the article."""

    article: Article
    matches: tuple[Match, ...]


class ArticleFlagged(msgspec.Struct, frozen=True, kw_only=True, tag="article.flagged"):
    """A matched article has found its story."""

    article: Article
    matches: tuple[Match, ...]
    story: Story


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="dead.letter"):
    """Something could not be worked on and never will be as it is; `payload` is the original, byte for byte."""

    stage: str
    """Name of the stage that refused it."""
    reason: str
    """Short slug fit for a metric label, such as `bad-feed` or `undecodable`."""
    cause: str
    """One line for a person: what was wrong and where."""
    payload: bytes
    topic: str = ""
    """Log topic that the original was read from; empty where it came from outside, such as a feed's body."""
    origin: str = ""
    """Where the original came from: `topic/partition/offset`, or a feed's id and address."""
    content_type: str = ""
    attempts: int = 1


Payload = ArticleFetched | ArticleMatched | ArticleFlagged | DeadLetter


class Envelope(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What surrounds every payload.

    `id` is deterministic, so that appending the same event twice is recognised; `trace` is one id from the fetch to the
    last delivery attempt. `backfill` marks the first import of a feed and replays: indexed, never alerted. `ingested`
    is when the article entered the log; later stages hand it on, so that any of them can say how old its work is.
    """

    id: str
    time: datetime
    """When this event was made, in UTC."""
    trace: str
    data: Payload
    schema: int = 1
    """Version of the payload's schema."""
    backfill: bool = False
    origin: str = ""
    """What made it: a stage's name, `ingest`, or `replay`."""
    ingested: datetime | None = None
