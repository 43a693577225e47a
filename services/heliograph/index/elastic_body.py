"""From a query's tree to the body that Elasticsearch is asked. Pure.

    exact      everything the language has, stems in chains and phrases included
    checked    words and prefixes of 120 letters and more, chains of operands with very many phrases, trees deeper than
               the cluster takes: the body finds candidates, and the matcher decides

Like the plan of the embedded index, bounds are kept on both sides, so that a complement loses nothing.
"""

from __future__ import annotations

import json
from datetime import datetime
from functools import lru_cache

from heliograph.index.bounds import VALUE
from heliograph.index.decide import micros
from heliograph.index.elastic_chains import FIND, chain_bounds, phrase_bounds, terms_bounds
from heliograph.index.elastic_logic import (
    EVERY,
    NOTHING,
    UNKNOWN,
    Body,
    Bounds,
    all_of,
    any_of,
    at_most,
    exactly,
    none_of,
)
from heliograph.query.tree import (
    KEYWORD_FIELDS,
    TEXT_FIELDS,
    All,
    And,
    Atom,
    Chain,
    Concept,
    Exists,
    Is,
    Mode,
    Node,
    Not,
    Or,
    Range,
    Term,
    Text,
)

HAS = f"{FIND}has"
"""Lists the fields that a document has a value in; `author=` stands for an author without letters or digits."""
LONGEST_VALUE = 8000
"""Code points of a keyword value that the index keeps: the engine takes 32,766 bytes."""
_DEEPEST = 24
"""Levels of a tree that become levels of a body; the cluster takes 30 in all."""


@lru_cache(maxsize=32)
def bounds_of(node: Node, *, positions: bool = True) -> Bounds:
    """Return bodies around the documents for which `query.match.matches` is true.

    With `positions` false neither phrases nor distances are asked for, only words: for a query with more clauses than
    the cluster takes. Kept for a while: a page, its histogram and the pages behind it ask the same.
    """
    return _bounds(node, 0, positions=positions)


def within(field: str, since: datetime | None, until: datetime | None) -> Body:
    """Return the body of a time in [since, until); without either, of having a time at all."""
    if since is None and until is None:
        return has(field)
    sides = {"gte": since, "lt": until}
    return {"range": {FIND + field: {side: micros(at) for side, at in sides.items() if at is not None}}}


def has(what: str) -> Body:
    """Return that a document has a value in a field."""
    return {"terms": {HAS: [what]}}


def explained(bounds: Bounds) -> str:
    """Return the body as JSON for a person, as `query explain` prints it."""
    if bounds.exact:
        return f"answered by Elasticsearch alone\n{_json(bounds.possible)}"
    lines = ["candidates, read and checked one by one", _json(bounds.possible)]
    if bounds.sure != NOTHING:
        lines += ["of these found without reading", _json(bounds.sure)]
    return "\n".join(lines)


def _json(body: Body) -> str:
    return json.dumps(body, ensure_ascii=False, indent=2)


def _bounds(node: Node, depth: int, *, positions: bool) -> Bounds:
    if depth > _DEEPEST:
        return UNKNOWN
    match node:
        case Text(what, field):
            fields = (field,) if field else TEXT_FIELDS
            return any_of(_text(what, each, positions=positions) for each in fields)
        case Is():
            return _value(node, positions=positions)
        case Range(field, since, until):
            return exactly(within(field, since, until))
        case Exists(field):
            return exactly(has(field))
        case All():
            return exactly(EVERY)
        case And(nodes):
            return all_of(_bounds(part, depth + 1, positions=positions) for part in nodes)
        case Or(nodes):
            return any_of(_bounds(part, depth + 1, positions=positions) for part in nodes)
        case Not(inner):
            return none_of(_bounds(inner, depth + 1, positions=positions))


def _text(what: Term | Concept | Chain, field: str, *, positions: bool) -> Bounds:
    if isinstance(what, Chain):
        return chain_bounds(what, field, positions=positions)
    terms = (what,) if isinstance(what, Term) else what.terms
    return terms_bounds(terms, field, positions=positions)


def _value(node: Is, *, positions: bool) -> Bounds:
    if node.field in KEYWORD_FIELDS:
        value = VALUE + node.value
        if len(value) >= LONGEST_VALUE:
            return at_most({"terms": {FIND + node.field: [value[:LONGEST_VALUE]]}})
        if node.prefix:
            return exactly({"prefix": {FIND + node.field: {"value": value}}})
        return exactly({"terms": {FIND + node.field: [value]}})
    words = node.value.split()
    if not words:
        return exactly(has(node.field if node.prefix else f"{node.field}{VALUE}"))
    modes = [Mode.EXACT] * (len(words) - 1) + [Mode.PREFIX if node.prefix else Mode.EXACT]
    return phrase_bounds(tuple(map(Atom, words, modes)), node.field, positions=positions)
