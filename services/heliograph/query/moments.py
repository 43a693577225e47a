"""Dates and times of a query, each as the period that it names: `2026-03` is a month, `now-7d` a microsecond."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo

from heliograph.errors import QueryError
from heliograph.query.render import shown

EXPECTED = ("a date such as 2026-03-14", "a time such as 2026-03-14T09:30Z", "now-7d")

_DATE = re.compile(
    r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2})(?:[T ](\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,6})\d*)?)?\s*"
    r"(Z|[+-]\d{2}:?\d{2})?)?)?)?",
    re.IGNORECASE | re.ASCII,
)
_RELATIVE = re.compile(r"now((?:[+-]\d{1,9}[smhdwMy])*)(?:/([smhdwMy]))?", re.ASCII)
_STEP = re.compile(r"([+-]\d+)([smhdwMy])")
_CLOCK = {"s": "seconds", "m": "minutes", "h": "hours"}
_CALENDAR = {"d": "days", "w": "weeks"}
_INSTANT = timedelta(microseconds=1)


def period(written: str, *, now: datetime | None, zone: tzinfo) -> tuple[datetime, datetime]:
    """Return the half-open period, in UTC, that a date, a time or a relative moment names.

    Dates without an offset are in `zone`. `now-1d/d` is the whole day, in `zone`, that lies a day back: the date
    arithmetic of KQL. Steps of days and longer go by the calendar of `zone`, shorter ones by the clock: on the day when
    summer time begins, `now-1d` is 23 hours back. A day begins with its first midnight, or where the clock has none,
    with the moment that it leaps to. Raises ValueError with one line for a person where `written` is none of these, or
    lies outside the years 1 to 9999.
    """
    try:
        if found := _DATE.fullmatch(written):
            return _absolute(found, zone)
        if found := _RELATIVE.fullmatch(written):
            if now is None:
                raise ValueError("a moment relative to now stands in a rule that is kept")
            return _relative(found, now.astimezone(zone))
    except OverflowError:
        raise ValueError("this lies outside the years 1 to 9999") from None
    raise ValueError("this is no date or time")


def bounds(
    operator: str, written: str, *, now: datetime | None, zone: tzinfo
) -> tuple[datetime | None, datetime | None]:
    """Return (since, until) of `field OPERATOR written`, for `:`, `>=`, `>`, `<=` and `<`; half-open, None is open."""
    start, end = period(written, now=now, zone=zone)
    return {":": (start, end), ">=": (start, None), ">": (end, None), "<=": (None, end), "<": (None, start)}[operator]


def wrong_moment(error: ValueError, written: str, query: str, position: int) -> QueryError:
    """Return the error of a query for what `period` raised."""
    relative = written.lower().startswith("now")
    hint = "relative moments look like now-7d, now-12h or now/d" if relative else ""
    if "kept" in str(error):
        hint = "write a date: a topic is matched once, when an article arrives"
    return QueryError(f"{error}: `{shown(written)}`", query=query, position=position, expected=EXPECTED, hint=hint)


def _absolute(found: re.Match[str], zone: tzinfo) -> tuple[datetime, datetime]:
    year, month, day, hour, minute, second, fraction, offset = found.groups()
    where = _offset(offset) if offset else zone
    if month is None:
        start = datetime(int(year), 1, 1, tzinfo=where)
        return _utc(start), _utc(_months(start, 12))
    if day is None:
        start = datetime(int(year), int(month), 1, tzinfo=where)
        return _utc(start), _utc(_months(start, 1))
    if hour is None:
        start = datetime(int(year), int(month), int(day), tzinfo=where)
        return _utc(start), _utc(start + timedelta(days=1))
    micro = int((fraction or "0").ljust(6, "0"))
    start = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second or 0), micro, tzinfo=where)
    length = timedelta(minutes=1) if second is None else timedelta(seconds=1) if fraction is None else _INSTANT
    return _utc(start), _utc(start) + length


def _offset(written: str) -> tzinfo:
    return UTC if written in "Zz" else datetime.strptime(written.replace(":", ""), "%z").tzinfo or UTC


def _relative(found: re.Match[str], now: datetime) -> tuple[datetime, datetime]:
    moment = now
    for number, unit in _STEP.findall(found.group(1)):
        if unit in _CLOCK:
            # An hour is an hour where summer time begins.
            moment = (_utc(moment) + timedelta(**{_CLOCK[unit]: int(number)})).astimezone(now.tzinfo)
        elif unit in _CALENDAR:
            # The same time of day, on a day of 23 hours too; or `now-1d/d` would miss yesterday near midnight.
            moment = (moment + timedelta(**{_CALENDAR[unit]: int(number)})).replace(fold=moment.fold)
        else:
            moment = _months(moment, int(number) * (12 if unit == "y" else 1))
    unit = found.group(2)
    if unit is None:
        return _utc(moment), _utc(moment) + _INSTANT
    return _rounded_clock(moment, unit) if unit in _CLOCK else _rounded_day(moment, unit)


def _rounded_clock(moment: datetime, unit: str) -> tuple[datetime, datetime]:
    # Taken off in UTC: the second 02:30 of a night in autumn belongs to the second hour from 02:00.
    past = timedelta(
        minutes=moment.minute if unit == "h" else 0,
        seconds=moment.second if unit in "hm" else 0,
        microseconds=moment.microsecond,
    )
    start = _utc(moment) - past
    return start, start + timedelta(**{_CLOCK[unit]: 1})


def _rounded_day(moment: datetime, unit: str) -> tuple[datetime, datetime]:
    # `fold=0`: of two midnights the first.
    start = moment.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    if unit == "w":
        start -= timedelta(days=start.weekday())
    if unit in "My":
        start = start.replace(day=1)
    if unit == "y":
        start = start.replace(month=1)
    if unit in "My":
        return _utc(start), _utc(_months(start, 12 if unit == "y" else 1))
    return _utc(start), _utc(start + timedelta(days=7 if unit == "w" else 1))


def _months(moment: datetime, months: int) -> datetime:
    """Move by months; a day that the month lacks becomes its last one, as in Elasticsearch's date arithmetic."""
    years, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    if not 1 <= years <= 9999:
        raise OverflowError
    for day in range(moment.day, 27, -1):
        try:
            return moment.replace(year=years, month=month + 1, day=day)
        except ValueError:
            continue
    return moment.replace(year=years, month=month + 1)


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)
