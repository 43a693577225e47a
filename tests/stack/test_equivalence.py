"""Evaluator, embedded index and Elasticsearch find the same articles: random documents, random trees.

As a program it takes the number of examples and the node: `python tests/stack/test_equivalence.py 400 URL`.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from types import ModuleType

import pytest
from tests.index.test_equivalence import DOCUMENTS, TREES, Asked, Opened, agree, drawn, embedded
from tests.stack.elastic import Cluster

from heliograph.core.article import Document
from heliograph.index import elastic_body, elastic_chains, elastic_logic, elastic_schema
from heliograph.index.elastic_backing import Backing
from heliograph.index.port import Index
from heliograph.query.tree import Atom, Mode

EXAMPLES = 42
"""Examples of a normal run: 2,100 pairs."""

Drawn = list[tuple[int, list[Asked]]]
Mutation = Callable[[pytest.MonkeyPatch], None]


def on(url: str) -> Opened:
    """Return how documents come into an index of their own on a node: in two batches, into two indices."""

    @contextmanager
    def opened(found: Sequence[Document]) -> Iterator[Index]:
        cluster = Cluster(url)
        index = cluster.index()
        index.upsert(found[: DOCUMENTS // 2])
        cluster.roll()
        index.upsert(found[DOCUMENTS // 3 :])
        try:
            yield index
        finally:
            cluster.clean()

    return opened


@pytest.fixture(autouse=True)
def nothing_kept() -> Iterator[None]:
    """Forget the bodies made with other limits or mutations, before a test and after it."""
    for kept in (elastic_body.bounds_of, elastic_chains.rows):
        kept.cache_clear()
    yield
    for kept in (elastic_body.bounds_of, elastic_chains.rows):
        kept.cache_clear()


def all_agree(examples: Drawn, *opened: Opened) -> None:
    for seed, asked in examples:
        for each in opened:
            agree(seed, asked, each)


def test_all_three_engines_find_the_same(elasticsearch_url: str) -> None:
    assert EXAMPLES * TREES >= 2000
    all_agree(drawn(EXAMPLES), embedded, on(elasticsearch_url))


def test_what_must_be_checked_is_found_exactly_too(elasticsearch_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # With lower limits nearly every chain and tree is one that the body only narrows down.
    monkeypatch.setattr(elastic_chains, "_MOST_CHOICES", 2)
    monkeypatch.setattr(elastic_body, "_DEEPEST", 1)
    all_agree(drawn(EXAMPLES // 4), on(elasticsearch_url))


def _swapped(name: str, wrong: Callable[..., object], where: ModuleType = elastic_chains) -> Mutation:
    """Return a mutation that puts `wrong`, which is given the right function first, in place of a function."""

    def mutate(patch: pytest.MonkeyPatch) -> None:
        right = getattr(where, name)
        patch.setattr(where, name, lambda *given, **named: wrong(right, *given, **named))

    return mutate


def _at(mode: Mode, wrong: Callable[[Atom], Atom]) -> Mutation:
    """Return a mutation that asks for something else than atoms of a mode, alone and in chains."""

    def mutate(patch: pytest.MonkeyPatch) -> None:
        for name in ("_atom_rule", "atom_bounds"):
            _swapped(name, lambda right, atom, field: right(wrong(atom) if atom.mode is mode else atom, field))(patch)

    return mutate


def _few_choices(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(elastic_chains, "_MOST_CHOICES", 0)


def _narrow_windows(patch: pytest.MonkeyPatch) -> None:
    _few_choices(patch)
    _swapped("_all_of", lambda right, rules, gaps, *, ordered: right(rules, max(0, gaps - 1), ordered=ordered))(patch)


MUTATIONS: dict[str, Mutation] = {
    "near and before reach one further": _swapped(
        "_all_of", lambda right, rules, gaps, *, ordered: right(rules, gaps + 1, ordered=ordered)
    ),
    "near and before reach one less": _swapped(
        "_all_of", lambda right, rules, gaps, *, ordered: right(rules, max(0, gaps - 1), ordered=ordered)
    ),
    "before is near": _swapped("_all_of", lambda right, rules, gaps, **_: right(rules, gaps, ordered=False)),
    "near is before": _swapped("_all_of", lambda right, rules, gaps, **_: right(rules, gaps, ordered=True)),
    "an operand is its first term": _swapped("_one_of", lambda right, rules: right(rules[:1])),
    "phrases are merged in two places": _swapped(
        "_merged",
        lambda right, found, length, place: (
            right(right(found, length, place), length, place)
            if length < 2
            else {
                tuple(
                    frozenset(atom for row in found if len(row) == length for atom in row[at]) for at in range(length)
                ): None
            }
        ),
    ),
    "windows of candidates are too narrow": _narrow_windows,
    "a prefix is a word": _at(Mode.PREFIX, lambda atom: Atom(atom.text)),
    "a word is a prefix": _at(Mode.EXACT, lambda atom: Atom(atom.text, Mode.PREFIX)),
    "a stem is a word": _at(Mode.STEM, lambda atom: Atom(atom.text)),
    "stems are of another language": _at(Mode.STEM, lambda atom: Atom(atom.text, Mode.STEM, "en")),
    "stems stand at other places than their words": _swapped(
        "_joined", lambda right, stems: right([stem for stem in stems if stem != elastic_chains.GAP]), elastic_schema
    ),
    "long words are not checked": _swapped("whole", lambda *_: True),
    "a phrase is its words": _swapped(
        "phrase_bounds",
        lambda right, atoms, field, *, positions=True: elastic_logic.all_of(
            right((atom,), field, positions=positions) for atom in atoms
        ),
    ),
    "text is the title": lambda patch: patch.setattr(elastic_body, "TEXT_FIELDS", ("title",)),
    "and is or": _swapped("all_of", lambda _, parts: elastic_logic.any_of(parts), elastic_body),
    "or is and": _swapped("any_of", lambda _, parts: elastic_logic.all_of(parts), elastic_body),
    "not is nothing": _swapped("none_of", lambda _, bounds: bounds, elastic_body),
    "not is lost inside and": _swapped(
        "both",
        lambda right, bodies: right(body for body in bodies if "must_not" not in body.get("bool", {})),
        elastic_logic,
    ),
    "values begin so": _swapped(
        "_value", lambda right, node, **named: right(replace(node, prefix=True), **named), elastic_body
    ),
    "values are whole": _swapped(
        "_value", lambda right, node, **named: right(replace(node, prefix=False), **named), elastic_body
    ),
    "times end a moment later": _swapped(
        "within",
        lambda right, field, since, until: right(field, since, until and until + timedelta(microseconds=1)),
        elastic_body,
    ),
    "times begin a moment later": _swapped(
        "within",
        lambda right, field, since, until: right(field, since and since + timedelta(microseconds=1), until),
        elastic_body,
    ),
    "every field has a value": _swapped("has", lambda *_: elastic_logic.EVERY, elastic_body),
    "an article stands in two indices": lambda patch: patch.setattr(Backing, "places", lambda *_: {}),
}


@pytest.fixture(scope="module")
def fixed() -> Drawn:
    return drawn(20, derandomize=True)


@pytest.mark.soak
@pytest.mark.parametrize("mutation", MUTATIONS)
def test_a_wrong_body_is_found_out(
    elasticsearch_url: str, fixed: Drawn, monkeypatch: pytest.MonkeyPatch, mutation: str
) -> None:
    MUTATIONS[mutation](monkeypatch)
    with pytest.raises(AssertionError):
        all_agree(fixed, on(elasticsearch_url))


if __name__ == "__main__":
    for number, (one, queries) in enumerate(drawn(int(sys.argv[1])), 1):
        agree(one, queries, embedded)
        agree(one, queries, on(sys.argv[2]))
        if number % 20 == 0:
            print(f"{number * TREES} pairs agree", flush=True)
