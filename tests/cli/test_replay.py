"""`heliograph replay`: the log to the indexes and to detection."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from heliograph.core.event import MATCHES
from heliograph.eventlog.port import Entry
from heliograph.eventlog.sqlite import SqliteLog

if TYPE_CHECKING:
    from tests.cli.conftest import Answer, Desk, Make, Run, Site


def counts(answer: Answer) -> dict[str, tuple[int, int]]:
    return {row["index"]: (row["events"], row["written"]) for row in answer.json}


def found(hg: Run, *options: str) -> list[str]:
    return [item["id"] for item in hg("search", "*", *options, "--format", "json").json]


def test_a_lost_index_is_built_again_from_the_log(hg: Run, filled: Desk) -> None:
    before = hg("search", "*", "--format", "json").json, hg("search", "*", "--scope", "all", "--format", "json").json
    shutil.rmtree(filled.data / "index")
    answer = hg("replay", "--to", "index", "--format", "json")
    assert answer.status == 0
    assert counts(answer) == {"flagged": (3, 3), "archive": (4, 4)}
    after = hg("search", "*", "--format", "json").json, hg("search", "*", "--scope", "all", "--format", "json").json
    assert after == before


@pytest.mark.usefixtures("filled")
def test_a_rebuild_done_twice_changes_nothing(hg: Run) -> None:
    before = found(hg, "--scope", "all")
    assert hg("replay", "--to", "index").status == 0
    assert hg("replay", "--to", "index").status == 0
    assert found(hg, "--scope", "all") == before


def test_one_index_is_rebuilt_where_its_topic_is_named(hg: Run, filled: Desk) -> None:
    shutil.rmtree(filled.data / "index")
    assert counts(hg("replay", "--to", "index", "--topic", "flagged", "--format", "json")) == {"flagged": (3, 3)}
    assert not (filled.data / "index" / "archive").exists()


def test_an_end_brings_no_old_revision_back(hg: Run, desk: Desk, make: Make) -> None:
    desk.take(make("a1", "tea is served", hours=3))
    here = desk.open()
    middle = here.now().isoformat()
    here.close()
    desk.take(make("a1", "tea is served late", hours=1, revision="a1-2"))
    answer = hg("replay", "--to", "index", "--until", middle, "--format", "json")
    assert {row["newer"] for row in answer.json} == {1}
    assert hg("search", "*", "--format", "json").json[0]["title"] == "Tea is served late"


@pytest.mark.usefixtures("filled")
def test_nothing_lies_in_an_empty_span(hg: Run) -> None:
    answer = hg("replay", "--to", "index", "--until", "2020-01-01", "--format", "json")
    assert counts(answer) == {"flagged": (0, 0), "archive": (0, 0)}


def test_a_running_service_keeps_its_index(hg: Run, filled: Desk) -> None:
    service = filled.open(writes_index=True)
    service.index("flagged")
    try:
        answer = hg("replay", "--to", "index")
        assert answer.status == 1
        assert "another process writes it; stop that one" in answer.err
        assert len(answer.err.splitlines()) == 1
    finally:
        service.close()


def test_a_damaged_event_is_a_dead_letter_once_and_stops_nothing(hg: Run, filled: Desk) -> None:
    log = SqliteLog(filled.data / "log.sqlite")
    log.append("articles", [Entry("broken", "broken", b"{not an event")])
    log.close()
    for _ in range(2):
        answer = hg("replay", "--to", "index", "--topic", "articles", "--format", "json")
        assert (answer.json[0]["written"], answer.json[0]["refused"]) == (4, 1)
    letters = hg("replay", "--topic", "dead-letters", "--format", "json").json
    assert [letter["stage"] for letter in letters] == ["index-archive"]


@pytest.mark.usefixtures("filled")
def test_the_same_topic_version_gives_the_same_matches(hg: Run) -> None:
    answer = hg("replay", "--to", "detect", "--format", "json")
    assert answer.status == 0
    tea = {row["topic"]: row for row in answer.json}["tea"]
    assert (tea["articles"], tea["recorded"], tea["matched"]) == (4, 3, 3)
    assert (tea["missing"], tea["new"], tea["changed"]) == (0, 0, 0)


def test_a_match_that_was_lost_from_the_record_is_a_difference(hg: Run, filled: Desk) -> None:
    here = filled.open()
    kept = [Entry(message.id, message.key, message.value) for message in here.log.scan(MATCHES)]
    here.log.trim(MATCHES, here.now())
    here.log.append(MATCHES, [kept[0], kept[2]])
    here.close()
    answer = hg("replay", "--to", "detect", "--format", "json")
    assert answer.status == 1
    tea = {row["topic"]: row for row in answer.json}["tea"]
    assert tea["differences"] == {"new": ["a3"]}
    assert "differ: tea" in answer.err
    assert "tea: new: a3" in hg("replay", "--to", "detect").err


def test_a_match_with_other_evidence_is_a_difference(hg: Run, filled: Desk) -> None:
    here = filled.open()
    kept = [Entry(f"{m.id}-again", m.key, m.value.replace(b'"start":0', b'"start":1')) for m in here.log.scan(MATCHES)]
    here.log.append(MATCHES, kept)
    here.close()
    answer = hg("replay", "--to", "detect", "--format", "json")
    assert answer.status == 1
    assert {row["topic"]: row for row in answer.json}["tea"]["changed"] >= 1


def test_another_version_of_a_topic_is_not_compared(hg: Run, filled: Desk) -> None:
    filled.topic("tea or coffee")
    answer = hg("replay", "--to", "detect", "--format", "json")
    assert answer.status == 0
    tea = {row["topic"]: row for row in answer.json}["tea"]
    assert (tea["recorded"], tea["matched"], tea["compared"]) == (0, 4, 0)
    assert "nothing to compare" in answer.err


def test_articles_that_wait_for_detection_are_no_difference(hg: Run, filled: Desk, make: Make) -> None:
    filled.take(make("a5", "tea again, and late", hours=0.5), through=())
    answer = hg("replay", "--to", "detect", "--format", "json")
    assert answer.status == 0
    assert {row["topic"]: row for row in answer.json}["tea"]["articles"] == 4


@pytest.mark.usefixtures("filled")
def test_alerts_that_would_have_been_are_counted_and_not_sent(hg: Run, folder: Path, site: Site) -> None:
    (folder / "heliograph.toml").write_text(
        f'[[channels]]\nname = "desk"\ntype = "webhook"\nurl = "{site.url}/hook"\n'
        'secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"\n'
        '[[policies]]\nname = "english"\nquery = "language: en"\nchannels = ["desk"]\n',
        encoding="utf-8",
    )
    answer = hg("replay", "--to", "alert", "--format", "json")
    assert answer.status == 0
    (row,) = answer.json
    assert (row["channel"], row["topic"], row["alerts"], row["updates"]) == ("desk", "tea", 2, 0)
    assert hg("alerts", "list", "--format", "json").json == []
    assert site.posted == []


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--to", "alert", "--topic", "articles"],
        ["--topic", "articles"],
        ["--to", "stories"],
        ["--to", "index", "--topic", "matches"],
        ["--to", "detect", "--topic", "flagged"],
        ["--to", "index", "--from", "someday"],
        ["--to", "index", "--from", "now", "--until", "now-1d"],
        ["--to", "nowhere"],
        ["--show", "dead-letters/0/99"],
    ],
)
@pytest.mark.usefixtures("filled")
def test_wrong_use_is_one_line_and_exit_2(hg: Run, arguments: list[str]) -> None:
    answer = hg("replay", *arguments)
    assert answer.status == 2
    assert len(answer.err.splitlines()) == 1
    assert answer.out == ""


@pytest.mark.parametrize("arguments", [["--to", "index"], ["--to", "detect"], ["--topic", "dead-letters"]])
def test_before_the_first_start_it_says_so_and_makes_nothing(hg: Run, arguments: list[str]) -> None:
    answer = hg("replay", *arguments, "--data", "nowhere")
    assert answer.status == 1
    assert "no event log yet" in answer.err
