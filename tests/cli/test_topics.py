"""`heliograph topics check`: what a person reads, and what a script goes by."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

Run = Callable[..., Any]

TOPIC = """id: tea
name: Tea
query: |
  {query}
examples:
  match: [{{lang: en, text: "tea is served"}}]
  miss: [{{lang: en, text: "coffee is served"}}]
"""


def written(folder: Path, query: str, name: str = "tea") -> Path:
    topics = folder / "mine" / "topics"
    topics.mkdir(parents=True, exist_ok=True)
    (topics / f"{name}.yaml").write_text(TOPIC.format(query=query).replace("id: tea", f"id: {name}"), encoding="utf-8")
    return topics.parent


def test_the_shipped_topics_have_remarks_and_no_warnings(hg: Run) -> None:
    answer = hg("topics", "check", "--format", "json")
    assert answer.status == 0
    assert {row["severity"] for row in answer.json} == {"info"}
    assert "findings: 0 error, 0 warning, 2 info" in answer.err


def test_a_dead_part_and_an_overlap_are_told_and_do_not_fail(hg: Run, folder: Path) -> None:
    written(folder, "tea or tea*")
    root = written(folder, "tea* or tea", "drinks")
    answer = hg("topics", "check", "--topics", root)
    assert answer.status == 0
    lines = [line for line in answer.out.splitlines() if "tea.yaml:4" in line]
    assert "`tea` finds nothing that `tea*` does not: remove it" in lines[0]
    assert "`tea` finds what `drinks` finds, no more and no less: remove one" in lines[1]


def test_an_error_fails_and_comes_first(hg: Run, folder: Path) -> None:
    root = written(folder, "tea near/x cup")
    answer = hg("topics", "check", "--topics", root, "--format", "json")
    assert answer.status == 1
    assert answer.json[0]["severity"] == "error"
    assert answer.json[0]["place"].endswith("tea.yaml:4")
