from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliograph.alert.retry import SCHEDULE, next_try, retry_after

NOW = datetime(2026, 11, 2, 8, tzinfo=UTC)

# The table of the specification: time since the start of each of the ten tries.
TABLE = "00:00:00 00:00:05 00:05:05 00:35:05 02:35:05 07:35:05 17:35:05 31:35:05 51:35:05 75:35:05"


def test_the_schedule_is_that_of_standard_webhooks() -> None:
    at = NOW
    walked = []
    for tries in range(1, 11):
        passed = int((at - NOW).total_seconds())
        walked.append(f"{passed // 3600:02}:{passed // 60 % 60:02}:{passed % 60:02}")
        following = next_try(tries, at)
        if following is None:
            break
        at = following
    assert " ".join(walked) == TABLE
    assert next_try(len(SCHEDULE), NOW) is None
    assert next_try(1, NOW, schedule=()) is None


@given(st.integers(1, len(SCHEDULE) - 1), st.floats(0, 1))
def test_jitter_adds_a_tenth_at_most(tries: int, jitter: float) -> None:
    at = next_try(tries, NOW, jitter=jitter)
    assert at is not None
    delay = (at - NOW).total_seconds()
    assert SCHEDULE[tries] - 0.001 <= delay <= SCHEDULE[tries] * 1.1 + 0.001


def test_what_the_receiver_asks_for_puts_a_try_off_and_never_brings_it_forward() -> None:
    assert next_try(1, NOW, asked=120) == NOW + timedelta(seconds=120)
    assert next_try(3, NOW, asked=120) == NOW + timedelta(seconds=SCHEDULE[3])
    assert next_try(1, NOW, asked=1e12) == NOW + timedelta(hours=24)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120.0),
        (" 0 ", 0.0),
        ("Mon, 02 Nov 2026 08:01:00 GMT", 60.0),
        ("Mon, 02 Nov 2026 07:00:00 GMT", 0.0),
        ("Mon, 02 Nov 2026 08:01:00 -0000", 60.0),
        ("99999999999999999999", 86_400.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86_400.0),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("١٢", None),
        ("", None),
    ],
)
def test_retry_after_is_read_in_both_forms(header: str, seconds: float | None) -> None:
    assert retry_after(header, NOW) == seconds


@given(st.text())
def test_no_retry_after_header_does_harm(header: str) -> None:
    found = retry_after(header, NOW)
    assert found is None or 0 <= found <= 86_400
