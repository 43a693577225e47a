"""Pure: from the parameters of a request to what is asked, and from a query to a query with one more filter."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Final, get_args

from heliograph.errors import QueryError, UsageError
from heliograph.query.moments import period
from heliograph.query.zones import find_zone, read_zone
from heliograph.web.port import Scope, Sort

MAX_QUERY: Final = 20_000
"""Code points of query text that are looked at; longer ones are refused before they are parsed."""
MAX_LIMIT: Final = 200
MAX_CURSOR: Final = 512
QUICK_RANGES: Final = (
    ("now-1h", "Past hour"),
    ("now-24h", "Past day"),
    ("now-7d", "Past week"),
    ("now-30d", "Past month"),
    ("", "Any time"),
)
_SCOPES: Mapping[str, Scope] = {"": "flagged", "flagged": "flagged", "all": "archive", "archive": "archive"}


class ParameterError(UsageError):
    """A parameter of the request cannot be used; `expected` says what could stand there."""

    def __init__(self, message: str, *, expected: tuple[str, ...] = (), hint: str = "") -> None:
        super().__init__(message)
        self.expected = expected
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Params:
    """A request's parameters, checked. Texts are kept as written, so that pages can show and link them."""

    q: str
    since: datetime | None
    until: datetime | None
    since_text: str
    until_text: str
    scope: Scope
    sort: Sort
    limit: int
    cursor: str
    zone: tzinfo
    """What dates without an offset are in, in `q`, `since` and `until`."""
    zone_text: str
    """The zone as the request names it; empty where it names none."""


def read_params(
    given: Mapping[str, str], now: datetime, *, default_limit: int = 50, default_zone: tzinfo = UTC
) -> Params:
    """Check the parameters q, since, until, time_zone, scope, sort, limit and cursor.

    Raises ParameterError or QueryError.
    """
    q = read_query(given).strip()
    cursor = given.get("cursor", "")
    if len(cursor) > MAX_CURSOR:
        raise ParameterError("cursor: not one of ours: start again without it", expected=("the `next` of a page",))
    since_text, until_text = given.get("since", "").strip(), given.get("until", "").strip()
    zone_text = zone_parameter(given)
    zone = read_time_zone(zone_text) if zone_text else default_zone
    since, until = read_time("since", since_text, now, zone), read_time("until", until_text, now, zone)
    if since and until and since >= until:
        raise ParameterError(f"since ({since_text}) is not before until ({until_text}): nothing can lie between")
    return Params(
        q=q,
        since=since,
        until=until,
        since_text=since_text,
        until_text=until_text,
        scope=_read_scope(given.get("scope", "")),
        sort=_read_sort(given.get("sort", "") or "newest"),
        limit=read_int("limit", given.get("limit", ""), default=default_limit, most=MAX_LIMIT),
        cursor=cursor,
        zone=zone,
        zone_text=zone_text,
    )


def read_query(given: Mapping[str, str]) -> str:
    """Return `q` as it was sent. Raises QueryError where it is too long."""
    q = given.get("q", "")
    if len(q) > MAX_QUERY:
        raise QueryError(
            f"the query has {len(q)} characters, {MAX_QUERY} are allowed: split it, or save parts of it as concepts",
            position=MAX_QUERY,
        )
    return q


def zone_parameter(given: Mapping[str, str]) -> str:
    """Return `time_zone` as it was sent; in `time_zone=+04:00` the plus sign, which reads as a space there."""
    text = given.get("time_zone", "")
    return f"+{text[1:]}" if re.match(r" \d", text) else text.strip()


def read_time_zone(text: str) -> tzinfo:
    """Return the zone of a name or an offset. Raises ParameterError naming the nearest known one."""
    try:
        return read_zone(text)
    except ValueError as error:
        raise ParameterError(f"time_zone: {error}", expected=("a name such as Asia/Baku", "+04:00")) from error


def remembered_zone(cookies: Mapping[str, str]) -> tzinfo | None:
    """Return the zone that the reader's browser told of itself; None where it told none that is known."""
    return find_zone(cookies.get("time_zone", ""))


