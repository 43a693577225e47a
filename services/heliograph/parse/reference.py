"""The reference: feedparser, on bytes only.

It reads what no other parser reads, and it is slow, so it runs where the quick path is in doubt. It is never handed an
address or a path (it would open it), and neither sanitises nor resolves here: both are done for every reader alike.
"""

from __future__ import annotations

import io
import re
from calendar import timegm
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any
from urllib.parse import urljoin

from heliograph.parse.port import Dates, RawFeed, RawItem, RawText

_IDENTITY = re.compile(r"<(?:\w+:)?(?:id|guid)(?:\s[^>]*)?>(?:\s*<!\[CDATA\[)?([^<\]]{1,4096})")
_BASE = re.compile(r"xml:base\s*=\s*[\"']([^\"'<>]{1,4096})[\"']")
Found = Any
"""A dictionary of feedparser, which carries no types."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read_reference(text: str) -> RawFeed:
    """Return what feedparser finds in `text`, the whole document; never raises for what the document says."""
    import feedparser

    found = feedparser.parse(
        io.BytesIO(text.encode("utf-8", "replace")),
        response_headers={"content-type": "application/xml; charset=utf-8"},
        sanitize_html=False,
        resolve_relative_uris=False,
    )
    version = str(found.get("version") or "")
    atom = version.startswith("atom")
    feed = found.feed
    items = [_item(entry, atom) for entry in found.entries]
    if "xml:base" in text:
        _restore_identities(items, text)
    problems: list[str] = []
    if found.bozo and found.get("bozo_exception") is not None:
        problems.append(f"not well-formed: {_one_line(found.bozo_exception)}")
    return RawFeed(
        title=_title(feed, atom),
        link=feed.get("link") or "",
        language=feed.get("language") or _language(feed.get("title_detail")),
        items=items,
        problems=problems,
        recognised=bool(version),
    )


def _restore_identities(items: list[RawItem], text: str) -> None:
    """Undo what feedparser does to an identifier under `xml:base`: a name is compared as written (RFC 4287, 4.2.6)."""
    stated = {unescape(found).strip() for found in _IDENTITY.findall(text)}
    found = list(dict.fromkeys(_BASE.findall(text)))[:20]
    bases = {*found, *(urljoin(outer, inner) for outer in found for inner in found)}
    resolved = {urljoin(base, name): name for base in bases for name in stated}
    for item in items:
        if item.guid not in stated:
            item.guid = resolved.get(item.guid, item.guid)


def _one_line(error: object) -> str:
    return " ".join(str(error).split())[:160]


def _item(entry: Found, atom: bool) -> RawItem:
    published = _date(entry, "published")
    updated = _date(entry, "updated")
    if not atom and not published:
        # Outside Atom a lone date is the item's, whichever of its elements feedparser files under `updated`.
        published, updated = updated, []
    contents = [_text(detail, atom) for detail in entry.get("content") or ()]
    # The first that is HTML, else the first.
    content = next((one for one in contents if one.value and not one.plain), contents[0] if contents else RawText())
    return RawItem(
        title=_title(entry, atom),
        link=entry.get("link") or "",
        guid=entry.get("id") or "",
        summary=_text(entry.get("summary_detail"), atom),
        content=content,
        language=entry.get("language") or _language(entry.get("title_detail")),
        authors=_authors(entry),
        categories=[tag.get("label") or tag.get("term") or "" for tag in entry.get("tags") or ()],
        published=[*published, *updated, *_date(entry, "created")],
        updated=updated,
    )


def _text(detail: Found, atom: bool, value: str = "") -> RawText:
    if not detail:
        return RawText(value)
    return RawText(
        value or detail.get("value") or "", atom and detail.get("type") == "text/plain", detail.get("base") or ""
    )


def _title(node: Found, atom: bool) -> RawText:
    # Where an element of another namespace is called `title` too, only the value is kept right.
    return _text(node.get("title_detail"), atom, node.get("title") or "")


def _language(detail: Found) -> str:
    return str((detail or {}).get("language") or "")


def _authors(entry: Found) -> list[str]:
    people = [person.get("name") or "" for person in entry.get("authors") or ()]
    named = [name for name in people if name]
    if named:
        return named
    author = entry.get("author")
    return [author] if author else []


def _date(entry: Found, name: str) -> Dates:
    # Plain dictionary access: feedparser's own would answer for an absent `updated` with `published`, and warn.
    text = dict.get(entry, name)
    if not text:
        return []
    parsed = dict.get(entry, f"{name}_parsed")
    moment: datetime | None = None
    if parsed is not None:
        try:
            moment = _EPOCH + timedelta(seconds=timegm(parsed))
        except (ValueError, OverflowError):
            moment = None
    return [(str(text), moment)]
