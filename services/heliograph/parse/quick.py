"""The quick path: feedparser-rs, some eighty times as fast as the reference, and the guard that keeps it honest.

It is believed only where nothing hints at a difference from the reference: it neither raises nor sets its error flag,
finds entries, loses no character, and the body has none of the constructs listed in `_DOUBTFUL`, each of which it was
seen to read differently. None of them is common in news feeds.

The parser fetches what looks like a web address. It never gets to see one: the body must open with `<`.
"""

from __future__ import annotations

import re
from typing import Any

from heliograph.parse.port import Dates, RawFeed, RawItem, RawText

# Bases and languages of single elements are not reported; content models other than the common ones are passed through;
# entities declared in the document are not resolved.
_DOUBTFUL = ("xml:base", "<!ENTITY", "base64", 'mode="xml"', "mode='xml'", "multipart/", "application/octet")
# An empty element in its short form swallows what follows it: give it its end tag. Only names that HTML has not, or
# that HTML cannot write so, are touched, since the text may be inside a CDATA section.
_SHORT_FORM = re.compile(
    r"<((?:[A-Za-z][\w.-]*:)?(?:title|link|description|summary|content|guid|pubDate|author|category|comments|id|updated"
    r"|published|encoded|creator|date|subject|name))\s*/>"
)
# The parser empties every address of a private network, with which demonstrations, tests and intranets are full. A sign
# for private use stands in for `://` there while it reads.
_PRIVATE_ADDRESS = re.compile(
    r"://(?=localhost\b|127\.|10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.|169\.254\.|0\.|100\.|\[)"
)
_STAND_IN = "\ue0a7"
# It flags dates that it cannot read; those are read here, from their text.
_FLAGGED_DATE = re.compile(r"Invalid \w+ format")
_DATE_ELEMENT = re.compile(r"<(?:\w+:)?(?:pubdate|date|issued|created|modified|published|updated)\b", re.IGNORECASE)
_NAME_ELEMENT = re.compile(r"<(?:\w+:)?(?:link|guid|id|identifier|about)\b|\babout\s*=", re.IGNORECASE)
_FIRST_ITEM = re.compile(r"<(?:[A-Za-z][\w.-]*:)?(?:item|entry)[\s>]")
Found = Any
"""An object of feedparser-rs, which carries no types."""
_MAX_BODY = 64 * 1024 * 1024


def read_quick(text: str, max_items: int, *, believe: bool = False) -> RawFeed | None:
    """Return what the quick path found in `text`, the whole document, or None where it is not to be believed.

    With `believe` it is, as long as it has items at all: for a document that the reference cannot read.
    """
    if not text.startswith("<") or (not believe and any(sign in text for sign in _DOUBTFUL)):
        return None
    import feedparser_rs

    limits = feedparser_rs.ParserLimits(max_entries=max_items, max_feed_size_bytes=_MAX_BODY)
    body = _SHORT_FORM.sub(r"<\1></\1>", text) if "/>" in text else text
    hidden = _STAND_IN not in body and _PRIVATE_ADDRESS.search(body) is not None
    if hidden:
        body = _PRIVATE_ADDRESS.sub(_STAND_IN, body)
    try:
        found = feedparser_rs.parse_with_limits(
            body.encode(), limits=limits, sanitize_html=False, resolve_relative_uris=False
        )
    except ValueError:
        return None
    if not found.entries or (found.bozo and not believe and not _FLAGGED_DATE.fullmatch(found.bozo_exception or "")):
        return None
    atom = str(found.version).startswith("atom")
    feed = RawFeed(
        title=_text(found.feed.title, found.feed.title_detail, atom),
        link=found.feed.link or "",
        language=found.feed.language or "",
        items=[_item(entry, atom) for entry in found.entries],
    )
    if hidden:
        _restore(feed)
    return None if not believe and _lacks_something(feed, text) else feed


def _lacks_something(feed: RawFeed, text: str) -> bool:
    """Tell whether the reading lacks what the text seems to have: characters, addresses, names or dates."""
    items = feed.items
    named = all(item.link or item.guid for item in items)
    dated = any(item.published for item in items)
    if "\ufffd" not in text and any(
        "\ufffd" in part.value for item in items for part in (item.title, item.content, item.summary)
    ):
        return True
    if named and dated:
        return False
    first = _FIRST_ITEM.search(text)
    if first is None:
        return True
    return (not named and _NAME_ELEMENT.search(text, first.start()) is not None) or (
        not dated and _DATE_ELEMENT.search(text, first.start()) is not None
    )


def _restore(feed: RawFeed) -> None:
    feed.link = _restored(feed.link)
    for item in feed.items:
        item.link = _restored(item.link)
        item.guid = _restored(item.guid)
        for name in ("title", "summary", "content"):
            text: RawText = getattr(item, name)
            setattr(item, name, RawText(_restored(text.value), text.plain, text.base))


def _restored(value: str) -> str:
    return value.replace(_STAND_IN, "://")


def _item(entry: Found, atom: bool) -> RawItem:
    published = entry.published or ""
    updated = entry.updated or ""
    # The parser reports an absent `updated` as the same as `published`.
    own_update: Dates = [(updated, None)] if updated and (atom or updated != published) else []
    created: Dates = [(entry.created, None)] if entry.created else []
    dates: Dates = [(published, None)] if published else []
    return RawItem(
        title=_text(entry.title, entry.title_detail, atom),
        link=entry.link or "",
        guid=entry.id or "",
        summary=_text(entry.summary, entry.summary_detail, atom),
        content=_content(entry.content, atom),
        language=entry.language or "",
        authors=_authors(entry),
        categories=[tag.label or tag.term for tag in entry.tags if tag.label or tag.term],
        published=[*dates, *own_update, *created],
        updated=own_update,
    )


def _text(value: str | None, detail: Found, atom: bool) -> RawText:
    return RawText(value or "", atom and detail is not None and detail.type == "text/plain")


def _content(contents: Found, atom: bool) -> RawText:
    best = RawText()
    for content in contents or ():
        plain = atom and content.type == "text/plain"
        if content.value and (not best.value or (best.plain and not plain)):
            best = RawText(content.value, plain)
    return best


def _authors(entry: Found) -> list[str]:
    people = [person.name for person in entry.authors if person.name]
    if people:
        return people
    detail = entry.author_detail
    name = (detail.name if detail is not None else None) or entry.author
    return [name] if name else []
