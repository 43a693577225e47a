"""The random trees bite: each operator that the embedded index gets wrong is found out by them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from types import ModuleType

import pytest
from tests.index.test_equivalence import Asked, agree, drawn, embedded

from heliograph.index import bounds, chains, collect, plan
from heliograph.index import compile as engine
from heliograph.index.bounds import exactly
from heliograph.index.clauses import Every
from heliograph.query.tree import Atom, Concept, Mode

Mutation = Callable[[pytest.MonkeyPatch], None]


def swapped(where: ModuleType, name: str, wrong: Callable[..., object]) -> Mutation:
    """Return a mutation that puts `wrong`, which is given the right function first, in place of a function."""

    def mutate(patch: pytest.MonkeyPatch) -> None:
        right = getattr(where, name)
        patch.setattr(where, name, lambda *given, **named: wrong(right, *given, **named))

    return mutate


def atoms_of(mode: Mode, wrong: Callable[[Atom], Atom]) -> Mutation:
    """Return a mutation that asks for something else than single atoms of a mode."""
    return swapped(
        bounds, "atom_plan", lambda right, atom, field: right(wrong(atom) if atom.mode is mode else atom, field)
    )


MUTATIONS: dict[str, Mutation] = {
    "and is or": swapped(plan, "all_of", lambda _, parts: bounds.any_of(parts)),
    "or is and": swapped(plan, "any_of", lambda _, parts: bounds.all_of(parts)),
    "not is nothing": swapped(plan, "without", lambda _, clause: clause),
    "a word is a prefix": atoms_of(Mode.EXACT, lambda atom: replace(atom, mode=Mode.PREFIX)),
    "a prefix is a word": atoms_of(Mode.PREFIX, lambda atom: replace(atom, mode=Mode.EXACT)),
    "a stem is a word": atoms_of(Mode.STEM, lambda atom: Atom(atom.text)),
    "a concept is its first term": swapped(
        plan,
        "_text",
        lambda right, what, field, **named: right(
            replace(what, terms=what.terms[:1]) if isinstance(what, Concept) else what, field, **named
        ),
    ),
    "a phrase is its words": swapped(
        plan,
        "phrase_plan",
        lambda _, atoms, field, **__: bounds.all_of(bounds.atom_plan(atom, field) for atom in atoms),
    ),
    "near and before reach one further": swapped(
        engine, "_within", lambda right, clause, schema: right(replace(clause, high=clause.high + 1), schema)
    ),
    "near and before reach one less": swapped(
        engine,
        "_within",
        lambda right, clause, schema: right(replace(clause, high=max(clause.low, clause.high - 1)), schema),
    ),
    "before is near": swapped(
        chains, "_reach", lambda right, chain, *lengths: right(replace(chain, ordered=False), *lengths)
    ),
    "near is before": swapped(
        chains, "_reach", lambda right, chain, *lengths: right(replace(chain, ordered=True), *lengths)
    ),
    "text is the title": lambda patch: patch.setattr(plan, "TEXT_FIELDS", ("title",)),
    "values begin so": swapped(plan, "_value", lambda right, node, **named: right(replace(node, prefix=True), **named)),
    "values are whole": swapped(
        plan, "_value", lambda right, node, **named: right(replace(node, prefix=False), **named)
    ),
    "times end a moment later": swapped(
        plan,
        "within",
        lambda right, field, since, until: right(field, since, until and until + timedelta(microseconds=1)),
    ),
    "times begin a moment later": swapped(
        plan,
        "within",
        lambda right, field, since, until: right(field, since and since + timedelta(microseconds=1), until),
    ),
    "every time is there": swapped(
        plan, "within", lambda right, *asked: Every() if asked[1:] == (None, None) else right(*asked)
    ),
    "what is checked is taken unread": swapped(collect, "matches", lambda *_: True),
    "what the index can only narrow down is taken as it is": swapped(
        bounds, "at_most", lambda _, clause: exactly(clause)
    ),
}


@pytest.fixture(scope="module")
def fixed() -> list[tuple[int, list[Asked]]]:
    return drawn(20, derandomize=True)


def all_agree(examples: list[tuple[int, list[Asked]]]) -> None:
    for seed, asked in examples:
        agree(seed, asked, embedded)


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_an_operator_that_is_wrong_is_found_out(
    fixed: list[tuple[int, list[Asked]]], monkeypatch: pytest.MonkeyPatch, mutation: str
) -> None:
    MUTATIONS[mutation](monkeypatch)
    with pytest.raises(AssertionError):
        all_agree(fixed)


def test_without_a_mutation_the_same_trees_agree(fixed: list[tuple[int, list[Asked]]]) -> None:
    all_agree(fixed)


@pytest.mark.parametrize("kept", [1, 3])
def test_where_only_the_newest_hits_are_known_the_same_trees_agree(
    fixed: list[tuple[int, list[Asked]]], monkeypatch: pytest.MonkeyPatch, kept: int
) -> None:
    monkeypatch.setattr(collect, "LOOK", kept)
    all_agree(fixed)
