"""A parsed feed document as articles and events. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b

from heliograph.core.article import Article
from heliograph.core.event import ArticleFetched, Envelope
from heliograph.core.ids import article_ids, event_id, revision_of
from heliograph.core.url import canonical_url
from heliograph.fetch.port import ParsedFeed, ParsedItem, Subscription

ORIGIN = "ingest"


@dataclass(frozen=True, slots=True)
class Stamp:
    """When and under what circumstances a document was read."""

    now: datetime
    backfill: bool


def name_items(feed: str, parsed: ParsedFeed) -> list[tuple[str, str]]:
    """Return (article id, revision) for each item, in order of the document.

    The revision is taken over the canonical address, so that a changing tracking parameter is no change.
    """
    ids = article_ids(feed, [(item.link, item.guid, item.title) for item in parsed.items])
    return [
        (name, revision_of(title=item.title, text=_body(item), link=canonical_url(item.link) or item.link))
        for name, item in zip(ids, parsed.items, strict=True)
    ]


def envelopes(
    subscription: Subscription, parsed: ParsedFeed, names: list[tuple[str, str]], wanted: Iterable[int], stamp: Stamp
) -> tuple[Envelope, ...]:
    """Return an event for each wanted item (indexes into the document), with ids that a repetition computes again."""
    found: list[Envelope] = []
    for index in wanted:
        name, revision = names[index]
        article = _article(subscription, parsed, parsed.items[index], name, revision, stamp.now)
        found.append(
            Envelope(
                id=event_id("article.fetched", name, revision),
                time=stamp.now,
                trace=event_id("trace", name, revision),
                data=ArticleFetched(article=article),
                backfill=stamp.backfill,
                origin=ORIGIN,
                ingested=stamp.now,
            )
        )
    return tuple(found)


def newest(parsed: ParsedFeed) -> datetime | None:
    """Return the latest date of publication that any item states."""
    return max((item.published for item in parsed.items if item.published is not None), default=None)


def body_hash(body: bytes) -> str:
    """Return a hash of a document's bytes; equal bytes are not parsed twice."""
    return blake2b(body, digest_size=16).hexdigest()


def _article(
    subscription: Subscription, parsed: ParsedFeed, item: ParsedItem, name: str, revision: str, now: datetime
) -> Article:
    return Article(
        id=name,
        revision=revision,
        title=item.title,
        text=_body(item),
        feed=subscription.id,
        source=subscription.source or subscription.id,
        source_title=subscription.source_title or subscription.title or parsed.title,
        fetched=now,
        sorted=min(item.published or now, now),
        published=item.published,
        updated=item.updated,
        url=canonical_url(item.link),
        link=item.link,
        guid=item.guid,
        html=item.html,
        language=item.language or subscription.language.partition("-")[0].lower(),
        country=subscription.country,
        ownership=subscription.ownership,
        authors=item.authors,
        categories=item.categories,
    )


def _body(item: ParsedItem) -> str:
    return item.text or item.summary