def read_time(name: str, text: str, now: datetime, zone: tzinfo = UTC) -> datetime | None:
    """Return the beginning of what a date, a time or `now-7d` names in a query; None for an empty text.

    Times without an offset are in `zone`; further forms of ISO 8601 will do as well. Raises ParameterError.
    """
    if not text:
        return None
    try:
        return period(text, now=now, zone=zone)[0]
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ParameterError(
            f"{name}: not a time: {_short(text)}",
            expected=("RFC 3339 such as 2026-11-01T06:00:00Z", "a date such as 2026-11-01", "now-7d"),
        ) from error


def read_int(name: str, text: str, *, default: int, most: int) -> int:
    """Read a whole number from 1; what exceeds `most` is cut to it. Raises ParameterError."""
    if not text:
        return default
    if not (text.isascii() and text.isdigit()) or not text.strip("0"):
        raise ParameterError(f"{name}: not a number from 1: {_short(text)}", expected=(f"1 to {most}",))
    return most if len(text) > 9 else min(int(text), most)


def _read_scope(text: str) -> Scope:
    if text not in _SCOPES:
        raise ParameterError(f"scope: unknown: {_short(text)}", expected=("flagged", "all"))
    return _SCOPES[text]


def _read_sort(text: str) -> Sort:
    for sort in get_args(Sort):
        if sort == text:
            return text  # type: ignore[return-value]  # equal to a member of the literal
    raise ParameterError(f"sort: unknown: {_short(text)}", expected=get_args(Sort))


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:57]}...")


# Filters on a query, as the sidebar adds and removes them.

_BARE_VALUE = re.compile(r"[a-z0-9][a-z0-9_-]*", re.ASCII)
_RESERVED = {"and", "or", "not", "near", "before", "now"}
_FILTER = re.compile(r"(?:not )?(\w+):\s*(?:\"((?:[^\"\\]|\\.)*)\"|([^\s\"():]+))", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Filter:
    """One `field: value` that stands in a query on its own, and the query without it."""

    text: str
    without: str


def add_filter(query: str, field: str, value: str, *, negate: bool = False) -> str:
    """Return the query that also asks for `field: value` (or against it), as a person would write it."""
    written = value
    if not _BARE_VALUE.fullmatch(value) or value in _RESERVED:
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        written = f'"{escaped}"'
    clause = f"{'not ' if negate else ''}{field}: {written}"
    if not query.strip():
        return clause
    parts = conjuncts(query)
    if clause in parts:
        return query
    whole = query.strip() if _joins_safely(query) else f"({query.strip()})"
    return f"{whole} and {clause}"


def filters_of(query: str) -> list[Filter]:
    """Return the plain filters among the query's top-level conjuncts, each with the query left without it."""
    parts = conjuncts(query)
    return [
        Filter(part, " and ".join(parts[:at] + parts[at + 1 :]))
        for at, part in enumerate(parts)
        if _FILTER.fullmatch(part)
    ]


def conjuncts(query: str) -> list[str]:
    """Split at top-level `and`s; a query with a top-level `or`, or that cannot be split safely, is one part."""
    cuts = [(start, end) for word, start, end in _top_words(query) if word == "and"]
    if not query.strip() or not _joins_safely(query):
        return [query.strip()] if query.strip() else []
    parts, position = [], 0
    for start, end in cuts:
        parts.append(query[position:start].strip())
        position = end
    parts.append(query[position:].strip())
    return parts if all(parts) else [query.strip()]


def _joins_safely(query: str) -> bool:
    """Tell whether ` and x` may be appended without changing what the query means so far."""
    return not any(word == "or" for word, _, _ in _top_words(query))


def _top_words(query: str) -> list[tuple[str, int, int]]:
    """Return (lower-cased word, start, end) of the words outside quotes and parentheses."""
    found: list[tuple[str, int, int]] = []
    depth, start, quoted, skip = 0, -1, False, False
    for at, char in enumerate(f"{query} "):
        if skip:
            skip = False
        elif char == "\\":
            skip = True
        elif char == '"':
            quoted = not quoted
        elif not quoted and char in "()":
            depth += 1 if char == "(" else -1
        plain = not quoted and depth == 0 and not char.isspace() and char not in '()"\\'
        if plain and start < 0:
            start = at
        elif not plain and start >= 0:
            found.append((query[start:at].lower(), start, at))
            start = -1
    return found
