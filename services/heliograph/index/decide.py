"""What every adapter of the index decides alike: order, cursors, intervals, buckets and the values that are counted.

Times are counted in whole microseconds since 1970-01-01 UTC, because that is what a datetime can tell apart and what
an index can compare exactly.
"""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from heliograph.core.article import Document
from heliograph.errors import QueryError
from heliograph.index.port import FACETS, Bucket, Sort

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_EARLIEST = (datetime.min.replace(tzinfo=UTC) - EPOCH) // _MICROSECOND
_MINUTE, _HOUR, _DAY = 60, 3600, 86400
INTERVALS = (
    *(1, 5, 15, 30, _MINUTE, 5 * _MINUTE, 15 * _MINUTE, 30 * _MINUTE),
    *(_HOUR, 3 * _HOUR, 6 * _HOUR, 12 * _HOUR, _DAY, 7 * _DAY, 30 * _DAY, 90 * _DAY, 365 * _DAY),
)
"""Seconds that a bucket may span; beyond the last it doubles."""

# A score counts to three decimals, above the 53 bits of the time (until the year 2255) in one 64-bit number.
_SCORE_STEPS, _TIME_BITS = 1000, 53
# Longer than any id, and short enough for every engine to keep it as one value.
_LONGEST_VALUE = 1000


def micros(moment: datetime) -> int:
    """Return whole microseconds since 1970 UTC; negative before."""
    return (moment - EPOCH) // _MICROSECOND


def moment(micros: int) -> datetime:
    """Return the moment that many microseconds since 1970, or the earliest that a datetime can hold."""
    return EPOCH + timedelta(microseconds=max(micros, _EARLIEST))


def rank(document: Document, sort: Sort) -> int:
    """Return the number that a list is ordered by: rising for `oldest`, falling for the others; ties go by id.

    `score` is the best score among the document's matches, to three decimals, then the newer document.
    """
    time = micros(document.article.sorted)
    if sort != "score":
        return time
    best = max((match.score for match in document.matches), default=0.0)
    steps = round(min(max(best, 0.0), 1.0) * _SCORE_STEPS)
    return steps << _TIME_BITS | min(max(time, 0), (1 << _TIME_BITS) - 1)


def sort_key(document: Document, sort: Sort) -> tuple[int, str]:
    """Return the key by which Python's `sorted` puts documents into the order of `sort`."""
    ranked = rank(document, sort)
    return (ranked if sort == "oldest" else -ranked, document.article.id)


def cursor_behind(document: Document, sort: Sort) -> str:
    """Return the opaque cursor of the page that begins behind `document`."""
    place = (sort, rank(document, sort), document.article.id)
    return urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("=")


def read_cursor(cursor: str, sort: Sort) -> tuple[int, str] | None:
    """Return rank and id of the last document seen, or None for the empty cursor.

    Raises QueryError for text that is no cursor, and for a cursor of another order.
    """
    if not cursor:
        return None
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        order, ranked, article_id = msgspec.json.decode(urlsafe_b64decode(padded), type=tuple[str, int, str])
    except (binascii.Error, UnicodeError, msgspec.DecodeError) as error:
        raise QueryError("cursor: not one that a search returned; begin again without a cursor") from error
    if order != sort or not -(1 << 63) <= ranked < 1 << 63:
        raise QueryError(f"cursor: it belongs to a search in the order {order!r}, not {sort!r}; begin again without it")
    return ranked, article_id


def interval_for(first: int, last: int, buckets: int) -> int:
    """Return the smallest round interval, in seconds, that covers [first, last] in at most `buckets` buckets.

    Both ends are microseconds. Buckets start at multiples of the interval since 1970, so that a range on both sides of
    1970 needs two of them however long they are.
    """
    allowed = max(buckets, 2)
    for interval in INTERVALS:
        if _span(first, last, interval) <= allowed:
            return interval
    interval = INTERVALS[-1]
    while _span(first, last, interval) > allowed:
        interval *= 2
    return interval


def _span(first: int, last: int, interval: int) -> int:
    width = interval * 1_000_000
    return last // width - first // width + 1


def histogram(counts: Mapping[int, int], interval: int) -> tuple[Bucket, ...]:
    """Return rising buckets without gaps, from counts by bucket number (start divided by interval)."""
    if not counts:
        return ()
    width = interval * 1_000_000
    numbers = range(min(counts), max(counts) + 1)
    return tuple(Bucket(moment(number * width), counts.get(number, 0)) for number in numbers)


def check_facets(fields: Sequence[str]) -> None:
    """Raise QueryError for a field whose values are not counted."""
    for field in fields:
        if field not in FACETS:
            raise QueryError(f"facet {field!r}: not a field that values are counted of", expected=FACETS)


def facet_values(document: Document, field: str) -> tuple[str, ...]:
    """Return the values of one of FACETS that a document counts for, as stored and each once."""
    article, matches = document.article, document.matches
    values: Iterable[str]
    if field == "topic":
        values = (match.topic for match in matches)
    elif field == "concept":
        values = (evidence.concept for match in matches for evidence in match.evidence)
    else:
        values = (getattr(article, field),)
    return tuple(dict.fromkeys(value[:_LONGEST_VALUE] for value in values if value))


def top(counts: Counter[str], size: int) -> tuple[tuple[str, int], ...]:
    """Return the `size` most frequent values with their counts; ties by value."""
    return tuple(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:size])
