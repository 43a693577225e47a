"""When to try again: the retry schedule of Standard Webhooks 1.0.0 and what receivers ask for. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

MINUTE: Final = 60.0
HOUR: Final = 60 * MINUTE

SCHEDULE: Final[tuple[float, ...]] = (
    0.0,
    5.0,
    5 * MINUTE,
    30 * MINUTE,
    2 * HOUR,
    5 * HOUR,
    10 * HOUR,
    14 * HOUR,
    20 * HOUR,
    24 * HOUR,
)
"""Seconds to wait before each try: ten tries over 75 hours, the specification's table.

The first wait is always 0, here and in any other schedule: a claim is due at once.
"""

JITTER: Final = 0.1
"""A delay grows by up to this part of itself, so that receivers that failed together are not tried together."""

LONGEST_WAIT: Final = 24 * HOUR
"""No answer may put a delivery off for longer than the longest step of the schedule."""


def next_try(
    tries: int, now: datetime, *, schedule: Sequence[float] = SCHEDULE, asked: float | None = None, jitter: float = 0.0
) -> datetime | None:
    """Return when to try again after `tries` tries, or None where the schedule is through.

    `asked` is the receiver's Retry-After in seconds: it can put the next try off, up to a day, never bring it forward.
    `jitter` is from 0 (none) to 1.
    """
    if tries >= len(schedule):
        return None
    delay = schedule[tries] * (1 + JITTER * jitter)
    return now + timedelta(seconds=max(delay, min(asked or 0.0, LONGEST_WAIT)))


def retry_after(header: str, now: datetime) -> float | None:
    """Return the seconds that a Retry-After header (RFC 9110, 10.2.3) asks for, None for one that cannot be read."""
    header = header.strip()
    if header.isascii() and header.isdigit():
        return min(float(header[:9]), LONGEST_WAIT)
    try:
        at = parsedate_to_datetime(header)
    except ValueError:
        return None
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
    return min(max(0.0, (at - now).total_seconds()), LONGEST_WAIT)
