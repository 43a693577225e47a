"""What is proposed where a query is being written."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliograph.query.complete import MOST, Completion, complete
from heliograph.query.parse import parse
from heliograph.query.terms import ConceptTerm

CONCEPTS = {"corridor": "Corridor", "other-corridor": "Corridors elsewhere", "iran": "Iran", "tripp": "The Trump Route"}
TERMS = {name: [ConceptTerm("en", "a")] for name in CONCEPTS}
VALUES = {
    "topic": [("south-caucasus-corridors", "Corridors", "12 articles"), ("russia-iran-agreement", "", "7 articles")],
    "country": [("az", "Azerbaijan", "9 articles"), ("ge", "Georgia", "2 articles")],
    "source": [
        ("irna", "", "5 articles"),
        ("news.am", "", "3 articles"),
        ("Radio Farda", "", "1 article"),
        ("and", "", ""),
        ('"b"', "", ""),
    ],
}
NOW = datetime(2026, 11, 22, tzinfo=UTC)


def values(field: str) -> Iterable[tuple[str, str, str]]:
    return VALUES.get(field, ())


def at_end(text: str) -> Completion:
    return complete(text, len(text), concepts=CONCEPTS, values=values)


def texts(text: str) -> list[str]:
    return [item.text for item in at_end(text).items]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("ti", ["title: "]),
        ("iran and pub", ["published: "]),
        ("(so", ["source: "]),
        ("iran a", ["and"]),
        ("iran n", ["near/10"]),
        ("iran and n", ["not"]),
        ("@cor", ["@corridor", "@other-corridor"]),
        ("iran near/3 @trump", ["@tripp"]),
        ("title: @ir", ["@iran"]),
        ("topic: ", ["south-caucasus-corridors", "russia-iran-agreement"]),
        ("topic: iran", ["russia-iran-agreement"]),
        ("topic:RUSSIA", ["russia-iran-agreement"]),
        ("country: georg", ["ge"]),
        ("country: 9", []),
        ("source: ra", ['"Radio Farda"']),
        ("published >= now-7", ["now-7d"]),
        ("fetched: ", ["now-1d", "now-7d", "now-30d", "now/d"]),
        ("story: ", []),
        ("xyzzy", []),
    ],
)
def test_what_is_begun_is_completed(text: str, first: list[str]) -> None:
    assert texts(text) == first


def test_behind_something_to_look_for_operators_are_proposed() -> None:
    for behind in ("iran ", '"iran" ', "@iran ", "(iran) ", "topic: iran "):
        assert texts(behind) == ["and", "or", "near/10", "before/10"]


def test_at_the_beginning_fields_and_concepts_are_proposed_and_nothing_that_a_query_cannot_begin_with() -> None:
    kinds = {item.kind for item in at_end("").items}
    assert kinds == {"field", "concept"}
    assert "not" in texts("iran and ")


@pytest.mark.parametrize("text", ['"iran ', "iran “treaty", "iran near/x ", ") iran \\", "a:b: c < < "])
def test_inside_a_quotation_and_behind_a_mistake_nothing_is_proposed(text: str) -> None:
    assert at_end(text).items == ()


def test_the_place_may_lie_inside_the_text() -> None:
    found = complete("iran and @co and russia", 12, concepts=CONCEPTS, values=values)
    assert (found.start, found.end) == (9, 12)
    assert found.items[0].text == "@corridor"


@pytest.mark.parametrize("place", [-5, 10_000])
def test_a_place_outside_is_the_nearest_inside(place: int) -> None:
    assert complete("iran", place, concepts=CONCEPTS, values=values).end in (0, 4)


BEGUN = ("", "ti", "iran and ", "iran ", "@", "topic: ", "source: ", "published: ", "not ", "(")


@pytest.mark.parametrize("text", BEGUN)
def test_whatever_is_proposed_parses_once_it_is_put_in(text: str) -> None:
    found = at_end(text)
    assert found.items
    for item in found.items:
        whole = text[: found.start] + item.text + text[found.end :]
        # What a field or an operator lacks, what a query of negations lacks, and an open parenthesis.
        needs = {"field": "now-1d" if item.text[:-2] in ("published", "fetched") else "x", "operator": " x"}
        whole += needs.get(item.kind, "") + (" and x" if "not" in whole else "") + ")" * whole.count("(")
        parse(whole, concepts=TERMS, now=NOW)


@given(st.text(alphabet='aé@~*:<>=()"“”«» \\/-.1not', max_size=40), st.integers(-2, 45))
def test_whatever_is_written_gives_an_answer_of_bounded_size(text: str, place: int) -> None:
    found = complete(text, place, concepts=CONCEPTS, values=values)
    assert 0 <= found.start <= found.end <= len(text)
    assert len(found.items) <= MOST
