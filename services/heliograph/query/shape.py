"""How the nodes of a tree are put together, and what is said of what cannot be."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from difflib import get_close_matches

from lark import Token, Tree

from heliograph.query.tree import And, AnyOf, Concept, Node, Not, Operand, Or, Term

Part = Token | Tree[Token]
"""What the grammar hands over: a terminal, or a rule with its parts."""


def start(part: Part) -> int:
    """Where a part begins; rules that drop their first terminal begin at the next one."""
    while isinstance(part, Tree):
        part = part.children[0]
    return part.start_pos or 0


def joined(kind: type[And | Or], nodes: Iterable[Node]) -> Node | None:
    """Join nodes, taking in those of the same kind and leaving out repetition; None of none, one of one."""
    flat: dict[Node, None] = {}
    for node in nodes:
        flat.update(dict.fromkeys(node.nodes if isinstance(node, kind) else (node,)))
    if len(flat) < 2:
        return next(iter(flat), None)
    return kind(tuple(flat))


def negated(node: Node) -> Node:
    """Negate; two negations cancel out."""
    return node.node if isinstance(node, Not) else Not(node)


def meaning(operand: Operand) -> Hashable:
    """What makes two operands of a chain the same, however they are written."""
    match operand:
        case Term(atoms):
            return atoms
        case Concept(name):
            return name
        case AnyOf(operands):
            return frozenset(meaning(each) for each in operands)


def not_flat(part: Tree[Token], name: str) -> tuple[str, str]:
    """Return what is wrong with `part` as an operand of `near` or `before`, and what to write instead."""
    if part.data == "negation":
        return f"`not` binds tighter than `{name}`, and no word can be near an absence", f"write not (a {name}/5 b)"
    if part.data == "chain":
        return f"`{name}` cannot hold another chain", "write two chains joined by and: a near/5 b and b near/5 c"
    if part.data in {"field", "comparison"}:
        return f"a field cannot stand beside `{name}`", f"put the field around the chain: title: (a {name}/5 b)"
    return (
        f"`and` cannot stand beside `{name}`",
        f"write a {name}/5 c and b {name}/5 c, or quote words that form a phrase",
    )


def did_you_mean(name: str, known: Iterable[str], sign: str = "") -> str:
    """Return advice that names the nearest known name, or else some of those known; empty where none is."""
    names = sorted(known)
    if near := get_close_matches(name, names, 1, 0.5):
        return f"did you mean {sign}{near[0]}?"
    some = ", ".join(sign + each for each in names[:8]) + (" …" if len(names) > 8 else "")
    return f"known are {some}" if some else ""
