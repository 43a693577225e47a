"""One article against the compiled query of one topic, over the positions of numbered atoms.

This says exactly what `query.match.matches` says (a property test holds the two together on random trees and
documents), but looks nothing up by text: all topics share the positions found in one pass over the article.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from heliograph.detect.places import TEXT, TITLE, Found, Looked
from heliograph.query.chains import holds
from heliograph.query.match import matches
from heliograph.query.tree import And, Atom, Chain, Concept, Node, Not, Operand, Or, Term, Text

_FIELDS = {"": (TITLE, TEXT), "title": (TITLE,), "text": (TEXT,)}


class Check(Protocol):
    """A compiled node."""

    def holds(self, found: Found) -> bool:
        """Tell whether the node holds for the article."""
        ...

    def reasons(self, found: Found) -> Iterator[Text]:
        """Yield the text nodes through which a node that holds does so, with the terms alone that are there.

        Evidence for their conjunction is evidence for the node, and is found faster than in the whole of a query whose
        concepts have hundreds of terms.
        """
        ...


class _Text:
    """A term, or any of a concept's terms, in any of the fields."""

    __slots__ = ("fields", "looked", "node")

    def __init__(self, node: Text, looked: Looked) -> None:
        self.node = node
        self.looked = looked
        self.fields = _FIELDS[node.field]

    def holds(self, found: Found) -> bool:
        if len(self.fields) > 1:
            return self.looked.anywhere(found)
        return self.looked.within(found, self.fields[0])

    def reasons(self, found: Found) -> Iterator[Text]:
        what = self.looked.present(found)
        assert isinstance(what, Term | Concept), "an or-group stands in chains alone"
        yield Text(what, self.node.field)


class _Chain:
    """`near` or `before`."""

    __slots__ = ("chain", "fields", "node", "operands")

    def __init__(self, node: Text, chain: Chain, operands: tuple[Looked, ...]) -> None:
        self.node = node
        self.chain = chain
        self.operands = operands
        self.fields = _FIELDS[node.field]

    def holds(self, found: Found) -> bool:
        known = found.chains.get(self)
        if known is None:
            # That an operand stands nowhere shows without any position.
            there = all(looked.anywhere(found) for looked in self.operands)
            known = found.chains[self] = there and any(self._in(found, field) for field in self.fields)
        return known

    def _in(self, found: Found, field: int) -> bool:
        spans = []
        for looked in self.operands:
            own = looked.spans(found, field)
            if not own:
                return False
            spans.append(own)
        return holds(spans, self.chain.distance, ordered=self.chain.ordered)

    def reasons(self, found: Found) -> Iterator[Text]:
        operands = tuple(looked.present(found) for looked in self.operands)
        chain = Chain(operands, self.chain.distance, self.chain.ordered, self.chain.position)
        yield Text(chain, self.node.field)


class _All:
    __slots__ = ("checks",)

    def __init__(self, checks: tuple[Check, ...]) -> None:
        self.checks = checks

    def holds(self, found: Found) -> bool:
        for check in self.checks:  # noqa: SIM110 - over ten thousand topics a generator takes most of the time
            if not check.holds(found):
                return False
        return True

    def reasons(self, found: Found) -> Iterator[Text]:
        for check in self.checks:
            yield from check.reasons(found)


class _Any:
    __slots__ = ("checks",)

    def __init__(self, checks: tuple[Check, ...]) -> None:
        self.checks = checks

    def holds(self, found: Found) -> bool:
        for check in self.checks:  # noqa: SIM110 - as above
            if check.holds(found):
                return True
        return False

    def reasons(self, found: Found) -> Iterator[Text]:
        for check in self.checks:
            if check.holds(found):
                yield from check.reasons(found)


class _Not:
    __slots__ = ("check",)

    def __init__(self, check: Check) -> None:
        self.check = check

    def holds(self, found: Found) -> bool:
        return not self.check.holds(found)

    def reasons(self, found: Found) -> Iterator[Text]:  # noqa: ARG002 - an absence is nowhere
        yield from ()


class _Value:
    """A condition on fields other than title and text: asked of the query's own evaluator."""

    __slots__ = ("node",)

    def __init__(self, node: Node) -> None:
        self.node = node

    def holds(self, found: Found) -> bool:
        return matches(self.node, found.view)

    def reasons(self, found: Found) -> Iterator[Text]:  # noqa: ARG002 - values give no evidence
        yield from ()


def compile_check(node: Node, number: Callable[[Atom], int]) -> Check:
    """Return the check for `node`; `number` gives an atom's number, and is called for every use that is counted."""
    return _Compiler(number).compile(node)


class _Compiler:
    """Compiles one tree; a concept named several times is looked for once."""

    def __init__(self, number: Callable[[Atom], int]) -> None:
        self._number = number
        self._concepts: dict[tuple[str, tuple[Term, ...]], Looked] = {}

    def compile(self, node: Node) -> Check:
        match node:
            case And(nodes):
                return _All(tuple(map(self.compile, nodes)))
            case Or(nodes):
                return _Any(tuple(map(self.compile, nodes)))
            case Not(inner):
                return _Not(self.compile(inner))
            case Text(Chain(operands=operands) as chain):
                return _Chain(node, chain, tuple(map(self._looked, operands)))
            case Text(Term() | Concept() as what):
                return _Text(node, self._looked(what))
        return _Value(node)

    def _looked(self, operand: Operand) -> Looked:
        if not isinstance(operand, Concept):
            return Looked(operand, self._number)
        key = (operand.id, operand.terms)
        if key not in self._concepts:
            self._concepts[key] = Looked(operand, self._number)
        return self._concepts[key]


def reasons_of(check: Check, found: Found) -> tuple[Text, ...]:
    """Return the text nodes whose evidence is that of the check, which holds; none where only values are the reason."""
    return tuple(dict.fromkeys(check.reasons(found)))
