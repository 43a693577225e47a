"""Dates of the command line: in the zone of `--time-zone`, or else of the settings."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Answer, Desk, Make, Run

DAY = "published: 2026-03-14"
BAKU = 'time_zone = "Asia/Baku"\n'
KATHMANDU = ("--time-zone", "Asia/Kathmandu")
VERBS = [
    ("search", "tea"),
    ("query", "explain", "tea"),
    ("topics", "backtest", "tea"),
    ("replay", "--to", "detect"),
]


def ids(answer: Answer) -> list[str]:
    return [item["id"] for item in answer.json]


def wall(hours: float) -> str:
    """What clocks in Kathmandu, almost six hours ahead, showed so many hours ago, as one types it."""
    return f"{datetime.now(ZoneInfo('Asia/Kathmandu')) - timedelta(hours=hours):%Y-%m-%dT%H:%M:%S}"


@pytest.fixture
def dated(desk: Desk, make: Make) -> Desk:
    """In Baku the first of two lies on 14 March 2026, in UTC the second."""
    desk.take(
        make("evening", "tea was served that evening", published=datetime(2026, 3, 13, 21, tzinfo=UTC)),
        make("night", "a cup of tea for the long night", published=datetime(2026, 3, 14, 21, tzinfo=UTC)),
    )
    return desk


@pytest.mark.usefixtures("dated")
def test_a_day_of_a_search_is_one_of_the_zone_of_the_settings_unless_another_is_named(hg: Run, folder: Path) -> None:
    assert ids(hg("search", DAY, "--format", "json")) == ["night"]
    assert ids(hg("search", DAY, "--time-zone", "Asia/Baku", "--format", "json")) == ["evening"]
    assert ids(hg("search", DAY, "--time-zone", "+04:00", "--format", "json")) == ["evening"]
    (folder / "heliograph.toml").write_text(BAKU)
    assert ids(hg("search", DAY, "--format", "json")) == ["evening"]
    assert ids(hg("search", DAY, "--time-zone", "UTC", "--format", "json")) == ["night"]


@pytest.mark.usefixtures("filled")
def test_since_and_until_of_a_search_are_in_the_zone(hg: Run) -> None:
    assert ids(hg("search", "tea", "--since", wall(5), *KATHMANDU, "--format", "json")) == ["a4"]
    assert ids(hg("search", "tea", "--until", wall(5), *KATHMANDU, "--format", "json")) == ["a3", "a1"]
    assert ids(hg("search", "tea", "--since", wall(5), "--format", "json")) == []


@pytest.mark.usefixtures("filled")
def test_the_span_of_a_backtest_is_in_the_zone(hg: Run) -> None:
    answer = hg("topics", "backtest", "tea", "--since", wall(5), *KATHMANDU, "--format", "json")
    assert answer.json["articles"] == 1


@pytest.mark.usefixtures("filled")
def test_the_span_of_a_replay_is_in_the_zone(hg: Run) -> None:
    since = ("replay", "--to", "index", "--from", wall(1), "--format", "json")
    assert {row["index"]: row["events"] for row in hg(*since, *KATHMANDU).json} == {"flagged": 3, "archive": 4}
    assert {row["events"] for row in hg(*since).json} == {0}


def test_a_query_is_explained_in_the_zone(hg: Run) -> None:
    explain = ("query", "explain", DAY, "--tier", "distributed")
    begins = {
        zone: str(int(datetime(2026, 3, 14, tzinfo=ZoneInfo(zone)).timestamp() * 1e6)) for zone in ("UTC", "Asia/Baku")
    }
    assert begins["UTC"] in hg(*explain).out
    assert begins["Asia/Baku"] in hg(*explain, "--time-zone", "Asia/Baku").out


@pytest.mark.usefixtures("dated")
def test_the_query_of_a_policy_is_in_the_zone_of_the_settings(hg: Run, folder: Path) -> None:
    policy = (
        '[[channels]]\nname = "desk"\ntype = "stdout"\n'
        f'[[policies]]\nname = "that-day"\nquery = "{DAY} and evening"\nchannels = ["desk"]\n'
    )
    settings = folder / "heliograph.toml"
    settings.write_text(policy)
    assert hg("replay", "--to", "alert", "--format", "json").json == []
    settings.write_text(BAKU + policy)
    assert [row["alerts"] for row in hg("replay", "--to", "alert", "--format", "json").json] == [1]


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
@pytest.mark.usefixtures("filled")
def test_an_unknown_zone_is_wrong_use_and_names_the_nearest(hg: Run, verb: tuple[str, ...]) -> None:
    answer = hg(*verb, "--time-zone", "Asia/Bakoo")
    assert answer.status == 2
    assert answer.err == "heliograph: --time-zone: 'Asia/Bakoo' is no time zone; did you mean 'Asia/Baku'?\n"
