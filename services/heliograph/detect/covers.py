"""What follows from a query, proven on its tree alone: does all that one finds belong to what another finds?

A proof, or nothing: where `Prover.follows` answers True, every document that the narrow query holds for is one that
the wide query holds for; where it answers False, that may be so or not. Concepts count with the terms they have now.

Rules, from the leaves up: a prefix takes in the words and prefixes that begin with it, a stem the words that have it;
a phrase holds where a longer one holds; a chain holds where one of the same operands with a smaller distance does; a
value and its prefixes, and of a field that has one value no other; a period and what lies around it; De Morgan.

No term is dead by itself, and no chain: folding twice changes nothing, so that a term finds the text it was made of,
and its operands written one behind the other satisfy any chain (both are laws, held by property tests).
"""

from __future__ import annotations

from collections.abc import Sequence

from heliograph.detect.places import terms_of
from heliograph.query.morphology import stem_key
from heliograph.query.tree import (
    NAME_FIELDS,
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
    Operand,
    Or,
    Range,
    Term,
    Text,
)

_SINGLE = ("source", "feed", "country", "ownership", "language", "story", "url")
"""Fields of which an article has one value at most."""

_REMEMBERED = 50_000


class Prover:
    """Proves; remembers what it has looked at, so that one prover serves all questions about some trees."""

    def __init__(self) -> None:
        # By identity: hashing a tree costs as much as walking it. The nodes are kept, so that no identity is reused.
        self._normal: dict[tuple[int, bool], tuple[Node, Node]] = {}
        self._known: dict[tuple[int, int], tuple[Node, Node, bool]] = {}

    def follows(self, narrow: Node, wide: Node) -> bool:
        """Return whether `wide` provably holds wherever `narrow` holds."""
        return self._follows(self._pushed(narrow, negative=False), self._pushed(wide, negative=False))

    def excludes(self, one: Node, other: Node) -> bool:
        """Return whether the two provably never hold together."""
        return self._follows(self._pushed(one, negative=False), self._pushed(other, negative=True))

    def _pushed(self, node: Node, *, negative: bool) -> Node:
        """Return `node` or its negation with `not` at the leaves alone."""
        known = self._normal.get((id(node), negative))
        if known is None:
            known = self._normal[id(node), negative] = node, self._push(node, negative=negative)
        return known[1]

    def _push(self, node: Node, *, negative: bool) -> Node:
        match node:
            case Not(inner):
                return self._pushed(inner, negative=not negative)
            case And(nodes) | Or(nodes):
                pushed = tuple(self._pushed(each, negative=negative) for each in nodes)
                return And(pushed) if isinstance(node, And) is not negative else Or(pushed)
            case All() if negative:
                return Or(())
            case _:
                return Not(node) if negative else node

    def _follows(self, narrow: Node, wide: Node) -> bool:
        if isinstance(narrow, Text) and isinstance(wide, Text):
            # The many: remembering them would cost more than looking again.
            return _leaf_follows(narrow, wide)
        if len(self._known) > _REMEMBERED:
            self._known.clear()
        known = self._known.get((id(narrow), id(wide)))
        if known is None:
            known = self._known[id(narrow), id(wide)] = narrow, wide, self._derived(narrow, wide)
        return known[2]

    def _derived(self, narrow: Node, wide: Node) -> bool:
        if isinstance(wide, And):
            return all(self._follows(narrow, each) for each in wide.nodes)
        if isinstance(narrow, Or):
            return all(self._follows(each, wide) for each in narrow.nodes)
        if isinstance(narrow, And) and any(self._follows(each, wide) for each in narrow.nodes):
            return True
        if isinstance(wide, Or):
            if any(self._follows(narrow, each) for each in wide.nodes):
                return True
            # What one operand alone does not take in, several may: a concept is the `or` of its terms.
            terms = _alternatives(narrow)
            return len(terms) > 1 and all(any(_leaf_follows(term, each) for each in wide.nodes) for term in terms)
        match narrow, wide:
            case (And(), _):
                return isinstance(wide, All)
            case (Not(denied), Not(wider)):
                return _leaf_follows(wider, denied)
            case (Not(), _):
                return isinstance(wide, All)
            case (_, Not(other)):
                return _disjoint(narrow, other)
            case _:
                return _leaf_follows(narrow, wide)


def operand_covers(wide: Operand, narrow: Operand) -> bool:
    """Return whether `wide` provably stands at each span of words at which `narrow` stands: the same words, no fewer.

    In a chain, fewer words would leave more of a gap.
    """
    if wide == narrow:
        return True
    terms = terms_of(wide)
    return all(any(term_covers(term, other) for term in terms) for other in terms_of(narrow))


