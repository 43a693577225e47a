"""Bounds around what a query finds, and the bounds of one token and one phrase."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from heliograph.index.clauses import Clause, Nothing, Phrase, Word, both, either
from heliograph.query.tree import Atom, Mode

LONGEST = 200
"""Code points of a token or value that the index keeps; longer ones are cut there, and checked.

An automaton of the engine has a thousand states at most, and a code point takes up to four.
"""
HAS = "has"
"""Field that lists the fields a document has a value in."""
STEMS = {"title": "stems_title", "text": "stems_text"}
"""Fields of the stem keys in each text field, written `language:key`."""
UNSTEMMED = ("ka",)
"""Languages whose stems come from a lexicon of some 60 MB, which indexing does not load: only that a field has words
in the language's script is indexed, and a stem in it is checked."""
VALUE = "="
"""Stands before every value of a keyword field, so that the empty value is a term too."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Bounds around the documents that a query finds: all of `sure`, none outside `possible`."""

    possible: Clause
    sure: Clause

    @property
    def exact(self) -> bool:
        """Whether the index can answer alone."""
        return self.possible == self.sure


def exactly(clause: Clause) -> Plan:
    """Return the plan of what the index can say as it is."""
    return Plan(clause, clause)


def at_most(clause: Clause) -> Plan:
    """Return the plan of what the index can only narrow down."""
    return Plan(clause, Nothing())


def all_of(plans: Iterable[Plan]) -> Plan:
    """Return the plan of the intersection."""
    parts = list(plans)
    return Plan(both(part.possible for part in parts), both(part.sure for part in parts))


def any_of(plans: Iterable[Plan]) -> Plan:
    """Return the plan of the union."""
    parts = list(plans)
    return Plan(either(part.possible for part in parts), either(part.sure for part in parts))


def has_position(atom: Atom) -> bool:
    """Whether the positions at which an atom holds stand in the index."""
    return atom.mode is not Mode.STEM and len(atom.text) < LONGEST


def atom_plan(atom: Atom, field: str) -> Plan:
    """Return the plan of one token anywhere in a field."""
    if atom.mode is Mode.STEM:
        if atom.language in UNSTEMMED:
            return at_most(Word(STEMS[field], stem_term(atom.language, "")))
        term = stem_term(atom.language, atom.text)
        return exactly(Word(STEMS[field], term)) if len(term) < LONGEST else at_most(Word(STEMS[field], term))
    if has_position(atom):
        return exactly(Word(field, atom.text, atom.mode is Mode.PREFIX))
    return at_most(Word(field, atom.text[:LONGEST]))


def stem_term(language: str, key: str) -> str:
    """Return the term under which a stem key is indexed."""
    return f"{language}:{key}"[:LONGEST]


def phrase_plan(atoms: tuple[Atom, ...], field: str, *, positions: bool) -> Plan:
    """Return the plan of atoms at consecutive positions of a field.

    With `positions` false, none are asked for prefixes: an engine may find too many words for one.
    """
    if len(atoms) == 1:
        return atom_plan(atoms[0], field)
    if all(map(has_position, atoms)) and (positions or all(atom.mode is Mode.EXACT for atom in atoms)):
        return exactly(Phrase(field, atoms))
    return at_most(both(atom_plan(atom, field).possible for atom in atoms))
