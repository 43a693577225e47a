"""Where the terms of topics stand in one article, worked out once an article, whoever asks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from typing import TypeVar

from heliograph.query.chains import Span
from heliograph.query.tree import AnyOf, Atom, Concept, Operand, Term
from heliograph.query.view import View

TITLE, TEXT = 0, 1

Item = TypeVar("Item")

Positions = dict[int, list[int]]
"""From an atom's number to the rising positions of its tokens in one field."""

Numbered = tuple[int, ...]
"""A term as the numbers of its atoms."""


class Found:
    """What one pass over an article found, and what has been worked out from it so far.

    Most topics that an article calls up are denied by the atoms alone, so that positions wait until they are asked for.
    """

    __slots__ = ("_fields", "_pieces", "atoms", "chains", "phrases", "present", "spans", "view")

    def __init__(self, view: View, atoms: AbstractSet[int], pieces: Callable[[], tuple[Positions, Positions]]) -> None:
        self.view = view
        self.atoms = atoms
        """The atoms that stand anywhere in the article."""
        self._pieces = pieces
        self._fields: tuple[Positions, Positions] | None = None
        self.phrases: dict[tuple[Numbered, int], list[int]] = {}
        self.spans: dict[tuple[Looked, int], list[Span]] = {}
        self.present: dict[Looked, Operand] = {}
        self.chains: dict[object, bool] = {}
        """Whether a chain holds: asked to find the topics, and again to say why."""

    @property
    def fields(self) -> tuple[Positions, Positions]:
        """Where the atoms stand, in the title and in the text."""
        if self._fields is None:
            self._fields = self._pieces()
        return self._fields

    def starts(self, term: Numbered, field: int) -> list[int]:
        """Return the rising positions in `field` at which the atoms of `term` stand one behind the other."""
        positions = self.fields[field]
        if len(term) == 1:
            return positions.get(term[0], [])
        for atom in term:
            if atom not in positions:
                return []
        known = self.phrases.get((term, field))
        if known is None:
            known = self.phrases[term, field] = _phrase(positions, term)
        return known


def _phrase(positions: Positions, term: Numbered) -> list[int]:
    rarest = min(range(len(term)), key=lambda offset: len(positions[term[offset]]))
    starts = {position - rarest for position in positions[term[rarest]]}
    for offset, atom in enumerate(term):
        if offset != rarest:
            starts &= {position - offset for position in positions[atom]}
            if not starts:
                return []
    return sorted(starts)


class Looked:
    """What a query looks for at one place: a term, a concept or an or-group, as its alternative terms."""

    __slots__ = ("firsts", "operand", "phrases", "single", "terms")

    def __init__(self, operand: Operand, number: Callable[[Atom], int]) -> None:
        self.operand = operand
        self.terms = {term: tuple(map(number, term.atoms)) for term in terms_of(operand)}
        self.single = frozenset(term[0] for term in self.terms.values() if len(term) == 1)
        self.phrases = _by_first(dict.fromkeys(term for term in self.terms.values() if len(term) > 1), _itself)
        self.firsts = _by_first(self.terms.items(), lambda item: item[1])

    def anywhere(self, found: Found) -> bool:
        """Tell whether one of the terms stands in the title or in the text."""
        if not self.single.isdisjoint(found.atoms):
            return True
        if not self.phrases or found.atoms.isdisjoint(self.phrases):
            return False
        return self._has_phrase(found, TITLE) or self._has_phrase(found, TEXT)

    def within(self, found: Found, field: int) -> bool:
        """Tell whether one of the terms stands in `field`."""
        # Of views, the shorter side is walked; of a set and a dict, always the dict.
        if not found.fields[field].keys().isdisjoint(self.single):
            return True
        return self._has_phrase(found, field)

    def _has_phrase(self, found: Found, field: int) -> bool:
        firsts = found.fields[field].keys() & self.phrases.keys()
        return any(found.starts(phrase, field) for first in firsts for phrase in self.phrases[first])

    def spans(self, found: Found, field: int) -> list[Span]:
        """Return where the terms stand in `field`: rising, without repetition."""
        known = found.spans.get((self, field))
        if known is None:
            positions = found.fields[field]
            places = {(at, at + 1) for atom in positions.keys() & self.single for at in positions[atom]}
            for first in positions.keys() & self.phrases.keys():
                for phrase in self.phrases[first]:
                    places.update([(at, at + len(phrase)) for at in found.starts(phrase, field)])
            known = found.spans[self, field] = sorted(places)
        return known

    def present(self, found: Found) -> Operand:
        """Return the operand without the terms that stand nowhere in the article."""
        known = found.present.get(self)
        if known is None:
            there = {
                term
                for field in (TITLE, TEXT)
                for first in found.fields[field].keys() & self.firsts.keys()
                for term, numbered in self.firsts[first]
                if found.starts(numbered, field)
            }
            known = found.present[self] = _only(self.operand, there)
        return known


def _by_first(items: Iterable[Item], numbered: Callable[[Item], Numbered]) -> dict[int, tuple[Item, ...]]:
    """Group by the first atom: what does not begin in the article need not be looked at."""
    groups: dict[int, list[Item]] = {}
    for item in items:
        groups.setdefault(numbered(item)[0], []).append(item)
    return {first: tuple(group) for first, group in groups.items()}


def _itself(numbered: Numbered) -> Numbered:
    """Return what is given."""
    return numbered


def _only(operand: Operand, there: set[Term]) -> Operand:
    match operand:
        case Term():
            return operand
        case Concept(name, terms, position):
            return Concept(name, tuple(term for term in terms if term in there), position)
        case AnyOf(operands):
            return AnyOf(tuple(_only(each, there) for each in operands))  # type: ignore[misc]  # it holds no other group


def terms_of(operand: Operand) -> list[Term]:
    """Return the terms of which any satisfies the operand."""
    match operand:
        case Term():
            return [operand]
        case Concept(terms=terms):
            return list(terms)
        case AnyOf(operands):
            return [term for each in operands for term in terms_of(each)]
