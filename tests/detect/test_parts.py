"""Pivots, scores and schemas."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from heliograph.core.article import Article, Document, Evidence, ScoreParts
from heliograph.detect.examples import article_of
from heliograph.detect.files import defaults_folder
from heliograph.detect.pivot import ValueKey, pivot_of
from heliograph.detect.score import score_of
from heliograph.detect.topic import CompiledTopic, Example
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
    score, parts = score_of([piece("text", "a")], view)
    assert parts == ScoreParts(base=0.2, density=0.03)
    assert score == pytest.approx(0.2 + 0.15 * 0.2)
    long = [piece("title", f"{letter} long enough a term*") for letter in "abcde"]
    assert score_of(long, view) == (1, ScoreParts(base=0.2, title=0.35, variety=0.2, rarity=0.1, density=0.15))
    assert score_of([], view) == (0.2, ScoreParts(base=0.2))


@given(st.lists(st.tuples(st.sampled_from(["title", "text"]), st.text(max_size=30)), max_size=9), st.integers(0, 300))
def test_a_score_lies_between_its_base_and_1_and_its_parts_add_up_to_it(
    places: list[tuple[str, str]], words: int
) -> None:
    view = View(Document(article=article_of(Example(lang="en", title="one", text="word " * words))))
    score, parts = score_of([piece(field, term) for field, term in places], view)
    assert 0.2 <= score <= 1
    assert score == pytest.approx(sum(getattr(parts, name) for name in parts.__struct_fields__), abs=1e-9)


def test_a_score_rises_with_the_title_variety_rarity_and_density(make_article: MakeArticle) -> None:
    short, long = (View(Document(article=make_article("t", "w " * words))) for words in (20, 400))

    def scored(view: View, *pieces: Evidence) -> float:
        return score_of(pieces, view)[0]

    one = piece("text", "a")
    assert scored(short, one) > scored(long, one)
    assert scored(long, piece("title", "a")) > scored(long, one)
    assert scored(long, one, piece("text", "b")) > scored(long, one, one)
    assert (
        scored(long, piece("text", '"zangezur corridor*"')) > scored(long, piece("text", "iran")) == scored(long, one)
    )


@pytest.mark.parametrize(("schema", "part"), [("topic", "topics"), ("concepts", "concepts")])
def test_the_shipped_files_keep_their_schema(schema: str, part: str) -> None:
    validator = Draft202012Validator(json.loads((ROOT / f"schemas/{schema}.schema.json").read_text(encoding="utf-8")))
    paths = sorted((defaults_folder() / part).glob("*.yaml"))
    assert paths
    for path in paths:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        assert [error.message for error in validator.iter_errors(content)] == [], path.name
    assert list(validator.iter_errors({"id": "x", "name": "X", "surprise": 1}))
