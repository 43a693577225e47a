"""A tree as query text, and as an indented outline for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from heliograph.query.tree import (
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

# How tightly a rendered part binds; a looser part inside a tighter one needs parentheses.
_OR, _AND, _CHAIN, _ATOM = range(4)
_MOST_TERMS = 12


def unparse(node: Node) -> str:
    """Return query text for a tree; parsing it again, with the same concepts and the same now, gives an equal tree.

    That holds for trees that `parse` made. A tree made by hand, whose terms may say nothing of how they are written,
    gives text of the same meaning as long as it has no stems.
    """
    return _render(node)[0]


def _render(node: Node) -> tuple[str, int]:
    match node:
        case Text(what, field):
            text, level = _operand(what) if not isinstance(what, Chain) else (_chain(what), _CHAIN)
            if not field:
                return text, level
            return f"{field}: {text}" if level == _ATOM else f"{field}: ({text})", _ATOM
        case Or(nodes):
            return _join(" or ", (_render(each) for each in nodes), _OR)
        case And(nodes):
            return _join(" and ", (_render(each) for each in nodes), _AND)
        case Not(inner):
            return f"not {_tight(*_render(inner), _ATOM)}", _CHAIN
        case Is(field, value, prefix, written):
            return written or f'{field}: "{value}{"*" if prefix else ""}"', _ATOM
        case Range():
            return _range(node)
        case Exists(field):
            return f"{field}: *", _ATOM
        case All():
            return "*", _ATOM


def _join(sign: str, parts: Iterable[tuple[str, int]], level: int) -> tuple[str, int]:
    """Join parts; the several languages of one `~word` are written once."""
    unique = dict(parts)
    if len(unique) == 1:
        return next(iter(unique.items()))
    return sign.join(_tight(text, inner, level + 1) for text, inner in unique.items()), level


def _tight(text: str, level: int, needed: int) -> str:
    return text if level >= needed else f"({text})"


def _operand(operand: Operand) -> tuple[str, int]:
    match operand:
        case Term(atoms, written):
            return written or _spelt(atoms), _ATOM
        case Concept(name):
            return f"@{name}", _ATOM
        case AnyOf(operands):
            return _join(" or ", (_operand(each) for each in operands), _OR)


def _spelt(atoms: tuple[Atom, ...]) -> str:
    signs = {Mode.EXACT: "{}", Mode.PREFIX: "{}*", Mode.STEM: "~{}"}
    return '"' + " ".join(signs[atom.mode].format(atom.text) for atom in atoms) + '"'


def _chain(chain: Chain) -> str:
    sign = f" {'before' if chain.ordered else 'near'}/{chain.distance} "
    return sign.join(_tight(*_operand(each), _ATOM) for each in chain.operands)


def _range(node: Range) -> tuple[str, int]:
    if node.written:
        return node.written, _ATOM
    bounds = [(">=", node.since), ("<", node.until)]
    parts = [f"{node.field} {sign} {_moment(moment)}" for sign, moment in bounds if moment]
    if not parts:
        return f"{node.field}: *", _ATOM
    return (parts[0], _ATOM) if len(parts) == 1 else (" and ".join(parts), _AND)


def _moment(moment: datetime) -> str:
    # Six digits of a second: fewer would name a longer period, and a period's end is not its start.
    return moment.isoformat(timespec="microseconds")


def describe(node: Node) -> str:
    """Return an outline of a tree, one line a node, two spaces a level."""
    return "\n".join("  " * depth + line for depth, line in _outline(node, 0))


def _outline(node: Node, depth: int) -> Iterator[tuple[int, str]]:
    match node:
        case And(nodes) | Or(nodes):
            yield depth, "all of" if isinstance(node, And) else "any of"
            for each in nodes:
                yield from _outline(each, depth + 1)
        case Not(inner):
            yield depth, "not"
            yield from _outline(inner, depth + 1)
        case Text(what, field):
            where = f"in {field}" if field else "in title or text"
            if isinstance(what, Chain):
                order = "in this order" if what.ordered else "in any order"
                yield depth, f"within {what.distance} words of each other, {order}, {where}"
                for operand in what.operands:
                    yield from _outline_operand(operand, depth + 1, "")
            else:
                yield from _outline_operand(what, depth, f" {where}")
        case Is(field, value, prefix):
            yield depth, f"{field} {'begins with' if prefix else 'is'} `{value}`"
        case Range(field, since, until):
            bounds = [f"from {since.isoformat()}" if since else "", f"before {until.isoformat()}" if until else ""]
            yield depth, " ".join([field, *filter(None, bounds)])
        case Exists(field):
            yield depth, f"{field} has a value"
        case All():
            yield depth, "every article"


def _outline_operand(operand: Operand, depth: int, where: str) -> Iterator[tuple[int, str]]:
    match operand:
        case Term():
            yield depth, _term_line(operand) + where
        case Concept(name, terms):
            yield depth, f"concept @{name}{where}, any of {len(terms)} terms"
            for term in terms[:_MOST_TERMS]:
                yield depth + 1, _term_line(term)
            if len(terms) > _MOST_TERMS:
                yield depth + 1, f"… and {len(terms) - _MOST_TERMS} more"
        case AnyOf(operands):
            yield depth, "any of"
            for each in operands:
                yield from _outline_operand(each, depth + 1, "")


def _term_line(term: Term) -> str:
    words = " ".join(_atom_line(atom) for atom in term.atoms)
    return f"phrase {words}" if len(term.atoms) > 1 else words


def _atom_line(atom: Atom) -> str:
    if atom.mode is Mode.PREFIX:
        return f"`{atom.text}…`"
    return f"`{atom.text}`" if atom.mode is Mode.EXACT else f"~`{atom.text}` (stem, {atom.language})"
