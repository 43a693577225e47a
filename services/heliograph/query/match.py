"""Does a tree hold for a document? The reference meaning of the language; every engine must agree with it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache

from heliograph.query.chains import Span, holds
from heliograph.query.morphology import stem_key
from heliograph.query.tree import (
    NAME_FIELDS,
    TEXT_FIELDS,
    TIME_FIELDS,
    All,
    And,
    AnyOf,
    Atom,
    Chain,
    Concept,
    Exists,
    Is,
    Mode,
    Node,
    Not,
    Operand,
    Or,
    Range,
    Term,
    Text,
)
from heliograph.query.view import FieldText, View

_FEW_STEMS = 4


def matches(node: Node, view: View) -> bool:
    """Return whether `node` holds for the document behind `view`.

    A term holds where its atoms stand at consecutive positions of one field; a chain where spans of its operands lie
    close enough within one field (see `query.chains`); a keyword field where one of its values is, or begins with,
    the value; a name field where the value stands in one of its values as whole words, the last perhaps only begun; a
    time field where its moment lies in the half-open range, and never where it is missing.
    """
    match node:
        case Text(what, field):
            return any(_text_holds(what, view.field_text(name)) for name in fields_of(field))
        case And(nodes):
            return all(matches(each, view) for each in nodes)
        case Or(nodes):
            return any(matches(each, view) for each in nodes)
        case Not(inner):
            return not matches(inner, view)
        case Is():
            return _value_holds(node, view)
        case Range(field, since, until):
            return _within(view.time(field), since, until)
        case Exists(field):
            return _exists(field, view)
        case All():
            return True


def fields_of(field: str) -> tuple[str, ...]:
    """Return the text fields that a text node looks into, the title first."""
    return (field,) if field else TEXT_FIELDS


def find(operand: Operand, text: FieldText) -> list[Span]:
    """Return where an operand holds in one field: half-open ranges of token positions, rising, without repetition."""
    match operand:
        case Term():
            found = text.found.get(operand)
            if found is None:
                found = text.found[operand] = _term_spans(operand.atoms, text)
            return found
        case Concept():
            return _union([find(term, text) for term in _possible(operand, text)])
        case AnyOf(operands):
            return _union([find(each, text) for each in operands])


def _possible(concept: Concept, text: FieldText) -> Iterator[Term]:
    """Yield the terms of a concept but those whose first character is nowhere in the text: most other scripts'."""
    folded = text.folded
    for character, terms in _by_first_character(concept):
        if character in folded:
            yield from terms


@lru_cache(maxsize=1 << 12)
def _by_first_character(concept: Concept) -> tuple[tuple[str, tuple[Term, ...]], ...]:
    found: dict[str, list[Term]] = {}
    for term in concept.terms:
        first = term.atoms[0]
        # Forms of a stem may begin with any character.
        found.setdefault("" if first.mode is Mode.STEM else first.text[:1], []).append(term)
    return tuple((character, tuple(terms)) for character, terms in found.items())


def _text_holds(what: Term | Concept | Chain, text: FieldText) -> bool:
    match what:
        case Term():
            return bool(find(what, text))
        case Concept():
            return any(find(term, text) for term in _possible(what, text))
        case Chain():
            return _chain_holds(what, text)


def _chain_holds(chain: Chain, text: FieldText) -> bool:
    order, longest = _dear_last(chain.operands)
    spans: dict[int, list[Span]] = {}
    around: list[int] | None = None
    for number, dear in order:
        operand = chain.operands[number]
        if dear and spans:
            # Whatever is chosen beside a span that is found already, the whole is no longer than this.
            around = around or _around(spans[order[0][0]], chain.distance + longest, len(text))
            spans[number] = _find_among(operand, around, text)
        else:
            spans[number] = find(operand, text)
        if not spans[number]:
            return False
    return holds([spans[number] for number in range(len(order))], chain.distance, ordered=chain.ordered)


