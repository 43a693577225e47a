"""What all stores share about listing: the order, and cursors that survive new arrivals."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from heliograph.errors import QueryError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_micros(moment: datetime) -> int:
    """Return whole microseconds since 1970."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def from_micros(micros: int) -> datetime:
    """Return the UTC moment, exactly as `to_micros` was given it."""
    return _EPOCH + timedelta(microseconds=micros)


def to_cursor(created: datetime, message: str) -> str:
    """Return the cursor of the page behind this delivery: lists go by (created, message), newest first."""
    return f"{to_micros(created)}-{message}"


def from_cursor(cursor: str) -> tuple[int, str]:
    """Return the (created, message) that a page starts behind. Raises QueryError for what is no cursor."""
    created, _, message = cursor.partition("-")
    if not (created.isascii() and created.isdigit() and len(created) < 19 and message):
        raise QueryError("the cursor is none of this list: start again without one")
    return int(created), message
