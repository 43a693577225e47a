"""Clauses as queries of the engine."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import product
from typing import TYPE_CHECKING

from heliograph.index.clauses import (
    Between,
    Both,
    Clause,
    Either,
    Every,
    Nothing,
    OneOf,
    Phrase,
    Within,
    Without,
    Word,
)
from heliograph.index.schema import ID
from heliograph.query.tree import Atom, Mode

if TYPE_CHECKING:
    import tantivy

# The engine's automata have at most 1,000 states; a byte takes one, and the open end of prefixes a few.
_STATES = 700
_SPECIAL = re.compile(r"[\\.+*?()|\[\]{}^$#&~-]")


def compile_clause(clause: Clause, schema: tantivy.Schema) -> tantivy.Query:
    """Return the engine's query that names the same documents as `clause`."""
    from tantivy import FieldType, Occur, Query

    match clause:
        case Every():
            return Query.all_query()
        case Nothing():
            return Query.empty_query()
        case Word(field, text, prefix):
            if prefix:
                # Without a single edit allowed this is a prefix, forty times quicker to make than `text.*`.
                return Query.fuzzy_term_query(schema, field, text, distance=0, prefix=True)
            return Query.term_query(schema, field, text, "basic")
        case Phrase(field, atoms):
            words = [(at, (atom,)) for at, atom in enumerate(atoms)]
            return _positions(schema, field, words, 0)
        case Within():
            return _within(clause, schema)
        case Between(field, low, high):
            return Query.range_query(schema, field, FieldType.Integer, low, high, True, high is None)
        case OneOf(ids):
            return Query.term_set_query(schema, ID, list(ids)) if ids else Query.empty_query()
        case Either(parts):
            return Query.boolean_query([(Occur.Should, compile_clause(part, schema)) for part in parts])
        case Both(parts):
            return _both(parts, schema)
        case Without():
            return _both((clause,), schema)


def _both(parts: Sequence[Clause], schema: tantivy.Schema) -> tantivy.Query:
    from tantivy import Occur, Query

    asked = [(Occur.Must, part) for part in parts if not isinstance(part, Without)]
    denied = [(Occur.MustNot, part.clause) for part in parts if isinstance(part, Without)]
    # What is only denied things finds nothing: the engine takes away from what is asked for.
    every = [] if asked else [(Occur.Must, Every())]
    return Query.boolean_query([(occur, compile_clause(part, schema)) for occur, part in (*every, *asked, *denied)])


def _within(clause: Within, schema: tantivy.Schema) -> tantivy.Query:
    """Say `low <= right - left <= high` with the engine's slop, which is a distance to both sides of an offset.

    The offset is the middle of the range. A range of an even number of places has none: its last place is asked for
    by itself.
    """
    from tantivy import Occur, Query

    ranges = [(clause.low, clause.high)]
    if (clause.high - clause.low) % 2:
        ranges = [(clause.low, clause.high - 1), (clause.high, clause.high)]
    found = []
    for (low, high), left, right in product(ranges, _chunks(clause.left), _chunks(clause.right)):
        middle = (low + high) // 2
        words = [(max(0, -middle), left), (max(0, middle), right)]
        found.append(_positions(schema, clause.field, words, (high - low) // 2))
    return found[0] if len(found) == 1 else Query.boolean_query([(Occur.Should, query) for query in found])


def _positions(
    schema: tantivy.Schema, field: str, words: Sequence[tuple[int, Sequence[Atom]]], slop: int
) -> tantivy.Query:
    from tantivy import Query

    if all(len(atoms) == 1 and atoms[0].mode is Mode.EXACT for _, atoms in words):
        return Query.phrase_query(schema, field, [(at, atoms[0].text) for at, atoms in words], slop)
    patterns: list[str | tuple[int, str]] = [(at, _pattern(atoms)) for at, atoms in words]
    return Query.regex_phrase_query(schema, field, patterns, slop)


def _chunks(atoms: Sequence[Atom]) -> Iterator[Sequence[Atom]]:
    """Cut alternatives into runs whose automaton the engine accepts."""
    run: list[Atom] = []
    states = 0
    for atom in sorted(atoms, key=lambda atom: atom.text):
        cost = len(atom.text.encode())
        if run and states + cost > _STATES:
            yield tuple(run)
            run, states = [], 0
        run.append(atom)
        states += cost
    yield tuple(run)


def _pattern(atoms: Sequence[Atom]) -> str:
    """Return one pattern for all atoms; prefixes share one open end, which is what makes an automaton dear."""
    words = "|".join(_escape(atom.text) for atom in atoms if atom.mode is Mode.EXACT)
    prefixes = "|".join(_escape(atom.text) for atom in atoms if atom.mode is Mode.PREFIX)
    return "|".join(part for part in (words, prefixes and f"({prefixes}).*") if part)


def _escape(text: str) -> str:
    return _SPECIAL.sub(r"\\\g<0>", text)