def term_covers(wide: Term, narrow: Term) -> bool:
    """Return whether `wide` provably stands wherever `narrow` does, word for word."""
    return len(wide.atoms) == len(narrow.atoms) and all(map(_atom_covers, wide.atoms, narrow.atoms))


def _atom_covers(wide: Atom, narrow: Atom) -> bool:
    if wide == narrow:
        return True
    if wide.mode is Mode.PREFIX:
        return narrow.mode is not Mode.STEM and narrow.text.startswith(wide.text)
    # Of a stem or a prefix it is not known which words it takes in besides.
    exact = wide.mode is Mode.STEM and narrow.mode is Mode.EXACT
    return exact and stem_key(narrow.text, wide.language) == wide.text


def _alternatives(node: Node) -> list[Node]:
    if isinstance(node, Text) and isinstance(node.what, Concept):
        return [Text(term, node.field) for term in node.what.terms]
    return [node]


def _leaf_follows(narrow: Node, wide: Node) -> bool:
    match narrow, wide:
        case (_, All()):
            return True
        case (Text(), Text()):
            return wide.field in ("", narrow.field) and _text_follows(narrow.what, wide.what)
        case (Text(field=field) | Is(field=field) | Range(field=field) | Exists(field=field), Exists(asked)):
            return field == asked
        case (Is(), Is()):
            return narrow.field == wide.field and _value_follows(narrow, wide)
        case (Range(), Range()):
            return (
                narrow.field == wide.field
                and (wide.since is None or (narrow.since is not None and narrow.since >= wide.since))
                and (wide.until is None or (narrow.until is not None and narrow.until <= wide.until))
            )
        case _:
            return False


def _value_follows(narrow: Is, wide: Is) -> bool:
    if wide.field in NAME_FIELDS:
        asked, there = (f" {each.value}" if each.prefix else f" {each.value} " for each in (wide, narrow))
        return asked in there
    return narrow.value.startswith(wide.value) if wide.prefix else (not narrow.prefix and narrow.value == wide.value)


def _disjoint(one: Node, other: Node) -> bool:
    match one, other:
        case (Is(), Is()) if one.field == other.field and one.field in _SINGLE:
            # Two beginnings, or a beginning and a value, are of one value where one begins with the other.
            shorter, longer = sorted((one, other), key=lambda each: len(each.value))
            return not (longer.value.startswith(shorter.value) and (shorter.prefix or shorter.value == longer.value))
        case (Range(), Range()) if one.field == other.field:
            since = [each.since for each in (one, other) if each.since is not None]
            until = [each.until for each in (one, other) if each.until is not None]
            return bool(since and until) and max(since) >= min(until)
        case _:
            return False


def _text_follows(narrow: Term | Concept | Chain, wide: Term | Concept | Chain) -> bool:
    if narrow == wide:
        return True
    if isinstance(narrow, Concept):
        return all(_text_follows(term, wide) for term in narrow.terms)
    if isinstance(wide, Chain):
        if isinstance(narrow, Term):
            # A phrase is a chain of its words without any between them.
            narrow = Chain(tuple(Term((atom,), "") for atom in narrow.atoms), 0, ordered=True)
        return _chain_follows(narrow, wide)
    if isinstance(narrow, Chain):
        return any(all(_stands_in(wide, term) for term in terms_of(operand)) for operand in narrow.operands)
    return _stands_in(wide, narrow)


def _stands_in(wide: Term | Concept, narrow: Term) -> bool:
    """Whether one of the terms of `wide` stands, perhaps as a part, wherever `narrow` does."""
    long = len(narrow.atoms)
    return any(
        all(map(_atom_covers, term.atoms, narrow.atoms[start:]))
        for term in terms_of(wide)
        for start in range(long - len(term.atoms) + 1)
    )


def _chain_follows(narrow: Chain, wide: Chain) -> bool:
    """Whether the spans that satisfy `narrow` satisfy `wide`: each operand of `wide` takes the span of one of them.

    The words of operands of `narrow` that are left over count as words between, which only a larger distance allows.
    """
    if wide.ordered and not narrow.ordered:
        return False
    taken: list[int] = []
    for operand in wide.operands:
        after = taken[-1] + 1 if wide.ordered and taken else 0
        fitting = [at for at in range(after, len(narrow.operands)) if operand_covers(operand, narrow.operands[at])]
        if not fitting:
            return False
        taken.append(next((at for at in fitting if at not in taken), fitting[0]))
    left = [operand for at, operand in enumerate(narrow.operands) if at not in taken]
    return wide.distance >= narrow.distance + _words(left)


def _words(operands: Sequence[Operand]) -> int:
    return sum(max(len(term.atoms) for term in terms_of(operand)) for operand in operands)
