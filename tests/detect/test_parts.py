"""Pivots, scores and schemas."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from heliograph.core.article import Article, Document, Evidence
from heliograph.detect.files import defaults_folder
from heliograph.detect.pivot import ValueKey, pivot_of
from heliograph.detect.score import score_of
from heliograph.detect.topic import CompiledTopic
from heliograph.query.parse import parse
from heliograph.query.tree import Atom, Mode
from heliograph.query.view import View

ROOT = Path(__file__).resolve().parents[2]
MakeArticle = Callable[..., Article]
MakeTopic = Callable[..., CompiledTopic]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("iran and partnership", {Atom("partnership")}),
        ("iran and (a or partnership)", {Atom("iran")}),
        ("treaty or iran", {Atom("treaty"), Atom("iran")}),
        ('"the partnership of"', {Atom("partnership")}),
        ("partner* and treaties", {Atom("treaties")}),
        ("iran near/5 agreement", {Atom("agreement")}),
        ("iran and not partnership", {Atom("iran")}),
        ("not (not iran and not treaty)", {Atom("iran"), Atom("treaty")}),
        ("source: azertac and the", {ValueKey("source", "azertac")}),
        ("author: ann*", {ValueKey("author", "ann", prefix=True)}),
        ('author: "ann lee"', {ValueKey("author", "ann")}),
        ("partnership*", {Atom("partnership", Mode.PREFIX)}),
    ],
)
def test_the_pivot_is_the_group_that_is_least_often_there(query: str, expected: set[object]) -> None:
    assert set(pivot_of(parse(query)) or ()) == expected


def test_what_can_hold_by_absence_has_no_pivot() -> None:
    for query in ("*", "published >= 2025-01-01", "title: *"):
        assert pivot_of(parse(query)) is None


def piece(field: str, term: str) -> Evidence:
    return Evidence(field=field, start=0, end=1, text="x", term=term)


def test_a_score_is_the_sum_of_its_parts(make_article: MakeArticle) -> None:
    view = View(Document(article=make_article("one two", "three " * 98)))
    nothing_more = score_of([piece("text", "a")], view)
    assert (nothing_more.title, nothing_more.variety, nothing_more.density) == (0, 0, 0.2)
    assert nothing_more.total == pytest.approx(0.2 + 0.2 * 0.2)
    full = score_of([piece("title", term) for term in "abcde"], view)
    assert (full.title, full.variety, full.density, full.total) == (1, 1, 1, 1)
    assert score_of([], view).total == 0.2


def test_a_score_rises_with_the_title_variety_and_density(make_article: MakeArticle) -> None:
    short, long = (View(Document(article=make_article("t", "w " * words))) for words in (20, 400))
    one = [piece("text", "a")]
    assert score_of(one, short).total > score_of(one, long).total
    assert score_of([piece("title", "a")], long).total > score_of(one, long).total
    assert score_of([*one, piece("text", "b")], long).total > score_of(one * 2, long).total


@pytest.mark.parametrize(("schema", "part"), [("topic", "topics"), ("concepts", "concepts")])
def test_the_shipped_files_keep_their_schema(schema: str, part: str) -> None:
    validator = Draft202012Validator(json.loads((ROOT / f"schemas/{schema}.schema.json").read_text(encoding="utf-8")))
    paths = sorted((defaults_folder() / part).glob("*.yaml"))
    assert paths
    for path in paths:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        assert [error.message for error in validator.iter_errors(content)] == [], path.name
    assert list(validator.iter_errors({"id": "x", "name": "X", "surprise": 1}))
