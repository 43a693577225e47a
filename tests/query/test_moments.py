"""Dates of whoever asks: days, weeks and hours of their calendar, on the days when clocks change too."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliograph.index.elastic_body import bounds_of, explained
from heliograph.query.moments import period
from heliograph.query.parse import parse
from heliograph.query.tree import Range
from heliograph.query.zones import find_zone, read_zone, zone_name

NOW = datetime(2026, 3, 14, 9, 30, 15, tzinfo=UTC)
PLACES = ("UTC", "Asia/Baku", "Asia/Kathmandu", "America/St_Johns", "Europe/Berlin", "Asia/Tehran", "America/Havana",
          "Australia/Lord_Howe", "Pacific/Apia", "+04:00", "-03:30")  # fmt: skip


def spoken(written: str, zone: str, now: str = "2026-03-14T09:30:15Z") -> tuple[str, str]:
    """The period in UTC, as `2026-03-13 20:00`."""
    start, end = period(written, now=datetime.fromisoformat(now), zone=read_zone(zone))
    assert start.tzinfo is UTC
    assert end.tzinfo is UTC
    return f"{start:%Y-%m-%d %H:%M}", f"{end:%Y-%m-%d %H:%M}"


@pytest.mark.parametrize(
    ("written", "zone", "since", "until"),
    [
        ("2026-03-14", "Asia/Baku", "2026-03-13 20:00", "2026-03-14 20:00"),
        ("2026-03-14", "Asia/Kathmandu", "2026-03-13 18:15", "2026-03-14 18:15"),
        ("2026-03-14", "America/St_Johns", "2026-03-14 02:30", "2026-03-15 02:30"),
        ("2026-03-14", "+04:00", "2026-03-13 20:00", "2026-03-14 20:00"),
        ("2026-03", "Europe/Berlin", "2026-02-28 23:00", "2026-03-31 22:00"),
        ("2026", "Asia/Kathmandu", "2025-12-31 18:15", "2026-12-31 18:15"),
        ("2026-03-14T10:00", "Asia/Kathmandu", "2026-03-14 04:15", "2026-03-14 04:16"),
        ("2026-03-14T10:00Z", "Asia/Kathmandu", "2026-03-14 10:00", "2026-03-14 10:01"),
        ("2026-03-14T10:00+01:00", "Asia/Baku", "2026-03-14 09:00", "2026-03-14 09:01"),
    ],
)
def test_a_date_without_an_offset_is_one_of_the_zone(written: str, zone: str, since: str, until: str) -> None:
    assert spoken(written, zone) == (since, until)


@pytest.mark.parametrize(
    ("written", "zone", "since", "until"),
    [
        ("now/d", "Asia/Baku", "2026-03-13 20:00", "2026-03-14 20:00"),
        ("now-1d/d", "Asia/Kathmandu", "2026-03-12 18:15", "2026-03-13 18:15"),
        ("now/w", "America/St_Johns", "2026-03-09 02:30", "2026-03-16 02:30"),
        ("now/h", "Asia/Kathmandu", "2026-03-14 09:15", "2026-03-14 10:15"),
        ("now/m", "Asia/Kathmandu", "2026-03-14 09:30", "2026-03-14 09:31"),
        ("now/M", "Europe/Berlin", "2026-02-28 23:00", "2026-03-31 22:00"),
        ("now/y", "Asia/Baku", "2025-12-31 20:00", "2026-12-31 20:00"),
    ],
)
def test_what_is_rounded_is_rounded_in_the_zone(written: str, zone: str, since: str, until: str) -> None:
    assert spoken(written, zone) == (since, until)


@pytest.mark.parametrize(
    ("written", "zone", "now", "since", "until"),
    [
        # Berlin, 29 March 2026, has 23 hours; 25 October has 25.
        ("2026-03-29", "Europe/Berlin", "2026-03-01T00:00Z", "2026-03-28 23:00", "2026-03-29 22:00"),
        ("2026-10-25", "Europe/Berlin", "2026-03-01T00:00Z", "2026-10-24 22:00", "2026-10-25 23:00"),
        ("now/d", "Europe/Berlin", "2026-03-29T12:00Z", "2026-03-28 23:00", "2026-03-29 22:00"),
        ("now/w", "Europe/Berlin", "2026-03-29T12:00Z", "2026-03-22 23:00", "2026-03-29 22:00"),
        # Half past midnight behind the short day, half an hour before midnight of the long one.
        ("now-1d/d", "Europe/Berlin", "2026-03-29T22:30Z", "2026-03-28 23:00", "2026-03-29 22:00"),
        ("now-1d/d", "Europe/Berlin", "2026-10-25T22:30Z", "2026-10-23 22:00", "2026-10-24 22:00"),
        ("now-1w/w", "Europe/Berlin", "2026-03-29T22:30Z", "2026-03-22 23:00", "2026-03-29 22:00"),
        # The hour from two to three, which comes twice: at its first and at its second time.
        ("now/h", "Europe/Berlin", "2026-10-25T00:30Z", "2026-10-25 00:00", "2026-10-25 01:00"),
        ("now/h", "Europe/Berlin", "2026-10-25T01:30Z", "2026-10-25 01:00", "2026-10-25 02:00"),
        ("now-1h/h", "Europe/Berlin", "2026-10-25T01:30Z", "2026-10-25 00:00", "2026-10-25 01:00"),
        # In Tehran summer time began at midnight, so that the day began at one; it ended in the hour before midnight.
        ("2022-03-22", "Asia/Tehran", "2022-03-01T00:00Z", "2022-03-21 20:30", "2022-03-22 19:30"),
        ("now/d", "Asia/Tehran", "2022-03-22T12:00Z", "2022-03-21 20:30", "2022-03-22 19:30"),
        ("now/d", "Asia/Tehran", "2022-09-21T20:00Z", "2022-09-20 19:30", "2022-09-21 20:30"),
        ("2026-07-01", "Asia/Tehran", "2022-03-01T00:00Z", "2026-06-30 20:30", "2026-07-01 20:30"),
        # In Havana midnight comes twice.
        ("now/d", "America/Havana", "2026-11-01T05:30Z", "2026-11-01 04:00", "2026-11-02 05:00"),
        ("now/d", "America/St_Johns", "2026-03-08T12:00Z", "2026-03-08 03:30", "2026-03-09 02:30"),
        ("now/d", "America/St_Johns", "2026-11-01T12:00Z", "2026-11-01 02:30", "2026-11-02 03:30"),
    ],
)
def test_summer_time_makes_days_short_and_long(written: str, zone: str, now: str, since: str, until: str) -> None:
    assert spoken(written, zone, now) == (since, until)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("now-1d", "2026-03-28 12:00"),
        ("now-1w", "2026-03-22 12:00"),
        ("now-1M", "2026-02-28 12:00"),
        ("now-24h", "2026-03-28 11:00"),
    ],
)
def test_days_go_by_the_calendar_and_hours_by_the_clock(written: str, expected: str) -> None:
    # One o'clock in the afternoon of a day that began with winter time.
    assert spoken(written, "Europe/Berlin", "2026-03-29T11:00Z")[0] == expected


@given(
    st.integers(0, 50 * 366 * 86400).map(lambda seconds: datetime.fromtimestamp(seconds + 6e8, UTC)),
    st.sampled_from(PLACES),
    st.sampled_from("smhdwMy"),
)
def test_a_rounded_moment_names_a_period_that_holds_it(now: datetime, place: str, unit: str) -> None:
    start, end = period(f"now/{unit}", now=now, zone=read_zone(place))
    # Until 2011 St. John's put its clocks back a minute after midnight: the day had begun, and begins no second time.
    again = timedelta(minutes=59) if place == "America/St_Johns" and unit in "dwMy" else timedelta(0)
    assert start <= now < end + again


@given(st.dates(date(1990, 1, 1), date(2040, 1, 1)), st.sampled_from(PLACES))
def test_a_day_ends_where_the_next_one_begins(day: date, place: str) -> None:
    zone = read_zone(place)
    after = day + timedelta(days=1)
    assert period(f"{day:%Y-%m-%d}", now=None, zone=zone)[1] == period(f"{after:%Y-%m-%d}", now=None, zone=zone)[0]


def test_the_same_moments_reach_every_index_as_utc() -> None:
    node = parse("published: 2026-03-14", zone=ZoneInfo("Asia/Baku"))
    assert isinstance(node, Range)
    assert (node.since, node.until) == (
        datetime(2026, 3, 13, 20, tzinfo=UTC),
        datetime(2026, 3, 14, 20, tzinfo=UTC),
    )
    body = explained(bounds_of(node))
    for moment in filter(None, (node.since, node.until)):
        assert str(int(moment.timestamp() * 1_000_000)) in body


@pytest.mark.parametrize("written", ["9999-12-31", "0001-01-01", "now-9999y", "now+999999999w"])
def test_the_ends_of_all_years_are_an_answer_in_every_zone(written: str) -> None:
    for place in PLACES:
        try:
            period(written, now=NOW, zone=read_zone(place))
        except ValueError as error:
            assert "years 1 to 9999" in str(error)  # noqa: PT017 - in some zones it lies inside


@pytest.mark.parametrize(
    ("written", "offset"), [("+04:00", 240), ("-0330", -210), ("+05", 300), ("UTC", 0), ("Z", 0), ("Asia/Baku", 240)]
)
def test_a_zone_is_a_name_or_an_offset(written: str, offset: int) -> None:
    assert NOW.astimezone(read_zone(written)).utcoffset() == timedelta(minutes=offset)


@pytest.mark.parametrize(
    "written", ["UTC", "Asia/Kathmandu", "America/Argentina/Salta", "Etc/GMT+4", "+05:45", "-03:30"]
)
def test_a_zones_name_is_read_as_that_zone(written: str) -> None:
    zone: tzinfo = read_zone(written)
    assert zone_name(zone) == written
    assert read_zone(zone_name(zone)) == zone


@pytest.mark.parametrize(
    ("written", "nearest"),
    [
        ("Asia/Bakoo", "Asia/Baku"),
        ("asia/tbilisi", "Asia/Tbilisi"),
        ("Yerevan", "Asia/Yerevan"),
        ("New York", "America/New_York"),
        ("right/Asia/Baku", "Asia/Baku"),
    ],
)
def test_an_unknown_zone_is_told_with_the_nearest_known_one(written: str, nearest: str) -> None:
    with pytest.raises(ValueError, match=f"'{written}' is no time zone; did you mean '{nearest}'"):
        read_zone(written)


@pytest.mark.parametrize(
    "written",
    ["", " ", "Asia", "America/Argentina", "../../etc/passwd", "/etc/localtime", "localtime", "leapseconds", "zone.tab",
     "\x00", "+25:00", "+04:60", "4", "x" * 5000, "Asia/Baku\n", "٣", "\ud800", "posix/UTC"],
)  # fmt: skip
def test_what_is_no_zone_is_none_and_one_line_says_so(written: str) -> None:
    assert find_zone(written) is None
    with pytest.raises(ValueError, match="is no time zone") as caught:
        read_zone(written)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


def test_every_name_of_the_database_is_a_zone() -> None:
    names = available_timezones() - {"localtime"}
    assert len(names) > 400
    assert [name for name in sorted(names) if find_zone(name) is None] == []
