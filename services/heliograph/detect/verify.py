"""One article against the compiled query of one topic, over the positions of numbered atoms.

This says exactly what `query.match.matches` says (a property test holds the two together on random trees and
documents), but looks nothing up by text: all topics share the positions found in one pass over the article, and the
places of a term or chain operand are worked out once an article, whoever asks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from heliograph.query.chains import holds
from heliograph.query.match import matches
from heliograph.query.tree import (
    And,
    AnyOf,
    Atom,
    Chain,
    Concept,
    Node,
    Not,
    Operand,
    Or,
    Term,
    Text,
)
from heliograph.query.view import View

TITLE, TEXT = 0, 1
_FIELDS = {"": (TITLE, TEXT), "title": (TITLE,), "text": (TEXT,)}

Positions = dict[int, list[int]]
"""From an atom's number to the rising positions of its tokens in one field."""


class Found:
    """What one pass over an article found, and what has been worked out from it so far."""

    __slots__ = ("fields", "places", "view")

    def __init__(self, view: View, title: Positions, text: Positions) -> None:
        self.view = view
        self.fields = (title, text)
        self.places: dict[tuple[tuple[int, ...], int], list[int]] = {}

    def starts(self, atoms: tuple[int, ...], field: int) -> list[int]:
        """Return the rising positions in `field` at which the atoms stand one behind the other."""
        positions = self.fields[field]
        if len(atoms) == 1:
            return positions.get(atoms[0], [])
        key = (atoms, field)
        known = self.places.get(key)
        if known is None:
            known = self.places[key] = _phrase(positions, atoms)
        return known


def _phrase(positions: Positions, atoms: tuple[int, ...]) -> list[int]:
    each = [positions.get(atom) for atom in atoms]
    if not all(each):
        return []
    rarest = min(range(len(atoms)), key=lambda index: len(each[index] or ()))
    starts = {position - rarest for position in each[rarest] or ()}
    for offset, found in enumerate(each):
        if offset != rarest:
            starts &= {position - offset for position in found or ()}
    return sorted(starts)


class Check(Protocol):
    """A compiled node."""

    def holds(self, found: Found) -> bool: ...


class _AnyTerm:
    """A term, or any of a concept's terms, in any of the fields."""

    __slots__ = ("fields", "phrases", "single")

    def __init__(self, terms: list[tuple[int, ...]], fields: tuple[int, ...]) -> None:
        self.single = frozenset(term[0] for term in terms if len(term) == 1)
        self.phrases = tuple(term for term in terms if len(term) > 1)
        self.fields = fields

    def holds(self, found: Found) -> bool:
        for field in self.fields:
            if not self.single.isdisjoint(found.fields[field]):
                return True
            for phrase in self.phrases:
                if found.starts(phrase, field):
                    return True
        return False


class _Chain:
    """`near` or `before`; each operand is the list of its alternative terms."""

    __slots__ = ("distance", "fields", "operands", "ordered")

    def __init__(
        self, operands: list[list[tuple[int, ...]]], distance: int, fields: tuple[int, ...], *, ordered: bool
    ) -> None:
        self.operands = operands
        self.distance = distance
        self.fields = fields
        self.ordered = ordered

    def holds(self, found: Found) -> bool:
        return any(self._in(found, field) for field in self.fields)

    def _in(self, found: Found, field: int) -> bool:
        spans = []
        for terms in self.operands:
            own = {(start, start + len(term)) for term in terms for start in found.starts(term, field)}
            if not own:
                return False
            spans.append(sorted(own))
        return holds(spans, self.distance, ordered=self.ordered)


class _All:
    __slots__ = ("checks",)

    def __init__(self, checks: tuple[Check, ...]) -> None:
        self.checks = checks

    def holds(self, found: Found) -> bool:
        return all(check.holds(found) for check in self.checks)


class _Any(_All):
    __slots__ = ()

    def holds(self, found: Found) -> bool:
        return any(check.holds(found) for check in self.checks)


class _Not:
    __slots__ = ("check",)

    def __init__(self, check: Check) -> None:
        self.check = check

    def holds(self, found: Found) -> bool:
        return not self.check.holds(found)


class _Value:
    """A condition on fields other than title and text: asked of the query's own evaluator."""

    __slots__ = ("node",)

    def __init__(self, node: Node) -> None:
        self.node = node

    def holds(self, found: Found) -> bool:
        return matches(self.node, found.view)


def compile_check(node: Node, number: Callable[[Atom], int]) -> Check:
    """Return the check for `node`; `number` gives an atom's number and is called once for each use of an atom."""
    match node:
        case And(nodes):
            return _All(tuple(compile_check(each, number) for each in nodes))
        case Or(nodes):
            return _Any(tuple(compile_check(each, number) for each in nodes))
        case Not(inner):
            return _Not(compile_check(inner, number))
        case Text(Chain() as chain, field):
            operands = [_numbered(operand, number) for operand in chain.operands]
            return _Chain(operands, chain.distance, _FIELDS[field], ordered=chain.ordered)
        case Text(Term() | Concept() as what, field):
            return _AnyTerm(_numbered(what, number), _FIELDS[field])
    return _Value(node)


def _numbered(operand: Operand, number: Callable[[Atom], int]) -> list[tuple[int, ...]]:
    terms = terms_of(operand)
    return [tuple(number(atom) for atom in term.atoms) for term in terms]


def terms_of(operand: Operand) -> list[Term]:
    """Return the terms of which any satisfies the operand."""
    match operand:
        case Term():
            return [operand]
        case Concept(terms=terms):
            return list(terms)
        case AnyOf(operands):
            return [term for each in operands for term in terms_of(each)]
