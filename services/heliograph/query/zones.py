"""Time zones as people and browsers name them: `Asia/Baku`, or an offset such as `+04:00`."""

from __future__ import annotations

import difflib
import re
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

_OFFSET = re.compile(r"[+-](?:[01]\d|2[0-3])(?::?[0-5]\d)?", re.ASCII)
_NAME = re.compile(r"(?!(?:posix|right)/)[A-Za-z][\w+-]{0,30}(?:/[\w+-]{1,30}){0,2}", re.ASCII)
# What the machine that answers happens to be set to, and no name of a place.
_NO_PLACE = {"localtime", "posixrules"}
_UTC = {"UTC", "Etc/UTC", "GMT", "Z"}
_LONGEST = 100


def find_zone(written: str) -> tzinfo | None:
    """Return the zone of a name in the IANA database or of an offset from UTC, None for what is neither."""
    if written in _UTC:
        return UTC
    if _OFFSET.fullmatch(written):
        digits = written[1:].replace(":", "").ljust(4, "0")
        return datetime.strptime(f"{written[0]}{digits}", "%z").tzinfo
    if written in _NO_PLACE or not _NAME.fullmatch(written):
        return None
    try:
        return ZoneInfo(written)
    # A folder of the database, or a file in it that is no zone.
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def read_zone(written: str) -> tzinfo:
    """Return the zone of a name or an offset. Raises ValueError with one line that names the nearest known one."""
    zone = find_zone(written)
    if zone is None:
        near = _nearest(written)
        advice = f"did you mean {near!r}?" if near else "write a name such as Asia/Baku, or an offset such as +04:00"
        raise ValueError(f"{_short(written)!r} is no time zone; {advice}")
    return zone


def zone_name(zone: tzinfo) -> str:
    """Return what `read_zone` reads as this zone."""
    if isinstance(zone, ZoneInfo) and zone.key:
        return zone.key
    seconds = (zone.utcoffset(None) or timedelta()).total_seconds()
    if not seconds:
        return "UTC"
    hours, minutes = divmod(abs(round(seconds / 60)), 60)
    return f"{'-' if seconds < 0 else '+'}{hours:02}:{minutes:02}"


def _nearest(written: str) -> str:
    """Return the name in the database that is most like what was written; `baku` is `Asia/Baku`."""
    near = difflib.get_close_matches(written[:_LONGEST].lower().replace(" ", "_"), _spellings(), n=1, cutoff=0.7)
    return _spellings()[near[0]] if near else ""


@lru_cache(maxsize=1)
def _spellings() -> dict[str, str]:
    names = sorted(available_timezones() - _NO_PLACE)
    # Whole names last: they win where a place is called as a zone is.
    return {**{name.rpartition("/")[2].lower(): name for name in names}, **{name.lower(): name for name in names}}


def _short(written: str) -> str:
    return written if len(written) <= 40 else f"{written[:37]}..."
