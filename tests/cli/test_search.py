"""`heliograph search`."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Answer, Desk, Make, Run


def ids(answer: Answer) -> Any:
    return [item["id"] for item in answer.json]


@pytest.mark.usefixtures("filled")
def test_flagged_articles_are_found_newest_first(hg: Run) -> None:
    answer = hg("search", "tea", "--format", "json")
    assert answer.status == 0
    assert ids(answer) == ["a4", "a3", "a1"]


@pytest.mark.usefixtures("filled")
def test_an_item_is_what_the_api_lists(hg: Run) -> None:
    item = hg("search", "auction", "--format", "json").json[0]
    assert item["title"] == "An auction of tea ended before the rain came"
    assert [match["topic"] for match in item["matches"]] == ["tea"]
    assert item["story"]["first"] is True
    assert item["evidence"][0]["text"] == "auction"


@pytest.mark.usefixtures("filled")
def test_scope_all_looks_at_what_no_topic_asked_for(hg: Run) -> None:
    assert ids(hg("search", "coffee", "--format", "json")) == []
    assert ids(hg("search", "coffee", "--scope", "all", "--format", "json")) == ["a2"]


@pytest.mark.usefixtures("filled")
def test_times_bound_the_answer(hg: Run) -> None:
    assert ids(hg("search", "tea", "--since", "now-12h", "--format", "json")) == ["a4", "a3"]
    assert ids(hg("search", "tea", "--since", "12h", "--until", "now-5h", "--format", "json")) == ["a3"]
    assert ids(hg("search", "tea", "--until", "2020-01-01", "--format", "json")) == []


@pytest.mark.usefixtures("filled")
def test_sort_and_limit_are_kept(hg: Run) -> None:
    assert ids(hg("search", "*", "--sort", "oldest", "--limit", "2", "--format", "json")) == ["a1", "a3"]


def test_more_than_a_page_is_printed_where_asked_for(hg: Run, desk: Desk, make: Make) -> None:
    desk.take(*(make(f"n{number:03}", f"tea number {number}", hours=number / 100) for number in range(230)))
    found = ids(hg("search", "tea", "--limit", "225", "--format", "json"))
    assert len(found) == len(set(found)) == 225
    assert found[:2] == ["n000", "n001"]


@pytest.mark.usefixtures("filled")
def test_the_table_names_source_topics_and_title_and_how_many_there_are(hg: Run) -> None:
    answer = hg("search", "tea", "--limit", "2")
    assert "An auction of tea ended" in answer.out
    assert "demo" in answer.out
    assert "2 of 3 articles" in answer.err


@pytest.mark.usefixtures("filled")
def test_csv_has_a_line_an_article(hg: Run) -> None:
    rows = list(csv.DictReader(io.StringIO(hg("search", "tea", "--format", "csv").out)))
    assert [row["id"] for row in rows] == ["a4", "a3", "a1"]
    assert rows[0]["topics"] == "tea"


def test_a_title_cannot_steer_the_terminal_nor_a_spreadsheet(hg: Run, desk: Desk, make: Make) -> None:
    desk.take(make("evil", "=tea \x1b[31mred\x1b]0;own\x07 \u202etpo"))
    table = hg("search", "tea").out
    assert "tea" in table
    assert not set("\x1b\x07\u202e") & set(table)
    assert ",'=tea" in hg("search", "tea", "--format", "csv").out
    assert json.loads(hg("search", "tea", "--format", "json").out)[0]["title"].startswith("=tea \x1b")


def test_a_title_without_end_is_cut_in_a_table_alone(hg: Run, desk: Desk, make: Make) -> None:
    desk.take(make("long", "tea " * 2_000))
    assert len(hg("search", "tea").out) < 2_000
    assert len(hg("search", "tea", "--format", "json").json[0]["title"]) == 8_000


@pytest.mark.usefixtures("filled")
def test_finding_nothing_is_an_answer(hg: Run) -> None:
    answer = hg("search", "samovar")
    assert answer.status == 0
    assert answer.out == ""
    assert "nothing found" in answer.err


@pytest.mark.usefixtures("filled")
def test_a_wrong_query_is_shown_with_a_caret(hg: Run) -> None:
    answer = hg("search", "tea and (milk")
    assert answer.status == 2
    lines = answer.err.splitlines()
    assert lines[0] == "heliograph: the parenthesis opened at 9 is never closed"
    assert lines[2].index("^") == len("  tea and (milk")
    assert answer.out == ""


@pytest.mark.usefixtures("filled")
def test_an_unknown_concept_is_wrong_use(hg: Run) -> None:
    answer = hg("search", "@nonesuch")
    assert answer.status == 2
    assert "nonesuch" in answer.err


@pytest.mark.usefixtures("filled")
def test_a_time_that_is_none_names_its_option(hg: Run) -> None:
    answer = hg("search", "tea", "--since", "yesterday-ish")
    assert answer.status == 2
    assert "--since 'yesterday-ish'" in answer.err
    assert len(answer.err.splitlines()) == 1


@pytest.mark.usefixtures("filled")
def test_a_span_that_is_empty_is_wrong_use(hg: Run) -> None:
    assert hg("search", "tea", "--since", "now", "--until", "now-1h").status == 2


def test_before_the_first_start_it_says_what_to_run_and_makes_nothing(hg: Run, folder: Path) -> None:
    answer = hg("search", "tea", "--data", "nowhere")
    assert answer.status == 1
    assert "heliograph run" in answer.err
    assert list(folder.iterdir()) == []


def test_it_works_beside_the_process_that_writes(hg: Run, filled: Desk, make: Make) -> None:
    writer = filled.open(writes_index=True)
    try:
        index = writer.index("flagged")
        known = index.get("a1")
        assert known is not None
        assert ids(hg("search", "tea", "--format", "json")) == ["a4", "a3", "a1"]
        index.purge(make("x", "x", hours=5).fetched)
        assert ids(hg("search", "tea", "--format", "json")) == ["a4"]
    finally:
        writer.close()
