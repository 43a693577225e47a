"""From a query's tree to what the inverted index can say of it. Pure.

A plan holds two clauses around the documents that the query finds: every one of `sure` is found, and none outside of
`possible`. Where the two are equal the index answers alone; otherwise the documents between them are read and checked
one by one. Because both bounds are kept, a complement loses nothing: it swaps them.

    exact      words, prefixes, stems, phrases, concepts of these; keyword and name fields; times; `field: *`;
               chains of two operands of single words and prefixes
    checked    chains with phrases or stems in them, and of three operands or more (see `chains.py`); phrases with
               stems in them; values longer than the index keeps
"""

from __future__ import annotations

from datetime import datetime

from heliograph.index.bounds import HAS, LONGEST, VALUE, Plan, all_of, any_of, at_most, exactly, phrase_plan
from heliograph.index.chains import plan_chain
from heliograph.index.clauses import Between, Clause, Every, Nothing, Word, cost, describe, without
from heliograph.index.decide import micros
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

# Look-ups in all: about what takes as long as reading and checking a few hundred documents.
_DEAR = 6000


def plan(node: Node, *, positions: bool = True) -> Plan:
    """Return bounds around the documents for which `query.match.matches` is true.

    With `positions` false, or where the query is as large as a topic of many concepts, neither distances nor phrases
    with prefixes are asked for, only their words: an engine may find too many words for a prefix.
    """
    bounds = _plan(node, positions=positions)
    return _plan(node, positions=False) if positions and cost(bounds.possible) > _DEAR else bounds


def _plan(node: Node, *, positions: bool) -> Plan:
    match node:
        case Text(what, field):
            fields = (field,) if field else TEXT_FIELDS
            return any_of(_text(what, each, positions=positions) for each in fields)
        case Is():
            return _value(node, positions=positions)
        case Range(field, since, until):
            return exactly(within(field, since, until))
        case Exists(field):
            return exactly(Word(HAS, field))
        case All():
            return exactly(Every())
        case And(nodes):
            return all_of(_plan(part, positions=positions) for part in nodes)
        case Or(nodes):
            return any_of(_plan(part, positions=positions) for part in nodes)
        case Not(inner):
            bounds = _plan(inner, positions=positions)
            return Plan(without(bounds.sure), without(bounds.possible))


def within(field: str, since: datetime | None, until: datetime | None) -> Clause:
    """Return the clause of a time in [since, until); without either, of having a time at all."""
    if since is None and until is None:
        return Word(HAS, field)
    return Between(field, None if since is None else micros(since), None if until is None else micros(until))


def explained(bounds: Plan) -> str:
    """Return the plan as lines for a person, as `query explain` prints them."""
    if bounds.exact:
        return f"answered by the index alone\n{describe(bounds.possible, '  ')}"
    lines = ["candidates, read and checked one by one", describe(bounds.possible, "  ")]
    if not isinstance(bounds.sure, Nothing):
        lines += ["of these found without reading", describe(bounds.sure, "  ")]
    return "\n".join(lines)


def _text(what: Term | Concept | Chain, field: str, *, positions: bool) -> Plan:
    if isinstance(what, Chain):
        return plan_chain(what, field, positions=positions)
    terms = (what,) if isinstance(what, Term) else what.terms
    return any_of(phrase_plan(term.atoms, field, positions=positions) for term in terms)


def _value(node: Is, *, positions: bool) -> Plan:
    if node.field in KEYWORD_FIELDS:
        value = VALUE + node.value
        if len(value) < LONGEST:
            return exactly(Word(node.field, value, node.prefix))
        return at_most(Word(node.field, value[:LONGEST]))
    words = node.value.split()
    if not words:
        return at_most(Word(HAS, node.field))
    modes = [Mode.EXACT] * (len(words) - 1) + [Mode.PREFIX if node.prefix else Mode.EXACT]
    return phrase_plan(tuple(map(Atom, words, modes)), node.field, positions=positions)
