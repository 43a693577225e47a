"""Bodies of Elasticsearch as an algebra: and, or, not, flattened as they are built. Pure.

The cluster refuses a body that nests deeply or has too many clauses, so that flat is not only pretty: `and` inside
`and` is one list, and the words that are looked up in one field are one clause.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

Body = dict[str, Any]
"""A query as the client takes it. Built here, and never changed afterwards."""

EVERY: Body = {"match_all": {}}
NOTHING: Body = {"match_none": {}}
_LARGE = {"bool", "intervals"}
_MOST_TERMS = 60_000
"""Values of one `terms` clause; the cluster takes 65,536."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bodies around what a query finds: all of `sure` is found, and nothing outside of `possible`."""

    possible: Body
    sure: Body

    @property
    def exact(self) -> bool:
        """Whether the cluster can answer alone."""
        return self.possible == self.sure


UNKNOWN = Bounds(EVERY, NOTHING)


def exactly(body: Body) -> Bounds:
    """Return the bounds of what a body says as it is."""
    return Bounds(body, body)


def at_most(body: Body) -> Bounds:
    """Return the bounds of what a body only narrows down."""
    return Bounds(body, NOTHING)


def all_of(bounds: Iterable[Bounds]) -> Bounds:
    """Return the bounds of the intersection."""
    parts = list(bounds)
    return Bounds(both(part.possible for part in parts), both(part.sure for part in parts))


def any_of(bounds: Iterable[Bounds]) -> Bounds:
    """Return the bounds of the union."""
    parts = list(bounds)
    return Bounds(either(part.possible for part in parts), either(part.sure for part in parts))


def none_of(bounds: Bounds) -> Bounds:
    """Return the bounds of the complement: they change places."""
    return Bounds(without(bounds.sure), without(bounds.possible))


def both(bodies: Iterable[Body]) -> Body:
    """Return the intersection; of none, every document."""
    held: list[Body] = []
    denied: list[Body] = []
    for body in bodies:
        if body == NOTHING:
            return NOTHING
        inner = body.get("bool", {})
        if inner.keys() <= {"filter", "must_not"} and inner:
            held += inner.get("filter", ())
            denied += inner.get("must_not", ())
        elif body != EVERY:
            held.append(body)
    held, denied = _once(held), _once(denied)
    if not denied:
        return held[0] if len(held) == 1 else {"bool": {"filter": held}} if held else EVERY
    return {"bool": {"filter": held, "must_not": denied}} if held else {"bool": {"must_not": denied}}


def either(bodies: Iterable[Body]) -> Body:
    """Return the union; of none, no document."""
    parts: list[Body] = []
    values: dict[str, dict[str, None]] = {}
    for body in bodies:
        if body == EVERY:
            return EVERY
        for part in body["bool"]["should"] if "should" in body.get("bool", {}) else [body]:
            if "terms" in part:
                ((field, found),) = part["terms"].items()
                values.setdefault(field, {}).update(dict.fromkeys(found))
            elif part != NOTHING:
                parts.append(part)
    parts = [*(body for field, found in values.items() for body in _terms(field, list(found))), *_once(parts)]
    if not parts:
        return NOTHING
    return parts[0] if len(parts) == 1 else {"bool": {"should": parts, "minimum_should_match": 1}}


def without(body: Body) -> Body:
    """Return the complement."""
    if body == EVERY:
        return NOTHING
    if body == NOTHING:
        return EVERY
    inner = body.get("bool", {})
    if inner.keys() == {"must_not"}:
        return either(inner["must_not"])
    return {"bool": {"must_not": [body]}}


def one_of(field: str, values: Iterable[str]) -> Body:
    """Return that the field holds one of these values."""
    return either({"terms": {field: [value]}} for value in values)


def _terms(field: str, values: list[str]) -> list[Body]:
    return [{"terms": {field: values[at : at + _MOST_TERMS]}} for at in range(0, len(values), _MOST_TERMS)]


def _once(bodies: list[Body]) -> list[Body]:
    """Return each body once, in their order; large ones are not compared, because that takes longer than it saves."""
    return list({id(body) if body.keys() & _LARGE else repr(body): body for body in bodies}.values())
