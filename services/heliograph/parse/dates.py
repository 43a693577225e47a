"""Dates as feeds write them: RFC 822 and ISO 8601 with their usual faults, seven languages, two calendars.

Rules that a reader of the result should know:

- a time without a zone, or with a zone that is unknown or impossible, is taken as UTC;
- a day without a time is midnight UTC;
- a year from 1300 to 1499 is of the Solar Hijri calendar, as is a day with a month name of that calendar;
- `05/01/2026` is the 5th of January unless only the other order gives a date;
- two digits of a year are 1970 to 2069; a year before 1800 is no date but an empty field of some database;
- `GMT+4` is four hours east, as people mean it, not as POSIX does;
- what lies in the future is kept: whose clock is wrong is not decided here.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, date, datetime, timedelta
from typing import Final

from heliograph.parse.date_words import ZONES, month_of

_ZONE = r"(?P<zone>[Zz]|(?:GMT|UTC|UT)?\s?[+\-\u2212]\d{1,2}(?::?\d{2})?(?![\d./])|[A-Za-zА-я]{2,4}\b)"
_ISO = re.compile(
    r"(?P<year>\d{4})(?:(?P<sep>[-/.]?)(?P<month>\d{1,2})(?:(?P=sep)(?P<day>\d{1,2}))?)?"
    r"(?:(?:\s*[Tt]\s*|\s+)(?P<hour>\d{1,2}):?(?P<minute>\d{2})(?::?(?P<second>\d{2}(?:[.,]\d+)?))?)?"
    rf"(?:\s*{_ZONE})?"
)
_TIME = re.compile(
    r"(?<![\d:])(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2}(?:[.,]\d+)?))?"
    r"(?:\s*(?P<half>[AaPp])\.?[Mm]\b\.?)?"
)
# What nine feeds in ten write, read without the general machinery.
_COMMON = re.compile(
    r"(?:[A-Z][a-z]{2}, )?(\d{1,2}) (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) (\d{4}) (\d\d):(\d\d):(\d\d)"
    r" (?:GMT|UTC|Z|([+-])(0\d|1[0-4]):?([0-5]\d))"
)
_SHORT: Final = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec"
_SHORT_MONTHS: Final = {name: number for number, name in enumerate(_SHORT.split(), 1)}
_ZONE_AFTER = re.compile(rf"\s*\(?{_ZONE}")
_ZONE_AT_END = re.compile(r"\s(?P<zone>[+\-]\d{2}:?\d{2})$")
_OFFSET = re.compile(r"(?:GMT|UTC|UT)?\s?([+\-\u2212])(\d{1,2}):?(\d{2})?$")
_PIECE = re.compile(r"\d+|[^\W\d_]+(?:\u200c[^\W\d_]+)*")
_EPOCH_SECONDS = re.compile(r"\d{10}|\d{13}")
_MAX_LENGTH = 120
_EARLIEST_YEAR: Final = 1800
_SOLAR_YEARS: Final = range(1300, 1500)
_FURTHEST_ZONE: Final = 15 * 60

Clock = tuple[int, int, float]


def parse_date(text: str) -> datetime | None:
    """Return the moment that `text` names, in UTC, or None where it names none; never raises."""
    common = _COMMON.fullmatch(text)
    if common:
        return _from_common(common)
    text = " ".join(_ascii_digits(text).split())
    if not text or len(text) > _MAX_LENGTH:
        return None
    if _EPOCH_SECONDS.fullmatch(text):
        seconds = int(text[:10])
        return datetime.fromtimestamp(seconds, UTC)
    iso = _ISO.fullmatch(text)
    if iso and _known_zone(iso["zone"]):
        return _from_iso(iso)
    return _from_words(text)


def _from_common(found: re.Match[str]) -> datetime | None:
    day = _day(int(found[3]), _SHORT_MONTHS[found[2]], int(found[1]))
    offset = (int(found[8]) * 60 + int(found[9])) * (1 if found[7] == "+" else -1) if found[7] else 0
    return _moment(day, _clock(found[4], found[5], found[6]), offset)


def _ascii_digits(text: str) -> str:
    if text.isascii():
        return text
    return "".join(
        str(unicodedata.decimal(char)) if char.isdecimal() else " " if char in "\u200e\u200f\u00a0\u202f" else char
        for char in text
    )


def _from_iso(found: re.Match[str]) -> datetime | None:
    day = _day(int(found["year"]), int(found["month"] or 1), int(found["day"] or 1))
    clock = _clock(found["hour"] or "0", found["minute"] or "0", found["second"] or "0")
    return _moment(day, clock, _offset(found["zone"] or ""))


def _from_words(text: str) -> datetime | None:
    clock: Clock | None = (0, 0, 0.0)
    zone = ""
    time = _TIME.search(text)
    if time:
        clock = _clock(time["hour"], time["minute"], time["second"] or "0", time["half"] or "")
        rest = text[time.end() :]
        after = _ZONE_AFTER.match(rest)
        if after and _known_zone(after["zone"]):
            zone = after["zone"]
            rest = rest[after.end() :]
        text = f"{text[: time.start()]} {rest}"
    elif ending := _ZONE_AT_END.search(text):
        zone = ending["zone"]
        text = text[: ending.start()]
    day = _day_from_words(text)
    return _moment(day, clock, _offset(zone))


def _day_from_words(text: str) -> date | None:
    pieces = _PIECE.findall(text)
    numbers = [piece for piece in pieces if piece.isdecimal()]
    month, solar = 0, False
    for piece in pieces:
        if not piece.isdecimal():
            month, solar = month_of(piece)
            if month:
                break
    if month:
        return _day_and_year(numbers[:2], month, solar)
    if len(numbers) < 3:
        return None
    first, second, third = (int(number) for number in numbers[:3])
    if len(numbers[0]) == 4:
        return _day(first, second, third)
    year = _full_year(numbers[2])
    return _day(year, second, first) or _day(year, first, second)


def _day_and_year(numbers: list[str], month: int, solar: bool) -> date | None:
    if len(numbers) < 2:
        return None
    day, year = (numbers[1], numbers[0]) if len(numbers[0]) > 2 else (numbers[0], numbers[1])
    full = int(year) if solar else _full_year(year)
    if solar:
        if full < 100:
            # Two digits of a Solar Hijri year: 1370 to 1469.
            full += 1300 if full >= 70 else 1400
        return solar_hijri(full, month, int(day))
    return _day(full, month, int(day)) if full not in _SOLAR_YEARS else None


def _full_year(text: str) -> int:
    year = int(text)
    if len(text) > 2:
        return year
    return year + (2000 if year < 70 else 1900)


def _day(year: int, month: int, day: int) -> date | None:
    if year in _SOLAR_YEARS:
        return solar_hijri(year, month, day)
    if year < _EARLIEST_YEAR:
        return None
    try:
        return date(year, month, day)
    except ValueError:
        return None


def solar_hijri(year: int, month: int, day: int) -> date | None:
    """Return the Gregorian date of a day of the Solar Hijri calendar, or None where there is no such day.

    By the 33-year cycle, which agrees with the equinox from 1178 to 1633.
    """
    if year not in _SOLAR_YEARS or not 1 <= month <= 12 or not 1 <= day <= 31:
        return None
    if month > 6 and day > 30:
        return None
    ordinal = _new_year(year) + day - 1 + ((month - 1) * 31 if month < 7 else (month - 7) * 30 + 186)
    if ordinal >= _new_year(year + 1):
        return None
    return date.fromordinal(ordinal)


def _new_year(year: int) -> int:
    """Return the proleptic Gregorian ordinal of the first of Farvardin."""
    past = year + 1595
    return 365 * past + (past // 33) * 8 + (past % 33 + 3) // 4 - 356032


def _clock(hour: str, minute: str, second: str, half: str = "") -> Clock | None:
    hours = int(hour)
    if half:
        if not 1 <= hours <= 12:
            return None
        hours = hours % 12 + (12 if half in "pP" else 0)
    seconds = round(float(second.replace(",", ".")), 3)
    if int(minute) > 59 or seconds >= 61 or hours > 24:
        return None
    # A leap second is shown as the one before it; hour 24 is midnight of the next day (ISO 8601, RFC 822 in the wild).
    return hours, int(minute), seconds if seconds < 60 else 59.0


def _known_zone(zone: str | None) -> bool:
    return not zone or not zone.isalpha() or zone.lower() in ZONES


def _offset(zone: str) -> int:
    """Return minutes east of UTC; 0 for a zone that cannot be."""
    if zone.lower() in ZONES:
        return ZONES[zone.lower()]
    found = _OFFSET.match(zone)
    if not found:
        return 0
    minutes = int(found[2]) * 60 + int(found[3] or 0)
    if minutes > _FURTHEST_ZONE or int(found[3] or 0) > 59:
        return 0
    return minutes if found[1] == "+" else -minutes


def _moment(day: date | None, clock: Clock | None, offset: int) -> datetime | None:
    if day is None or clock is None:
        return None
    try:
        moment = datetime(day.year, day.month, day.day, tzinfo=UTC)
        return moment + timedelta(hours=clock[0], minutes=clock[1] - offset, seconds=clock[2])
    except OverflowError:
        return None
