from datetime import UTC, datetime

import pytest

from heliograph.index.bounds import Plan
from heliograph.index.clauses import Between, Both, Either, Every, Nothing, Phrase, Within, Without, Word, beyond, cost
from heliograph.index.plan import explained, plan
from heliograph.query.parse import parse
from heliograph.query.terms import ConceptTerm
from heliograph.query.tree import Atom, Mode, Not

CONCEPTS = {
    "iran": (ConceptTerm("en", "iran"), ConceptTerm("ru", "иран*")),
    "pact": (ConceptTerm("en", "treaty"), ConceptTerm("en", "strategic partnership")),
}


def of(text: str, *, positions: bool = True) -> Plan:
    return plan(parse(text, concepts=CONCEPTS), positions=positions)


@pytest.mark.parametrize(
    "text",
    [
        *("iran", "ir*", '"strategic partnership"', '"strategic part*"', "~corridor", "@iran", "@pact", "title: iran"),
        *("iran near/3 russia", "iran before/4 ir*", "@iran near/7 (russia or moscow)", "iran and not treaty"),
        *("source: irna", "source: ir*", 'author: "jane doe"', "published >= 2026-01-01", "story: *", "text: *", "*"),
    ],
)
def test_the_index_answers_alone(text: str) -> None:
    assert of(text).exact
    assert explained(of(text)).startswith("answered by the index alone\n")


@pytest.mark.parametrize(
    "text",
    [
        *("@iran near/3 @pact", '"strategic partnership" before/2 iran', "iran near/3 russia near/3 treaty"),
        *(
            "~corridor near/2 iran",
            '"iran ~corridor"',
            "~დერეფანი",
            f"source: {'x' * 300}",
            "iran and not (@pact near/1 x)",
        ),
    ],
)
def test_what_the_index_cannot_say_is_checked(text: str) -> None:
    assert not of(text).exact
    assert explained(of(text)).startswith("candidates, read and checked one by one\n")


def test_the_complement_of_what_is_checked_swaps_the_bounds_and_loses_nothing() -> None:
    inner = of("~corridor near/2 iran")
    assert isinstance(inner.sure, Nothing)
    assert plan(Not(parse("~corridor near/2 iran"))).possible == Every()
    negated = plan(Not(parse("@iran near/3 @pact", concepts=CONCEPTS)))
    inner = of("@iran near/3 @pact")
    assert (negated.possible, negated.sure) == (Without(inner.sure), Without(inner.possible))


def test_a_chain_asks_for_the_distance_between_single_tokens() -> None:
    iran, russia = (Atom("iran"),), (Atom("russi", Mode.PREFIX),)
    assert of("text: (iran near/3 russi*)").possible == Within("text", iran, russia, -4, 4)
    assert of("text: (iran before/3 russi*)").possible == Within("text", iran, russia, 1, 4)


def test_a_chain_with_phrases_is_sure_of_its_single_words() -> None:
    sure = of("title: (@iran near/3 @pact)").sure
    assert sure == Within("title", (Atom("iran"), Atom("иран", Mode.PREFIX)), (Atom("treaty"),), -4, 4)


def test_a_chain_beside_one_of_its_operands_asks_for_nothing_more() -> None:
    assert of("@pact or (@iran near/3 @pact)") == of("@pact")
    assert of("iran or (iran before/3 russia)") == of("iran")
    assert of('strategic or "strategic partnership"') == of("strategic")


def test_a_chain_beside_a_part_of_an_operand_is_still_asked_for() -> None:
    assert "then" in explained(of("treaty or (@iran near/3 @pact)"))
    assert "then" in explained(of("title: treaty or text: (iran near/3 treaty)"))


def test_single_words_that_are_asked_to_be_close_are_not_asked_for_besides() -> None:
    possible = of("text: (iran near/3 russia near/3 treaty)").possible
    assert isinstance(possible, Both)
    assert all(isinstance(part, Within) for part in possible.clauses)


def test_beside_single_words_only_the_phrases_of_the_other_side_are_in_doubt() -> None:
    bounds = of("title: (@iran near/3 @pact)")
    doubt = beyond(bounds.possible, bounds.sure)
    asked = Within("title", (Atom("iran"), Atom("иран", Mode.PREFIX)), (Atom("strategic"),), -5, 4)
    phrase = Phrase("title", (Atom("strategic"), Atom("partnership")))
    assert doubt == Both((phrase, asked, Without(bounds.sure)))


def test_a_term_that_is_written_in_two_ways_is_one_token_of_a_chain() -> None:
    assert of("iran near/3 (IRAN's or Russia or RUSSIA)").exact


def test_words_that_nothing_can_be_asked_to_be_close_to_are_asked_for() -> None:
    assert Word("text", "iran") in getattr(of("text: (~corridor near/2 iran)").possible, "clauses", ())


def test_without_positions_prefixes_are_left_to_checking() -> None:
    phrase = of('title: "iran russ*"', positions=False)
    assert phrase.possible == Both((Word("title", "iran"), Word("title", "russ", prefix=True)))
    assert phrase.sure == Nothing()
    assert of('title: "iran russia"', positions=False).exact
    assert not of("title: (iran near/3 russ*)", positions=False).exact


def test_a_query_as_large_as_a_topic_asks_for_words_alone() -> None:
    many = {name: tuple(ConceptTerm("en", f"{name}{number} xy*") for number in range(400)) for name in ("aa", "bb")}
    bounds = plan(parse("@aa and @bb", concepts=many))
    assert not bounds.exact
    assert cost(bounds.possible) == 2 * 400 * 2 * 2
    chain = plan(parse("@aa near/3 iran", concepts=many))
    assert "to +" not in explained(chain)
    assert isinstance(chain.sure, Nothing)


def test_a_term_without_a_field_is_looked_for_in_each_text_field_by_itself() -> None:
    atoms = (Atom("a"), Atom("b"))
    assert of('"a b"').possible == Either((Phrase("title", atoms), Phrase("text", atoms)))


def test_times_are_whole_microseconds_and_half_open() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    assert of("published >= 2026-01-01").possible == Between("published", int(start.timestamp()) * 1_000_000, None)


def test_an_explanation_names_what_is_asked_for() -> None:
    told = explained(of('@iran near/3 "strategic partnership" and not language: ka'))
    for part in ("title", "text", "иран*", '"strategic partnership"', "without", "language: =ka", "-5 to +4"):
        assert part in told
