"""Where a query holds: evidence with offsets into the text as published."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from heliograph.core.article import Evidence
from heliograph.query.chains import Span, taking_part
from heliograph.query.match import fields_of, find, matches
from heliograph.query.tree import And, AnyOf, Chain, Concept, Node, Operand, Or, Term, Text
from heliograph.query.unparse import describe, unparse
from heliograph.query.view import FieldText, View

__all__ = ["describe", "evidence", "unparse"]

MAX_PIECES = 50
MAX_PER_TERM = 5
MAX_CLAUSE = 200

_TITLE, _BODY = 0, 1


class _Place(NamedTuple):
    """One find, in the order in which evidence is given."""

    field: int
    start: int
    end: int
    term: str
    concept: str
    clause: str


def evidence(node: Node, view: View) -> tuple[Evidence, ...]:
    """Return where the parts of `node` that hold are satisfied; empty where it does not hold, or by values alone.

    Only text gives evidence, and only what counts: of an `or` the parts that hold, of a chain the spans that take part
    in a choice that is close enough, of a negation nothing. At most 5 pieces for a term of each part, the earliest, and
    50 in all: when there are more, each part of the query keeps its first ones. Title before text, then by place.
    """
    return evidence_of(_holding(node, view), view) if matches(node, view) else ()


def evidence_of(reasons: Iterable[Text], view: View) -> tuple[Evidence, ...]:
    """Return the evidence of a conjunction of text nodes each of which is known to hold."""
    parts = [_places(text, view) for text in reasons]
    chosen: dict[_Place, None] = {}
    for rank in range(max(map(len, parts), default=0)):
        for places in parts:
            if rank < len(places) and len(chosen) < MAX_PIECES:
                chosen[places[rank]] = None
    return tuple(_piece(place, view) for place in sorted(chosen))


def _holding(node: Node, view: View) -> Iterator[Text]:
    """Yield the positive text leaves through which a node that holds does so."""
    match node:
        case Text():
            yield node
        case And(nodes) | Or(nodes):
            for each in nodes:
                if isinstance(node, And) or matches(each, view):
                    yield from _holding(each, view)
        case _:
            return


def _places(node: Text, view: View) -> list[_Place]:
    clause = unparse(node)
    clause = clause if len(clause) <= MAX_CLAUSE else clause[: MAX_CLAUSE - 1] + "…"
    found: list[_Place] = []
    for field in fields_of(node.field):
        text = view.field_text(field)
        number = _TITLE if field == "title" else _BODY
        found += [
            _Place(number, *text.place(first, last), term, concept, clause)
            for term, concept, (first, last) in _finds(node.what, text)
        ]
    return _few_per_term(sorted(set(found)))


def _few_per_term(places: list[_Place]) -> list[_Place]:
    counts: dict[tuple[str, str], int] = {}
    kept = []
    for place in places:
        key = (place.concept, place.term)
        counts[key] = counts.get(key, 0) + 1
        if counts[key] <= MAX_PER_TERM:
            kept.append(place)
    return kept


def _finds(what: Term | Concept | Chain, text: FieldText) -> Iterator[tuple[str, str, Span]]:
    """Yield (term as written, concept id, span of tokens)."""
    if not isinstance(what, Chain):
        for term, concept in _terms(what):
            for span in find(term, text)[:MAX_PER_TERM]:
                yield term.written, concept, span
        return
    spans = [find(operand, text) for operand in what.operands]
    members = taking_part(spans, what.distance, ordered=what.ordered, limit=MAX_PIECES)
    for operand, part in zip(what.operands, members, strict=True):
        allowed = set(part)
        for term, concept in _terms(operand):
            for span in find(term, text):
                if span in allowed:
                    yield term.written, concept, span


def _terms(operand: Operand) -> Iterator[tuple[Term, str]]:
    match operand:
        case Term():
            yield operand, ""
        case Concept(name, terms):
            for term in terms:
                yield term, name
        case AnyOf(operands):
            for each in operands:
                yield from _terms(each)


def _piece(place: _Place, view: View) -> Evidence:
    field = "title" if place.field == _TITLE else "text"
    published = view.field_text(field).published
    return Evidence(
        field=field,
        start=place.start,
        end=place.end,
        text=published[place.start : place.end],
        term=place.term,
        concept=place.concept,
        clause=place.clause,
    )
