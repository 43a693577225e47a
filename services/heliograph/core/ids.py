"""Every deterministic id, and why it is what it is.

Delivery is at least once, so effects happen once only because their ids can be computed again: a document is written
under its article's id, an alert is claimed under its own before it is sent. An id is the first 128 bits of BLAKE2b over
length-prefixed parts (so that ("ab", "c") and ("a", "bc") differ), in 26 lower-case base32 characters: safe in URLs,
file names, Kafka keys and the `webhook-id` header, which must hold no full stop.
"""

from __future__ import annotations

import hashlib
from base64 import b32encode
from collections import Counter
from collections.abc import Sequence

from heliograph.core.url import canonical_url, names_an_item


def stable_id(kind: str, *parts: str) -> str:
    """Return 26 characters that depend on `kind` and `parts` and on nothing else."""
    digest = hashlib.blake2b(digest_size=16, person=kind.encode()[:16])
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "big"))
        digest.update(data)
    return b32encode(digest.digest()).decode("ascii").rstrip("=").lower()


def article_id(*, feed: str, link: str, guid: str, title: str) -> str:
    """Return the id of an item: from its canonical URL, else from feed and guid, else from feed and title.

    The URL comes first because guids change on site moves while outlets redirect old addresses, and because one
    article often stands in several feeds of an outlet. An address that names no item (a bare host) does not count.
    """
    url = canonical_url(link)
    if url and names_an_item(url):
        return stable_id("article.url", url)
    if guid:
        return stable_id("article.guid", feed, guid)
    return stable_id("article.title", feed, title, link)


def article_ids(feed: str, items: Sequence[tuple[str, str, str]]) -> list[str]:
    """Return an id for each (link, guid, title) of one feed document, in order.

    Where several items of the document share one address although their guids differ, the address names the page they
    stand on and not the item: those are told apart by guid, or by title where the guid is shared too. Items that agree
    in everything get the same id: they are one item listed twice.
    """
    plain = [article_id(feed=feed, link=link, guid=guid, title=title) for link, guid, title in items]
    distinct = {(found, guid, title if not guid else "") for found, (_, guid, title) in zip(plain, items, strict=True)}
    shared = Counter(found for found, _, _ in distinct)
    return [
        found if shared[found] == 1 else stable_id("article.part", feed, found, guid or title)
        for found, (_, guid, title) in zip(plain, items, strict=True)
    ]


def revision_of(*, title: str, text: str, link: str) -> str:
    """Return the id of what a reader sees of an article; it changes exactly when that does."""
    return stable_id("revision", title, text, link)


def match_id(article: str, topic: str, topic_version: str) -> str:
    """Return the id of the fact that this version of the topic asks for the article."""
    return stable_id("match", article, topic, topic_version)


def alert_id(topic: str, story: str, channel: str) -> str:
    """Return the id of the one alert that a channel gets for a story of a topic; also its `webhook-id`."""
    return stable_id("alert", topic, story, channel)


def event_id(kind: str, *parts: str) -> str:
    """Return the id of an event of the given type, made of what makes it different from any other of that type."""
    return stable_id("event", kind, *parts)
