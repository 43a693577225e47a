"""What may be subscribed to, and how an address is shown without its secrets. Pure."""

from __future__ import annotations

import re
from collections.abc import Container
from urllib.parse import urlsplit, urlunsplit

from heliograph.errors import UsageError

MAX_LENGTH = 2048
_NOT_A_SLUG = re.compile(r"[^a-z0-9]+")
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f\\]")
# Labels of a host and words of a path that tell no feed from another.
_SAY_NOTHING = frozenset(["www", "feeds", "feed", "rss", "atom", "xml", "com", "org", "net", "index", "all", "json"])


def require_web_url(url: str) -> str:
    """Return `url`, stripped, where it can be fetched at all. Raises UsageError saying what is wrong with it."""
    url = url.strip()
    if len(url) > MAX_LENGTH:
        raise UsageError(f"the address is {len(url)} characters long, at most {MAX_LENGTH} are taken")
    if _FORBIDDEN.search(url):
        raise UsageError(f"{shown(url)!r}: an address holds no spaces, control characters or backslashes: escape them")
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise UsageError(f"{shown(url)!r} is no address: {error}") from error
    if parts.scheme.lower() not in ("http", "https"):
        raise UsageError(f"{shown(url)!r}: only http and https addresses are fetched")
    if not parts.hostname:
        raise UsageError(f"{shown(url)!r} names no host")
    return url


def shown(url: str) -> str:
    """Return `url` fit for a page, a log or an error: without user, password, query values and fragment.

    Private feeds carry their token in the query, so that only the fact of a query is shown.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return "(unreadable address)"
    place = parts.netloc.rpartition("@")[2]
    if not parts.netloc and "@" in url:
        return f"{parts.scheme}:…" if parts.scheme else "(unreadable address)"
    return urlunsplit((parts.scheme, place, parts.path[:300], "…" if parts.query else "", ""))


def host_of(url: str) -> str:
    """Return the host and port that requests for `url` go to, lower-case; "" where there is none."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return ""
    host = (parts.hostname or "").rstrip(".")
    standard = {"http": 80, "https": 443}.get(parts.scheme.lower())
    return f"{host}:{port}" if port is not None and port != standard else host


def slug_for(url: str, taken: Container[str]) -> str:
    """Return an id for a feed added by hand, from its host, then its path, then a number, that is not in `taken`."""
    parts = urlsplit(url)
    labels = [label for label in (parts.hostname or "").split(".") if label not in _SAY_NOTHING]
    words = [word for word in _NOT_A_SLUG.split(parts.path.lower()) if word and word not in _SAY_NOTHING]
    host = _slug(" ".join(labels)) or "feed"
    longer = _slug(" ".join([host, *words]))
    for candidate in (host, longer):
        if candidate not in taken:
            return candidate
    number = 2
    while f"{longer}-{number}" in taken:
        number += 1
    return f"{longer}-{number}"


def _slug(text: str) -> str:
    return _NOT_A_SLUG.sub("-", text.lower()).strip("-")[:56].strip("-")
