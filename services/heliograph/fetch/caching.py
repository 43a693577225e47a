"""What an answer's headers say about asking again, in seconds. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_DELTA = re.compile(r"[0-9]{1,12}")
_MAX_AGE = re.compile(r"(?:^|[,\s])max-age\s*=\s*\"?([0-9]{1,12})", re.IGNORECASE)
_NEVER_FRESH = re.compile(r"(?:^|[,\s])(?:no-store|no-cache)(?=$|[,;=\s])", re.IGNORECASE)


def retry_after(value: str, now: datetime) -> float | None:
    """Return the seconds that a Retry-After header asks for, in either of its forms (RFC 9110, 10.2.3).

    None for no header and for one that cannot be read; 0.0 for a date that has passed.
    """
    value = value.strip()
    if _DELTA.fullmatch(value):
        return float(value)
    moment = http_date(value)
    return None if moment is None else max(0.0, (moment - now).total_seconds())


def fresh_for(headers: Mapping[str, str], now: datetime) -> float:
    """Return for how many more seconds the server calls its answer fresh (RFC 9111, 4.2); 0.0 where it does not say.

    `max-age` wins over Expires; `no-cache` and `no-store` mean 0.0; the time spent in caches (Age) is taken off.
    Expires is compared with the server's own Date where it states one, so that its clock need not be ours.
    """
    control = headers.get("cache-control", "")
    if _NEVER_FRESH.search(control):
        return 0.0
    age_text = headers.get("age", "").strip()
    age = float(age_text) if _DELTA.fullmatch(age_text) else 0.0
    stated = _MAX_AGE.search(control)
    if stated:
        return max(0.0, float(stated.group(1)) - age)
    expires = http_date(headers.get("expires", ""))
    if expires is None:
        return 0.0
    return max(0.0, (expires - (http_date(headers.get("date", "")) or now)).total_seconds() - age)


def http_date(value: str) -> datetime | None:
    """Return an HTTP date (RFC 9110, 5.6.7; any of its three forms) in UTC, or None."""
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
