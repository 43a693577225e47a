from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliograph.parse.dates import parse_date, solar_hijri

NOON = datetime(2026, 1, 12, 10, 5, tzinfo=UTC)
DAY = datetime(2026, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("Mon, 12 Jan 2026 14:05:00 +0400", NOON),
        ("Mon, 12 Jan 2026 10:05:00 GMT", NOON),
        ("Mon, 12 Jan 2026 13:05 MSK", NOON),
        ("12 Jan 26 05:05:00 EST", NOON),
        ("Monday, 12 January 2026 10:05:00 UTC", NOON),
        ("Mon, 12 Jan 2026 14:05:00 GMT+4", NOON),
        ("Mon, 12 Jan 2026 14:05:00 UTC+04:00", NOON),
        ("Mon, 12 Jan 2026 14:05:00 +04:00", NOON),
        ("Mon Jan 12 10:05:00 2026", NOON),
        ("2026-01-12T10:05:00Z", NOON),
        ("2026-01-12T14:05:00+04", NOON),
        ("2026-01-12t13:35:00+0330", NOON),
        ("2026-01-12 10:05", NOON),
        ("20260112T100500Z", NOON),
        ("2026-01-12T10:05:00.25Z", NOON + timedelta(milliseconds=250)),
        ("1768212300", NOON),
        ("1768212300000", NOON),
        ("12.01.2026 10:05", NOON),
        ("12/01/2026 10:05", NOON - timedelta(0)),
        ("01/13/2026 2:30 PM", datetime(2026, 1, 13, 14, 30, tzinfo=UTC)),
        ("12 Jan 2026 12:10 AM", DAY + timedelta(minutes=10)),
        ("10:05, 12 января 2026 г.", NOON),
        ("12 января 2026, 13:05 МСК", NOON),
        ("12 янв. 2026 10:05", NOON),
        ("12 yanvar 2026, 10:05", NOON),
        ("12 İyun 2026", datetime(2026, 6, 12, tzinfo=UTC)),
        ("12 Ocak 2026 Pazartesi 10:05", NOON),
        ("3 Ağustos 2026", datetime(2026, 8, 3, tzinfo=UTC)),
        ("12 հունվարի 2026 10:05", NOON),
        ("12 სექტემბრის 2026", datetime(2026, 9, 12, tzinfo=UTC)),
        ("12 იანვარი, 2026 10:05", NOON),
        ("۱۲ ژانویه ۲۰۲۶ ۱۰:۰۵", NOON),
        ("دوشنبه ۲۲ دی ۱۴۰۴ - ۱۰:۰۵", NOON),
        ("۱۴۰۴/۱۰/۲۲ ۱۰:۰۵", NOON),
        ("1404-10-22", DAY),
        ("22 dey 1404", DAY),
        ("Seg, 12 Set 2026 10:05:00 -0300", datetime(2026, 9, 12, 13, 5, tzinfo=UTC)),
        ("2026-01", datetime(2026, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_date_as_feeds_write_it_is_understood(text: str, moment: datetime) -> None:
    assert parse_date(text) == moment


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "soon, very soon",
        "Mon, 01 Jan 0001 00:00:00 +0000",
        "0000-00-00 00:00:00",
        "Thu, 31 Feb 2026 10:00:00 GMT",
        "Mon, 12 Jan 2026 25:00:00 GMT",
        "12 Jan 2026 13:00 PM",
        "1404-12-30",
        "99999-01-01",
        "x" * 5000,
    ],
)
def test_what_names_no_moment_is_none(text: str) -> None:
    assert parse_date(text) is None


@pytest.mark.parametrize("zone", ["+9999", "-2500", "XYZT", "Asia/Baku"])
def test_a_zone_that_cannot_be_or_is_unknown_is_taken_as_utc(zone: str) -> None:
    assert parse_date(f"Mon, 12 Jan 2026 10:05:00 {zone}") == NOON


def test_hour_24_is_the_next_midnight_and_a_leap_second_the_one_before_it() -> None:
    assert parse_date("Mon, 12 Jan 2026 24:00:00 GMT") == DAY + timedelta(days=1)
    assert parse_date("2016-12-31T23:59:60Z") == datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC)


def test_a_date_in_the_future_is_kept() -> None:
    assert parse_date("Tue, 12 Jan 2100 10:05:00 GMT") == datetime(2100, 1, 12, 10, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("solar", "gregorian"),
    [
        ((1399, 12, 30), date(2021, 3, 20)),
        ((1400, 1, 1), date(2021, 3, 21)),
        ((1403, 12, 30), date(2025, 3, 20)),
        ((1404, 1, 1), date(2025, 3, 21)),
        ((1404, 12, 29), date(2026, 3, 20)),
        ((1357, 11, 22), date(1979, 2, 11)),
    ],
)
def test_a_known_day_of_the_solar_hijri_calendar(solar: tuple[int, int, int], gregorian: date) -> None:
    assert solar_hijri(*solar) == gregorian


@given(st.dates(date(1925, 3, 22), date(2100, 1, 1)))
def test_every_gregorian_day_is_exactly_one_solar_day(day: date) -> None:
    year = day.year - 621
    named = [
        (y, m, d) for y in (year - 1, year) for m in range(1, 13) for d in range(1, 32) if solar_hijri(y, m, d) == day
    ]
    assert len(named) == 1


# Hypothesis draws naive times, and adds a zone only where asked.
BOUNDS = (datetime.fromisoformat("1971-01-01"), datetime.fromisoformat("2068-12-31"))


@given(st.datetimes(*BOUNDS), st.integers(-12 * 60, 14 * 60))
def test_what_the_standards_write_is_read_back(naive: datetime, offset: int) -> None:
    moment = naive.replace(microsecond=0, tzinfo=UTC)
    local = moment + timedelta(minutes=offset)
    sign = "-" if offset < 0 else "+"
    zone = f"{sign}{abs(offset) // 60:02d}{abs(offset) % 60:02d}"
    months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    clock = f"{local:%H:%M:%S}"
    assert parse_date(f"{local.day} {months[local.month - 1]} {local.year} {clock} {zone}") == moment
    assert parse_date(f"{local.year}-{local.month:02d}-{local.day:02d}T{clock}{zone[:3]}:{zone[3:]}") == moment


@given(st.text(max_size=150))
def test_no_text_makes_it_raise_and_every_answer_is_in_utc(text: str) -> None:
    moment = parse_date(text)
    assert moment is None or moment.utcoffset() == timedelta(0)
