"""Parts of a query that do nothing: proven on its tree, so that what is said is so.

Found are operands of an `or` that find nothing beside another one, in a query, in a group of a chain and in a
concept; parts that never hold, or never beside what stands with them; and negations that exclude nothing, or all.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from heliograph.detect.covers import Prover, operand_covers
from heliograph.query.check import first_position
from heliograph.query.render import shown
from heliograph.query.tree import And, AnyOf, Chain, Concept, Mode, Node, Not, Or, Range, Term, Text
from heliograph.query.unparse import unparse

Side = TypeVar("Side", Node, Term | Concept)


@dataclass(frozen=True, slots=True)
class DeadPart:
    """A part of a query of which the query says as much without it."""

    part: Node | Term | Concept
    position: int
    """Where it stands in the query's text."""
    message: str
    """What is wrong with it and what to do."""


def dead_parts(node: Node) -> Iterator[DeadPart]:
    """Yield the parts of a query that can be taken for something that never holds, each for itself.

    For an `and` that can never hold, what stands in it is not looked at.
    """
    yield from _Walk().walk(node, ())


class _Walk:
    def __init__(self) -> None:
        self._prover = Prover()

    def walk(self, node: Node, beside: tuple[Node, ...]) -> Iterator[DeadPart]:
        """Look at `node`; `beside` is what must hold as well for it to matter."""
        match node:
            case And(nodes):
                if (clash := self._clash(node, beside)) is not None:
                    yield clash
                    return
                for at, each in enumerate(nodes):
                    yield from self.walk(each, (*beside, *nodes[:at], *nodes[at + 1 :]))
            case Or(nodes):
                yield from self._any_of(nodes, beside)
            case Not(inner):
                cause = self._cause(inner, beside)
                if cause is not None:
                    message = f"`{_said(node)}` excludes nothing of what {cause} leaves: remove it"
                    yield DeadPart(inner, _position(inner), message)
                else:
                    yield from self.walk(inner, beside)
            case Text(Chain(operands=operands)):
                for operand in operands:
                    if isinstance(operand, AnyOf):
                        yield from _idle(operand.operands, operand_covers, _operand_said, _operand_position)
            case _:
                return

    def _any_of(self, nodes: tuple[Node, ...], beside: tuple[Node, ...]) -> Iterator[DeadPart]:
        alive = []
        for each in nodes:
            cause = self._cause(each, beside)
            if cause is None:
                alive.append(each)
            else:
                message = f"`{_said(each)}` never holds beside {cause}: remove it, or one of the two is wrong"
                yield DeadPart(each, _position(each), message)
        idle = list(_idle(alive, lambda wide, narrow: self._prover.follows(narrow, wide), _said, _position))
        yield from idle
        for each in alive:
            if not any(each is dead.part for dead in idle):
                yield from self.walk(each, beside)

    def _cause(self, node: Node, beside: Sequence[Node]) -> str | None:
        """Return what of `beside` denies `node`, as it is written; None where nothing provably does."""
        if not beside:
            return None
        if single := next((each for each in beside if self._prover.excludes(each, node)), None):
            return f"`{_said(single)}`"
        return "what stands beside it" if self._prover.excludes(And(tuple(beside)), node) else None

    def _clash(self, node: And, beside: tuple[Node, ...]) -> DeadPart | None:
        """Return why an `and` can never hold; the negation in it is blamed where there is one."""
        for each in sorted(node.nodes, key=lambda one: not isinstance(one, Not)):
            rest = (*(other for other in node.nodes if other is not each), *beside)
            cause = self._cause(each, rest)
            if cause is None:
                continue
            said = _said(each)
            if isinstance(each, Not):
                message = f"`{said}` excludes all that {cause} finds: narrow it or remove it"
            elif isinstance(each, Range):
                message = f"`{said}` has no moment in common with {cause}: correct one of the two"
            else:
                message = f"`{said}` and {cause} never hold together: write `or` between them, or remove one"
            return DeadPart(node, _position(each), message)
        return None


def _idle(
    sides: Sequence[Side],
    covers: Callable[[Side, Side], bool],
    said: Callable[[Side], str],
    position: Callable[[Side], int],
) -> Iterator[DeadPart]:
    """Yield what another operand of the same `or` finds as well.

    Of two that find the same, the later one. The several languages of one `~word` stand as one: it is idle where all
    of them are.
    """
    written: dict[Hashable, list[Side]] = {}
    for side in sides:
        written.setdefault((said(side), position(side)), []).append(side)
    groups = list(written.values())
    begin = [_pieces(group, first=True) for group in groups]

    def within(wide: list[Side], narrow: list[Side]) -> bool:
        return all(any(covers(one, other) for one in wide) for other in narrow)

    beginning: dict[str | None, list[int]] = {}
    for at, pieces in enumerate(begin):
        for piece in pieces or (None,):
            beginning.setdefault(piece, []).append(at)
    for at, group in enumerate(groups):
        inside: set[str] = _pieces(group, first=False)
        alike: list[str | None] = [*inside, None]
        near = {number for piece in alike for number in beginning.get(piece, ())}
        for number in sorted(near) if inside else range(len(groups)):
            wider = groups[number]
            if number != at and within(wider, group) and (number < at or not within(group, wider)):
                message = f"`{said(group[0])}` finds nothing that `{said(wider[0])}` does not: remove it"
                yield from [DeadPart(each, position(each), message) for each in group[:1]]
                break


def _pieces(group: Sequence[Node | Term | Concept], *, first: bool) -> set[str]:
    """Return the first two letters of the words of terms, or of their first words; nothing where that says nothing.

    A term without stems stands in no term that lacks its first word, so that of two thousand words few are compared.
    """
    pieces: set[str] = set()
    for side in group:
        term = side.what if isinstance(side, Text) else side
        if not isinstance(term, Term) or (first and term.atoms[0].mode is Mode.STEM):
            return set()
        pieces.update(atom.text[:2] for atom in (term.atoms[:1] if first else term.atoms))
    return pieces


def _said(node: Node) -> str:
    return shown(unparse(node))


def _position(node: Node) -> int:
    return first_position(node) or 0


def _operand_said(operand: Term | Concept) -> str:
    return shown(operand.written if isinstance(operand, Term) else f"@{operand.id}")


def _operand_position(operand: Term | Concept) -> int:
    return operand.position
