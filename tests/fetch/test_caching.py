"""What headers say about asking again."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from heliograph.fetch.caching import fresh_for, http_date, retry_after

NOW = datetime(2026, 1, 17, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        (" 0 ", 0.0),
        ("316800", 316_800.0),
        ("Sat, 17 Jan 2026 12:02:00 GMT", 120.0),
        ("Saturday, 17-Jan-26 12:02:00 GMT", 120.0),
        ("Sat Jan 17 12:02:00 2026", 120.0),
        ("Sat, 17 Jan 2026 14:02:00 +0200", 120.0),
        ("Sat, 17 Jan 2026 11:00:00 GMT", 0.0),
        ("", None),
        ("-5", None),
        ("1e9", None),
        ("soon", None),
        ("٣", None),
        ("9" * 400, None),
        ("Sat, 99 Jan 2026 12:02:00 GMT", None),
    ],
)
def test_retry_after_is_read_in_both_forms(value: str, seconds: float | None) -> None:
    assert retry_after(value, NOW) == seconds


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 0.0),
        ({"cache-control": "public, max-age=300"}, 300.0),
        ({"cache-control": "Max-Age=300", "age": "120"}, 180.0),
        ({"cache-control": "max-age=300", "age": "900"}, 0.0),
        ({"cache-control": "s-maxage=900"}, 0.0),
        ({"cache-control": "no-cache, max-age=300"}, 0.0),
        ({"cache-control": "max-age=300, no-store"}, 0.0),
        ({"cache-control": "max-age=abc"}, 0.0),
        ({"expires": "Sat, 17 Jan 2026 12:10:00 GMT"}, 600.0),
        ({"expires": "0"}, 0.0),
        ({"expires": "Sat, 17 Jan 2026 12:10:00 GMT", "cache-control": "max-age=60"}, 60.0),
        ({"expires": "Thu, 01 Jan 2015 00:10:00 GMT", "date": "Thu, 01 Jan 2015 00:00:00 GMT"}, 600.0),
        ({"expires": "Thu, 01 Jan 1970 00:00:00 GMT"}, 0.0),
    ],
)
def test_freshness_is_what_the_server_says_less_the_time_in_caches(headers: dict[str, str], seconds: float) -> None:
    assert fresh_for(headers, NOW) == seconds


def test_a_date_without_a_zone_is_taken_as_utc() -> None:
    assert http_date("Sat, 17 Jan 2026 12:00:00") == NOW