@lru_cache(maxsize=1 << 14)
def _dear_last(operands: tuple[Operand, ...]) -> tuple[tuple[tuple[int, bool], ...], int]:
    """Return the order in which to look for operands, whether each is a few stems, and how long all may be together.

    To find a stem in a text, many of its words are stemmed; where something else has been found, only those around it
    need be. Many stems share that work, so they are looked for as they always are.
    """
    terms = [_terms(operand) for operand in operands]
    stems = [sum(term.atoms[0].mode is Mode.STEM for term in each) for each in terms]
    order = sorted(range(len(operands)), key=lambda number: stems[number] > 0)
    longest = sum(max((len(term.atoms) for term in each), default=0) for each in terms)
    return tuple((number, 0 < stems[number] <= _FEW_STEMS) for number in order), longest


def _terms(operand: Operand) -> list[Term]:
    match operand:
        case Term():
            return [operand]
        case Concept(_, terms):
            return list(terms)
        case AnyOf(operands):
            return [term for each in operands for term in _terms(each)]


def _around(spans: list[Span], reach: int, tokens: int) -> list[int]:
    return sorted({at for start, end in spans for at in range(max(0, end - reach), min(tokens, start + reach))})


def _find_among(operand: Operand, positions: list[int], text: FieldText) -> list[Span]:
    """Return where an operand holds, of single stems only what stands at these positions."""
    match operand:
        case Term((Atom(key, Mode.STEM, language),)):
            return [(at, at + 1) for at in text.stemmed_among(positions, key, language)]
        case Term():
            return find(operand, text)
        case Concept(_, terms):
            return _union([_find_among(term, positions, text) for term in terms])
        case AnyOf(operands):
            return _union([_find_among(each, positions, text) for each in operands])


def _union(found: list[list[Span]]) -> list[Span]:
    some = [spans for spans in found if spans]
    return some[0] if len(some) == 1 else sorted({span for spans in some for span in spans})


def _term_spans(atoms: tuple[Atom, ...], text: FieldText) -> list[Span]:
    """Return where the atoms stand side by side.

    Words with a last one that may only be begun are looked for at once; where a stem, or a beginning with more behind
    it, is among them, the first atom says where to look, and its neighbours are compared on the spot.
    """
    length = len(atoms)
    if all(atom.mode is Mode.EXACT for atom in atoms[:-1]) and atoms[-1].mode is not Mode.STEM:
        start = " " + " ".join([atom.text for atom in atoms])
        where = text.positions(start if atoms[-1].mode is Mode.PREFIX else f"{start} ")
        return [(position, position + length) for position in where]
    starts = _positions(atoms[0], text)
    if not starts:
        # Cutting a text into words takes longer than all else here.
        return []
    words = text.words
    return [
        (start, start + length)
        for start in starts
        if start + length <= len(words)
        and all(_meets(atom, words[start + number]) for number, atom in enumerate(atoms[1:], 1))
    ]


def _positions(atom: Atom, text: FieldText) -> list[int]:
    if atom.mode is Mode.STEM:
        forms = text.stemmed(atom.text, atom.language)
        return text.positions(*[f" {form} " for form in forms]) if forms else []
    return text.positions(f" {atom.text}" if atom.mode is Mode.PREFIX else f" {atom.text} ")


def _meets(atom: Atom, form: str) -> bool:
    if atom.mode is Mode.EXACT:
        return form == atom.text
    if atom.mode is Mode.PREFIX:
        return form.startswith(atom.text)
    return stem_key(form, atom.language) == atom.text


def _value_holds(node: Is, view: View) -> bool:
    values = view.values(node.field)
    if node.field in NAME_FIELDS:
        phrase = f" {node.value}" if node.prefix else f" {node.value} "
        return any(phrase in f" {value} " for value in values)
    if node.prefix:
        return any(value.startswith(node.value) for value in values)
    return node.value in values


def _within(moment: datetime | None, since: datetime | None, until: datetime | None) -> bool:
    return moment is not None and (since is None or since <= moment) and (until is None or moment < until)


def _exists(field: str, view: View) -> bool:
    if field in TEXT_FIELDS:
        return len(view.field_text(field)) > 0
    if field in TIME_FIELDS:
        return view.time(field) is not None
    return bool(view.values(field))
