"""Refuses queries that could hold by absence alone: they would return, or flag, nearly everything there is."""

from __future__ import annotations

from heliograph.errors import QueryError
from heliograph.query.tree import All, And, Chain, Concept, Exists, Is, Node, Not, Or, Range, Term, Text

_LATER = ("topic", "concept", "story")


def check_positive(node: Node, *, standing: bool = False, query: str = "") -> None:
    """Raise QueryError unless the presence of something bounds what `node` finds.

    A search is bounded by text, a value, a time, a field that exists, or `*`, which says that everything is wanted. A
    standing rule needs text or a value that an article has when it arrives: a time alone, `*`, `field: *` or a topic
    does not say what the rule is about.
    """
    if standing:
        _check_known(node, query)
    if _bounded(node, standing=standing):
        return
    what = "text or a value to look for" if standing else "something to look for"
    raise QueryError(
        f"the query needs {what}: as it stands, articles are found for what they do not say",
        query=query,
        position=first_position(node) or 0,
        expected=("a word", "a phrase", "@concept", "field: value"),
        hint="" if standing else "to see all articles but these, write * and not …",
    )


def _bounded(node: Node, *, standing: bool, negative: bool = False) -> bool:
    """Whether `node` (or its negation) can hold only where something is present."""
    match node:
        case Not(inner):
            return _bounded(inner, standing=standing, negative=not negative)
        case And(nodes) | Or(nodes):
            # By De Morgan, a negated `or` is an `and` of negations, and the other way round.
            enough = any if isinstance(node, And) is not negative else all
            return enough(_bounded(each, standing=standing, negative=negative) for each in nodes)
        case Text() | Is():
            return not negative
        case _:
            return not negative and not standing


def _check_known(node: Node, query: str) -> None:
    for leaf in leaves(node):
        if isinstance(leaf, Is | Exists) and leaf.field in _LATER:
            raise QueryError(
                f"`{leaf.field}` is not known yet when a topic is matched",
                query=query,
                position=leaf.position,
                hint="write @name for a concept" if leaf.field == "concept" else "",
            )


def leaves(node: Node) -> list[Text | Is | Range | Exists | All]:
    """Return the leaves of a tree in the order of the query."""
    match node:
        case And(nodes) | Or(nodes):
            return [leaf for each in nodes for leaf in leaves(each)]
        case Not(inner):
            return leaves(inner)
        case _:
            return [node]


def first_position(node: Node) -> int | None:
    """Return where the first leaf of a tree stands in the query text; None where only `*` is in it."""
    for leaf in leaves(node):
        match leaf:
            case Text(what=Term() | Concept() | Chain() as what):
                return what.position
            case Is() | Range() | Exists():
                return leaf.position
            case _:
                continue
    return None
