"""`heliograph topics backtest`, over the archive and over files."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from heliograph.cli import execute

if TYPE_CHECKING:
    from tests.cli.conftest import Desk, Make, Run

SAVED = "tea"
DRAFT = "auction or coffee"


def draft(folder: Path, query: str = DRAFT) -> Path:
    """Write another query for the topic `tea` into a folder of its own."""
    topics = folder / "draft" / "topics"
    topics.mkdir(parents=True)
    saved = (folder / "var" / "topics" / "tea.yaml").read_text("utf-8")
    topics.joinpath("tea.yaml").write_text(saved.replace(f"query: {SAVED}", f"query: {query}"), "utf-8")
    return topics.parent


@pytest.mark.usefixtures("filled")
def test_a_topic_that_is_as_it_was_gains_and_loses_nothing(hg: Run) -> None:
    answer = hg("topics", "backtest", "tea", "--format", "json")
    assert answer.status == 0
    found = answer.json
    assert (found["articles"], found["hits"], found["gained"], found["lost"], found["stories"]) == (4, 3, 0, 0, 3)
    assert found["compared_with"] == {found["version"]: 3}
    assert found["by_language"] == {"en": 2, "ru": 1}
    assert found["by_source"] == {"demo": 3}
    # The oldest article came 30 hours ago, so that is what the archive covers.
    assert found["alerts_a_day"] == pytest.approx(3 / (30 / 24), abs=0.02)


@pytest.mark.usefixtures("filled")
def test_a_draft_is_compared_with_what_was_flagged(hg: Run, folder: Path) -> None:
    found = hg("topics", "backtest", "tea", "--topics", draft(folder), "--format", "json").json
    assert (found["hits"], found["gained"], found["lost"]) == (2, 1, 2)
    assert found["version"] not in found["compared_with"]
    assert [(each["change"], each["id"]) for each in found["examples"]] == [
        ("gained", "a2"),
        ("lost", "a1"),
        ("lost", "a3"),
    ]
    assert found["examples"][0]["evidence"][0]["text"] == "Coffee"
    assert found["examples"][1]["evidence"][0]["text"].lower() == "tea"


@pytest.mark.usefixtures("filled")
def test_only_the_span_that_is_asked_for_counts(hg: Run) -> None:
    found = hg("topics", "backtest", "tea", "--since", "12h", "--until", "now-5h", "--format", "json").json
    assert (found["articles"], found["hits"]) == (1, 1)


@pytest.mark.usefixtures("filled")
def test_a_person_sees_figures_and_examples(hg: Run, folder: Path) -> None:
    answer = hg("topics", "backtest", "tea", "--topics", draft(folder), "--examples", "1")
    assert "+ gained en  Coffee prices fell" in answer.out
    assert "- lost en  Tea is drunk" in answer.out
    assert answer.out.count("- lost") == 1
    assert "(3 flagged)" in answer.out


@pytest.mark.usefixtures("filled")
def test_a_sheet_gets_one_row(hg: Run) -> None:
    [head, row] = csv.reader(io.StringIO(hg("topics", "backtest", "tea", "--format", "csv").out))
    assert dict(zip(head, row, strict=True))["hits"] == "3"


def lines(path: Path) -> Path:
    """Write articles as JSON Lines, one of them none."""
    rows = [
        {"id": 1, "title": "Tea at noon", "text": "", "lang": "en", "published": "2026-11-01T00:00:00Z"},
        {"id": 2, "title": "Coffee at noon", "text": "", "lang": "en", "published": "2026-11-03T00:00:00Z"},
    ]
    path.write_text("\n".join(map(json.dumps, rows)) + "\nno article\n", "utf-8")
    return path


def test_a_file_is_compared_with_the_saved_topic(hg: Run, desk: Desk, folder: Path) -> None:
    file = lines(folder / "news.jsonl")
    found = hg("topics", "backtest", "tea", "--file", file, "--topics", draft(folder), "--format", "json").json
    assert desk.data.is_dir()
    assert (found["articles"], found["hits"], found["gained"], found["lost"]) == (2, 1, 1, 1)
    assert found["alerts_a_day"] == 0.5
    assert len(found["errors"]) == 1
    assert "line 3" in found["errors"][0]


@pytest.mark.usefixtures("desk")
def test_without_a_draft_a_file_has_nothing_to_lose(hg: Run, folder: Path) -> None:
    found = hg("topics", "backtest", "tea", "--file", lines(folder / "news.jsonl"), "--format", "json").json
    assert (found["hits"], found["gained"], found["lost"]) == (1, 0, 0)


def test_a_title_cannot_steer_the_terminal(hg: Run, desk: Desk, make: Make, folder: Path) -> None:
    desk.take(make("evil", "coffee \x1b[31m\u202eevil"))
    answer = hg("topics", "backtest", "tea", "--topics", draft(folder))
    assert "gained" in answer.out
    assert "\x1b[31m" not in answer.out
    assert "\u202e" not in answer.out


@pytest.mark.usefixtures("desk")
def test_what_cannot_be_tried_is_said(capfd: pytest.CaptureFixture[str], hg: Run, folder: Path) -> None:
    assert "no topic 'coffee'; known: " in hg("topics", "backtest", "coffee").err
    assert "nothing archived yet" in hg("topics", "backtest", "tea").err
    assert "No such file" in hg("topics", "backtest", "tea", "--file", folder / "none.jsonl").err
    broken = hg("topics", "backtest", "tea", "--topics", draft(folder, "tea near/x coffee"))
    assert broken.status != 0
    assert "tea.yaml" in broken.err
    capfd.readouterr()
    assert execute(["topics", "backtest", "tea", "--since", "yesterday"]) == 2
