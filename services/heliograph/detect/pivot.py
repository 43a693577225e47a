"""Which few keys of a query must be in an article for the query to have a chance there.

A topic is registered under its pivot alone: the AND-group whose keys are expected in the fewest articles. An article
without any of the keys costs the topic nothing. What can hold without any word or value being there (a negation, a time
range, `*`) gives no pivot; a query of nothing else would have to be tried on every article and is refused.
"""

from __future__ import annotations

from dataclasses import dataclass

from heliograph.core.text import fold
from heliograph.detect.places import terms_of
from heliograph.query.tree import (
    KEYWORD_FIELDS,
    NAME_FIELDS,
    And,
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
    Term,
    Text,
)


@dataclass(frozen=True, slots=True)
class ValueKey:
    """A value, or with `prefix` the beginning of one, in a keyword field; or a word of one in a name field.

    An empty value with `prefix` stands for any value at all.
    """

    field: str
    value: str
    prefix: bool = False


Key = Atom | ValueKey
Pivot = frozenset[Key]

_FREQUENT = 3.0
_FREQUENT = 3.0
_SHORT = 2.0


def pivot_of(node: Node, *, negated: bool = False) -> Pivot | None:
    """Return keys of which at least one is in every document that `node` holds for, or None where there are none.

    With `negated`, in every document that it does not hold for.
    """
    match node:
        case Not(inner):
            return pivot_of(inner, negated=not negated)
        case And(nodes) | Or(nodes):
            found = [pivot_of(each, negated=negated) for each in nodes]
            pivots = [pivot for pivot in found if pivot is not None]
            # By De Morgan, a negated `or` is an `and` of negations, and the other way round.
            if isinstance(node, And) is not negated:
                return _rarest(pivots)
            return frozenset[Key]().union(*pivots) if len(pivots) == len(found) else None
        case _ if negated:
            return None
        case Text(Chain(operands=operands)):
            return _rarest([_of_operand(operand) for operand in operands])
        case Text(Term() | Concept() as what):
            return _of_operand(what)
        case Is(field, value, prefix):
            return frozenset({_value_key(field, value, prefix=prefix)})
        case Exists(field):
            return frozenset({ValueKey(field, "", prefix=True)}) if field in (*KEYWORD_FIELDS, *NAME_FIELDS) else None
        case _:
            return None


def cost(pivot: Pivot) -> float:
    """Estimate how often an article has one of the keys: only the order of the estimates matters.

    Words get rarer with length (in news text of the seven languages roughly by half a letter, from about one article in
    two at three letters); a prefix is as frequent as all that it begins, taken as a word two letters shorter; stems lie
    between. A digit string is rare. A source or feed is one of hundreds; other values are one of a few.
    """
    return sum(map(_cost, pivot))


def _cost(key: Key) -> float:
    if isinstance(key, ValueKey):
        if not key.value:
            return 1.0
        return 0.02 if key.field in ("source", "feed", "author", "url") else 0.3
    length = float(len(key.text))
    if key.mode is Mode.PREFIX:
        length -= 2
    elif key.mode is Mode.STEM:
        length -= 1
    return float(2.0 ** -max(length - _FREQUENT, -_SHORT))


def _of_operand(operand: Operand) -> Pivot:
    return frozenset(min(term.atoms, key=_cost) for term in terms_of(operand) if term.atoms)


def _rarest(pivots: list[Pivot]) -> Pivot | None:
    return min(pivots, key=cost) if pivots else None


def _value_key(field: str, value: str, *, prefix: bool) -> ValueKey:
    if field not in NAME_FIELDS:
        return ValueKey(field, value, prefix)
    words = fold(value).split() or [value]
    return ValueKey(field, words[0], prefix and len(words) == 1)
