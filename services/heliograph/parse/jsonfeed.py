"""JSON Feed, versions 1 and 1.1 (jsonfeed.org/version/1.1), read leniently: a field of a wrong type is no field."""

from __future__ import annotations

from typing import Any

import msgspec

from heliograph.errors import FeedError
from heliograph.parse.port import RawFeed, RawItem, RawText

_VERSION = "jsonfeed.org/version"


def looks_like_json(text: str) -> bool:
    """Tell whether a document opens as a JSON object does."""
    return text.startswith("{")


def read_json(text: str, max_items: int) -> RawFeed:
    """Return what a JSON Feed says; raises FeedError for JSON that is none, or that is not well-formed."""
    try:
        feed = msgspec.json.decode(text.encode("utf-8", "replace"))
    except (msgspec.DecodeError, RecursionError) as error:
        raise FeedError(f"opens like JSON but is not well-formed: {error}", reason="not-a-feed") from error
    if not isinstance(feed, dict):
        raise FeedError("JSON, but not an object: no JSON Feed", reason="not-a-feed")
    items = feed.get("items")
    problems: list[str] = []
    if _VERSION not in _string(feed, "version"):
        if not isinstance(items, list):
            raise FeedError("JSON without the version and items of a JSON Feed", reason="not-a-feed")
        problems.append("no JSON Feed version is stated")
    listed = items if isinstance(items, list) else []
    if items is not None and not isinstance(items, list):
        problems.append("items is not a list")
    language = _string(feed, "language")
    authors = _authors(feed)
    kept = [item for item in listed[:max_items] if isinstance(item, dict)]
    unreadable = len(listed[:max_items]) - len(kept)
    if unreadable:
        problems.append(f"{unreadable} items are no objects")
    return RawFeed(
        title=RawText(_string(feed, "title"), plain=True),
        link=_string(feed, "home_page_url"),
        language=language,
        items=[_item(item, authors) for item in kept],
        dropped=max(0, len(listed) - max_items),
        problems=problems,
    )


def _item(item: dict[str, Any], feed_authors: list[str]) -> RawItem:
    html = _string(item, "content_html")
    published = _string(item, "date_published")
    updated = _string(item, "date_modified")
    return RawItem(
        title=RawText(_string(item, "title"), plain=True),
        link=_string(item, "url") or _string(item, "external_url"),
        guid=_identity(item.get("id")),
        summary=RawText(_string(item, "summary"), plain=True),
        content=RawText(html) if html else RawText(_string(item, "content_text"), plain=True),
        language=_string(item, "language"),
        authors=_authors(item) or feed_authors,
        categories=[tag for tag in _list(item, "tags") if isinstance(tag, str)],
        published=[(text, None) for text in (published, updated) if text],
        updated=[(updated, None)] if updated else [],
    )


def _identity(value: object) -> str:
    """Return an id as a string: version 1 of the specification lets a number stand for one."""
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
    return ""


def _authors(node: dict[str, Any]) -> list[str]:
    people = [*_list(node, "authors"), node.get("author")]
    names = [_string(person, "name") for person in people if isinstance(person, dict)]
    # Version 1.1 asks for both `author` and `authors`: the same name twice is one.
    return list(dict.fromkeys(name for name in names if name))


def _string(node: dict[str, Any], name: str) -> str:
    value = node.get(name)
    return value if isinstance(value, str) else ""


def _list(node: dict[str, Any], name: str) -> list[Any]:
    value = node.get(name)
    return value if isinstance(value, list) else []
