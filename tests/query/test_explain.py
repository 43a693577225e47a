"""Evidence: what is pointed at, in the text as published."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from heliograph.core.article import Evidence
from heliograph.query.explain import describe, evidence
from heliograph.query.parse import ConceptTerm, parse
from heliograph.query.view import View

MakeView = Callable[..., View]
CONCEPTS = {"corridor": (ConceptTerm("en", "zangezur corridor*"), ConceptTerm("ru", "~зангезурский ~коридор"))}


def found(query: str, view: View) -> list[tuple[str, str, str, str]]:
    """(field, text, term, concept) of each piece; each one's offsets are checked on the way."""
    pieces = evidence(parse(query, concepts=CONCEPTS), view)
    for piece in pieces:
        published = view.field_text(piece.field).published
        assert published[piece.start : piece.end] == piece.text
    return [(piece.field, piece.text, piece.term, piece.concept) for piece in pieces]


def test_evidence_shows_form_field_offsets_term_and_clause(view: MakeView) -> None:
    article = view("…о «Зангезурском  коридоре»", title="Iran")
    assert evidence(parse("@corridor and title: iran", concepts=CONCEPTS), article) == (
        Evidence(field="title", start=0, end=4, text="Iran", term="iran", clause="title: iran"),
        Evidence(
            field="text",
            start=4,
            end=26,
            text="Зангезурском  коридоре",
            term="~зангезурский ~коридор",
            concept="corridor",
            clause="@corridor",
        ),
    )


def test_what_does_not_hold_has_no_evidence(view: MakeView) -> None:
    assert found("iran and russia", view("Iran")) == []
    assert found("iran and not deal", view("Iran deal")) == []


def test_only_the_parts_of_an_or_that_hold_give_evidence(view: MakeView) -> None:
    article = view("Iran and a deal")
    assert found("(iran and russia) or deal", article) == [("text", "deal", "deal", "")]
    assert [text for _, text, _, _ in found("iran or deal or russia", article)] == ["Iran", "deal"]


def test_values_and_absence_give_no_evidence(view: MakeView) -> None:
    assert found("language: ru and not deal", view("Iran", language="ru")) == []


def test_of_a_chain_only_the_words_that_are_close_count(view: MakeView) -> None:
    article = view("Iran. " + "word " * 20 + "Iran signed the deal. " + "word " * 20 + "A deal.")
    pieces = evidence(parse("iran near/3 deal"), article)
    assert [(piece.text, article.text.published[: piece.start].count("word")) for piece in pieces] == [
        ("Iran", 20),
        ("deal", 20),
    ]
    assert {piece.clause for piece in pieces} == {"iran near/3 deal"}


def test_a_chain_is_explained_by_the_terms_of_its_groups_and_concepts(view: MakeView) -> None:
    assert found("(tehran or iran*) before/4 @corridor", view("Iranian fears of a Zangezur corridor")) == [
        ("text", "Iranian", "iran*", ""),
        ("text", "Zangezur corridor", "zangezur corridor*", "corridor"),
    ]


def test_a_chain_in_the_title_says_nothing_of_the_text(view: MakeView) -> None:
    article = view("Iran, far from any deal", title="Iran deal")
    assert [field for field, *_ in found("iran near/1 deal", article)] == ["title", "title"]


def test_evidence_is_bounded_for_a_term_and_in_all_and_every_part_keeps_some(view: MakeView) -> None:
    article = view("iran " * 100 + "russia " * 100)
    assert len(found("iran", article)) == 5
    many = " and ".join(f"w{number}" for number in range(30))
    words = view(" ".join(f"w{number}" for number in range(30)) * 5 + " x")
    pieces = found(many, words)
    assert len(pieces) == 50
    assert {term for _, _, term, _ in pieces} == {f"w{number}" for number in range(30)}


def test_a_chain_over_two_repeated_words_is_explained_within_bounds(view: MakeView) -> None:
    assert len(found("iran near/5 russia", view("iran russia " * 2_000))) == 10


def test_one_place_that_two_parts_ask_for_is_given_for_each(view: MakeView) -> None:
    pieces = evidence(parse("iran and iran near/2 deal"), view("Iran deal"))
    assert [(piece.text, piece.clause) for piece in pieces] == [
        ("Iran", "iran"),
        ("Iran", "iran near/2 deal"),
        ("deal", "iran near/2 deal"),
    ]


@pytest.mark.parametrize(
    ("query", "lines"),
    [
        ("iran*", ["`iran…` in title or text"]),
        ("title: iran", ["`iran` in title"]),
        (
            '"peace treaty" and not (language: ru or topic: a*)',
            [
                "all of",
                "  phrase `peace` `treaty` in title or text",
                "  not",
                "    any of",
                "      language is `ru`",
                "      topic begins with `a`",
            ],
        ),
        (
            "@corridor before/4 (~коридор or iran)",
            [
                "within 4 words of each other, in this order, in title or text",
                "  concept @corridor, any of 2 terms",
                "    phrase `zangezur` `corridor…`",
                "    phrase ~`зангезурск` (stem, ru) ~`коридор` (stem, ru)",
                "  any of",
                "    ~`коридор` (stem, ru)",
                "    `iran`",
            ],
        ),
        ("published: 2026-03", ["published from 2026-03-01T00:00:00+00:00 before 2026-04-01T00:00:00+00:00"]),
        ("url: * or *", ["any of", "  url has a value", "  every article"]),
    ],
)
def test_a_tree_is_described_as_an_outline(query: str, lines: list[str]) -> None:
    assert describe(parse(query, concepts=CONCEPTS)).splitlines() == lines


def test_a_long_concept_is_described_by_its_first_terms() -> None:
    concepts = {"long": tuple(ConceptTerm("en", f"word{number}") for number in range(40))}
    assert describe(parse("@long", concepts=concepts)).splitlines()[-1] == "  … and 28 more"
