"""The lines that `heliograph parse` and `heliograph sanitize` print, as dictionaries."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from heliograph.errors import FeedError
from heliograph.parse.feed import DEFAULTS, parse_feed
from heliograph.parse.html import LINK_REL, clean
from heliograph.parse.port import ParsedFeed, ParsedItem, ParseOptions

_REL = f' rel="{LINK_REL}"'


def parse_to_json_lines(
    name: str, body: bytes, url: str = "", content_type: str = "", options: ParseOptions = DEFAULTS
) -> list[dict[str, Any]]:
    """Return one dictionary an item, in feed order, or one with `file` and `error`; raises nothing for a bad feed.

    `published` and `updated` are RFC 3339 in UTC with `Z`, or None. `summary` and `content` are sanitised HTML.
    """
    try:
        feed = parse_feed(body, url=url, content_type=content_type, options=options)
    except FeedError as error:
        return [{"file": name, "error": str(error)}]
    return feed_to_lines(name, feed)


def feed_to_lines(name: str, feed: ParsedFeed) -> list[dict[str, Any]]:
    """Return the lines for a feed that is parsed already."""
    if not feed.items:
        return [{"file": name, "error": "a feed without items"}]
    return [_line(name, index, feed, item) for index, item in enumerate(feed.items)]


def sanitize_line(obj: dict[str, Any]) -> dict[str, str]:
    """Return `{"html", "text"}` for `{"html"}`: safe HTML as pages show it, and the text that topics are matched on."""
    html = obj.get("html")
    cleaned = clean(html if isinstance(html, str) else "")
    return {"html": cleaned.html, "text": cleaned.text}


def _line(name: str, index: int, feed: ParsedFeed, item: ParsedItem) -> dict[str, Any]:
    return {
        "file": name,
        "index": index,
        "feed_title": feed.title,
        "title": item.title,
        "link": item.link,
        "guid": item.guid,
        "published": rfc3339(item.published),
        "updated": rfc3339(item.updated),
        "authors": list(item.authors),
        # `rel` is for our pages; here the publisher's markup is asked for.
        "summary": item.summary.replace(_REL, ""),
        "content": item.content.replace(_REL, ""),
        "language": item.language,
        "categories": list(item.categories),
    }


def rfc3339(moment: datetime | None) -> str | None:
    """Return a moment in UTC with `Z`, or None."""
    if moment is None:
        return None
    precision = "milliseconds" if moment.microsecond else "seconds"
    return moment.astimezone(UTC).isoformat(timespec=precision).replace("+00:00", "Z")
