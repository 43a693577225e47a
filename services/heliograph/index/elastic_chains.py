"""Terms and chains as rules of `intervals`, over one field. Pure.

`intervals` finds minimal intervals, and is exact for our chains as long as each way to choose has spans of fixed
lengths: the engine therefore multiplies the phrases of all operands with each other (words of one token stay together,
and cost nothing). Phrases that differ in one place are one row here, which leaves far fewer of them; where they are
still too many, the chain is narrowed down by the first tokens of its operands, and checked.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from math import prod

from heliograph.index.chains import terms_of
from heliograph.index.elastic_logic import NOTHING, Body, Bounds, all_of, any_of, at_most, both, exactly
from heliograph.query.tree import Atom, Chain, Mode, Term

LONGEST = 120
"""Code points of a token that the index keeps; longer ones are cut there, and checked.

The whitespace analyzer parts tokens of more than 255 UTF-16 units, which would move all positions behind them.
"""
FIND = "find."
"""The object that holds what searches ask for; the rest of a document is the document."""
STEMS, TURKISH = "stems_", "turkish_"
"""Stem keys, aligned with the tokens of a text field. A token of Latin script has two: the Turkish one stands apart."""
GAP = "-"
"""Stands in the fields of stems where a token has none, and nowhere else: no token is like it."""
_MOST_CHOICES = 200
"""Choices of phrases that a chain may stand for; each is an iterator of its own in every segment."""

Row = tuple[frozenset[Atom], ...]
"""Phrases at once: at each position any of some atoms."""


def atom_bounds(atom: Atom, field: str) -> Bounds:
    """Return the bounds of one token anywhere in a field."""
    if atom.mode is Mode.STEM:
        return exactly({"terms": {stem_field(field, atom.language): [stem_term(atom)]}})
    if not whole(atom):
        return at_most({"terms": {FIND + field: [atom.text[:LONGEST]]}})
    if atom.mode is Mode.PREFIX:
        return exactly({"prefix": {FIND + field: {"value": atom.text}}})
    return exactly({"terms": {FIND + field: [atom.text]}})


def whole(atom: Atom) -> bool:
    """Whether the index keeps all that the atom asks for."""
    return atom.mode is Mode.STEM or len(atom.text) < LONGEST


def stem_field(field: str, language: str) -> str:
    """Return the field that stem keys of a language stand in."""
    return f"{FIND}{TURKISH if language == 'tr' else STEMS}{field}"


def stem_term(atom: Atom) -> str:
    """Return the token under which a stem key is indexed."""
    return f"{atom.language}:{atom.text}"


def phrase_bounds(atoms: tuple[Atom, ...], field: str, *, positions: bool = True) -> Bounds:
    """Return the bounds of atoms at consecutive positions; with `positions` false, of the rarest-looking one."""
    if len(atoms) == 1:
        return atom_bounds(atoms[0], field)
    if not positions:
        likely = max(atoms, key=lambda atom: (atom.mode is Mode.EXACT, len(atom.text)))
        return at_most(atom_bounds(likely, field).possible)
    if not all(map(whole, atoms)):
        return at_most(both(atom_bounds(atom, field).possible for atom in atoms))
    if all(atom.mode is Mode.EXACT for atom in atoms):
        words = " ".join(atom.text for atom in atoms)
        return exactly({"match_phrase": {FIND + field: {"query": words, "analyzer": "whitespace"}}})
    return exactly(_asked(field, _row_rule(tuple(frozenset([atom]) for atom in atoms), field)))


def terms_bounds(terms: Sequence[Term], field: str, *, positions: bool = True) -> Bounds:
    """Return the bounds of any of some terms."""
    return any_of(phrase_bounds(term.atoms, field, positions=positions) for term in terms)


def chain_bounds(chain: Chain, field: str, *, positions: bool = True) -> Bounds:
    """Return the bounds of a chain in one field; with `positions` false, of its operands standing there at all."""
    operands = [terms_of(operand) for operand in chain.operands]
    if not all(operands):
        return exactly(NOTHING)
    present = all_of(terms_bounds(terms, field, positions=positions) for terms in operands)
    if not positions:
        return at_most(present.possible)
    # A term with a token that was cut cannot be told from others: what it may add is checked.
    known = [[term for term in terms if all(map(whole, term.atoms))] for terms in operands]
    singles = [[term for term in terms if len(term.atoms) == 1] for terms in known]
    if known == operands and _choices(known) <= _MOST_CHOICES:
        return exactly(_chain(chain, known, field))
    sure = next((each for each in (known, singles) if all(each) and _choices(each) <= _MOST_CHOICES), None)
    possible = both([present.possible, _close(chain, operands, field)])
    return Bounds(possible, NOTHING if sure is None else _chain(chain, sure, field))


@lru_cache(maxsize=256)
def rows(terms: tuple[Term, ...]) -> list[Row]:
    """Return the terms as rows: those of one length that differ in one place only are one row.

    Kept for a while: concepts stand in one query several times, and in both fields.
    """
    found: dict[Row, None] = dict.fromkeys(tuple(frozenset([atom]) for atom in term.atoms) for term in terms)
    merged = True
    while merged:
        merged = False
        for length in {len(row) for row in found}:
            for place in range(length):
                before = len(found)
                found = _merged(found, length, place)
                merged = merged or len(found) < before
    return list(found)


def _merged(found: Iterable[Row], length: int, place: int) -> dict[Row, None]:
    """Join the rows of a length that differ in `place` alone."""
    alike: dict[Row, frozenset[Atom]] = {}
    others: dict[Row, None] = {}
    for row in found:
        if len(row) == length:
            rest = row[:place] + row[place + 1 :]
            alike[rest] = alike.get(rest, frozenset()) | row[place]
        else:
            others[row] = None
    return {**others, **{(*rest[:place], atoms, *rest[place:]): None for rest, atoms in alike.items()}}


def _choices(operands: Sequence[Sequence[Term]]) -> int:
    """Return how many choices of rows the engine would go through."""
    return prod(len(rows(tuple(terms))) for terms in operands)


def _chain(chain: Chain, operands: Sequence[Sequence[Term]], field: str) -> Body:
    rules = [_one_of([_row_rule(row, field) for row in rows(tuple(terms))]) for terms in operands]
    return _asked(field, _all_of(rules, chain.distance, ordered=chain.ordered))


def _close(chain: Chain, operands: Sequence[Sequence[Term]], field: str) -> Body:
    """Return what holds wherever the chain does: the first tokens of all operands lie in a window of its length."""
    firsts = [frozenset(term.atoms[0] for term in terms) for terms in operands]
    if not all(whole(atom) for atoms in firsts for atom in atoms):
        return both([])
    window = chain.distance + sum(max(len(term.atoms) for term in terms) for terms in operands)
    rules = [_place_rule(atoms, field) for atoms in firsts]
    return _asked(field, _all_of(rules, window - len(operands), ordered=chain.ordered))


def _row_rule(row: Row, field: str) -> Body:
    places = [_place_rule(atoms, field) for atoms in row]
    return places[0] if len(places) == 1 else _all_of(places, 0, ordered=True)


def _place_rule(atoms: frozenset[Atom], field: str) -> Body:
    ranked = sorted(atoms, key=lambda atom: (atom.mode.value, atom.language, atom.text))
    return _one_of([_atom_rule(atom, field) for atom in ranked])


def _atom_rule(atom: Atom, field: str) -> Body:
    if atom.mode is Mode.PREFIX:
        return {"prefix": {"prefix": atom.text}}
    if atom.mode is Mode.STEM:
        return {"match": {"query": stem_term(atom), "use_field": stem_field(field, atom.language)}}
    return {"match": {"query": atom.text}}


def _one_of(rules: list[Body]) -> Body:
    return rules[0] if len(rules) == 1 else {"any_of": {"intervals": sorted(rules, key=repr)}}


def _all_of(rules: list[Body], gaps: int, *, ordered: bool) -> Body:
    asked = rules if ordered else _told_apart(rules)
    return {"all_of": {"ordered": ordered, "max_gaps": gaps, "intervals": asked}}


def _told_apart(rules: list[Body]) -> list[Body]:
    """Return the rules, none like another: the engine wants two places for two that are, and ours may share one."""
    found: list[Body] = []
    for rule in rules:
        other = rule
        while other in found:
            other = {"any_of": {"intervals": [other, {"match": {"query": GAP}}]}}
        found.append(other)
    return found


def _asked(field: str, rule: Body) -> Body:
    return {"intervals": {FIND + field: rule}}
