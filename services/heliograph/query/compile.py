"""From what the grammar saw to the tree: fields, concepts and moments are resolved, and what cannot be is refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from difflib import get_close_matches
from typing import Any

from lark import Token, Tree

from heliograph.core.text import fold
from heliograph.errors import QueryError
from heliograph.query import moments
from heliograph.query.terms import ConceptTerm, concept_terms, is_prefix, parse_terms, unescape
from heliograph.query.tree import (
    FIELDS,
    TEXT_FIELDS,
    TIME_FIELDS,
    All,
    And,
    AnyOf,
    Chain,
    Concept,
    Exists,
    Is,
    Node,
    Not,
    Operand,
    Or,
    Range,
    Term,
    Text,
)

Part = Token | Tree[Any]
MAX_EXPANDED = 20_000
MAX_OPERANDS = 20


@dataclass
class Compiler:
    """Compiles one query; `concepts` gives the terms of each concept by id, `now` is None in a rule that is kept."""

    query: str
    concepts: Mapping[str, Sequence[ConceptTerm]]
    now: datetime | None
    zone: tzinfo
    expanded: int = 0

    def compile(self, part: Part) -> Node:
        """Return the tree. Raises QueryError."""
        node = self.node(part, "")
        if node is None:
            raise self.error("there are neither letters nor digits to look for", part, expected=("a word", "a phrase"))
        return node

    def node(self, part: Part, field: str) -> Node | None:
        """Return the node of `part` inside `field`, or None for a word of punctuation alone."""
        if isinstance(part, Token):
            return self.leaf(part, field)
        match part.data:
            case "or_expr":
                return _joined(Or, self.siblings(part, field))
            case "and_expr":
                return _joined(And, self.siblings(part, field))
            case "group":
                return self.node(part.children[1], field)
            case "negation":
                return self.negation(part, field)
            case "chain":
                return self.chain(part, field)
            case "field":
                return self.in_field(part, field)
            case _:
                return self.comparison(part, field)

    def siblings(self, part: Tree[Any], field: str) -> list[Node]:
        # A dash or an ampersand between words is what people type; beside words it asks for nothing.
        return [node for child in part.children if (node := self.node(child, field)) is not None]

    def negation(self, part: Tree[Any], field: str) -> Node:
        # A loop, so that a thousand `not` in a row nest no deeper than one; two of them cancel out.
        inner: Part = part
        negative = False
        while isinstance(inner, Tree) and inner.data == "negation":
            inner, negative = inner.children[1], not negative
        node = self.node(inner, field)
        if node is None:
            raise self.error("`not` has neither letters nor digits behind it", inner, expected=("a word",))
        return _negated(node) if negative else node

    # Leaves

    def leaf(self, token: Token, field: str) -> Node | None:
        if field == "" or field in TEXT_FIELDS:
            return self.text_leaf(token, field)
        if token.type == "CONCEPT":
            raise self.error(
                f"`{field}` is no text, so {token} cannot be looked for in it",
                token,
                hint=f"write concept: {token[1:]}" if field == "concept" else f"write {token} outside of `{field}:`",
            )
        if token.type == "STAR":
            return Exists(field, _start(token))
        return self.moment(field, ":", token) if field in TIME_FIELDS else self.value(field, token)

    def text_leaf(self, token: Token, field: str) -> Node | None:
        if token.type == "STAR":
            if field:
                raise self.error(f"`*` inside `{field}: ( … )` says nothing", token, hint=f"write {field}: * by itself")
            return All()
        looked_for: list[Node] = [Text(what, field) for what in self.terms(token)]  # type: ignore[arg-type]  # a field of TEXT_FIELDS or ""
        return _joined(Or, looked_for)

    def terms(self, token: Token) -> tuple[Term | Concept, ...]:
        """Return what a token looks for: one term, one for each language of a stem, or a concept."""
        if token.type == "CONCEPT":
            return (self.concept(token),)
        raw, position = str(token), _start(token)
        if raw[0] in "-!" and len(raw) > 1 and raw[1].isalnum():
            raise self.error(f"`{raw[0]}` does not exclude a word here", token, hint=f"write not {raw[1:]}")
        return parse_terms(raw, position=position, query=self.query)

    def concept(self, token: Token) -> Concept:
        name = unescape(token[1:])
        listed = self.concepts.get(name)
        if listed is None:
            near = get_close_matches(name, list(self.concepts), 1, 0.5)
            hint = f"did you mean @{near[0]}?" if near else "known are " + _listed(f"@{k}" for k in self.concepts)
            raise self.error(f"there is no concept `{name}`", token, hint=hint if self.concepts else "")
        terms = concept_terms(listed if isinstance(listed, tuple) else tuple(listed))
        self.expanded += len(terms)
        if self.expanded > MAX_EXPANDED:
            raise self.error(f"its concepts bring the query to more than {MAX_EXPANDED} terms", token)
        return Concept(name, terms, _start(token))

    def value(self, field: str, token: Token) -> Is:
        raw = str(token)
        prefix = is_prefix(raw)
        text = unescape(raw)
        text = text.rstrip().rstrip("*") if prefix else text
        value = fold(text)
        if "*" in text and not raw.startswith('"'):
            raise self.error(f"an asterisk can only end the value of `{field}`", token, hint="write \\* for the sign")
        if not value:
            raise self.error(f"the value of `{field}` has neither letters nor digits", token, expected=("a value",))
        return Is(field, value, prefix, f"{field}: {raw}", _start(token))

    def moment(self, field: str, operator: str, token: Token) -> Range:
        written = unescape(str(token))
        try:
            since, until = moments.bounds(operator, written, now=self.now, zone=self.zone)
        except ValueError as error:
            raise moments.wrong_moment(error, written, self.query, _start(token)) from None
        return Range(field, since, until, f"{field}{'' if operator == ':' else ' '}{operator} {token}", _start(token))

    # Fields

    def in_field(self, part: Tree[Any], outer: str) -> Node:
        field, value = self.field_name(part.children[0], ":", outer), part.children[-1]
        if field in TEXT_FIELDS and isinstance(value, Token) and value.type == "STAR":
            return Exists(field, _start(part))
        node = self.node(value, field)
        if node is None:
            raise self.error(f"`{field}` has neither letters nor digits to look for", value, expected=("a word",))
        return node

    def comparison(self, part: Tree[Any], outer: str) -> Node:
        head, value = part.children
        operator = head[len(head.rstrip("<>=")) :]
        field = self.field_name(head, operator, outer)
        if field not in TIME_FIELDS:
            raise self.error(f"`{field}` cannot be compared by {operator}", head, expected=TIME_FIELDS)
        return self.moment(field, operator, value)

    def field_name(self, head: Token, operator: str, outer: str) -> str:
        name = head[: -len(operator)].strip()
        field = name.lower()
        if field not in FIELDS:
            near = get_close_matches(field, FIELDS, 1, 0.6)
            hint = (
                f"did you mean {near[0]}{operator}?"
                if near
                else f'to look for the text, quote it: "{name}{operator} …"'
            )
            raise self.error(f"there is no field `{name}`", head, expected=FIELDS, hint=hint)
        if outer:
            raise self.error(
                f"`{field}` cannot stand inside `{outer}: ( … )`",
                head,
                hint=f"close the parenthesis of `{outer}` first",
            )
        return field

    # Chains

    def chain(self, part: Tree[Any], field: str) -> Node:
        operators = part.children[1::2]
        first = operators[0]
        if field and field not in TEXT_FIELDS:
            raise self.error(f"`{field}` is no text: words have no distance there", first)
        for other in operators[1:]:
            if other != first:
                raise self.error(
                    f"one chain has one distance: `{first}` and `{other}` stand in it",
                    other,
                    hint=f"write two chains: a {first} b and b {other} c",
                )
        name, _, distance = first.partition("/")
        operands: dict[Any, Operand] = {}
        for child in part.children[0::2]:
            operand = self.operand(child, name, field)
            key = _meaning(operand)
            if key in operands and name == "before":
                raise self.error("the same operand stands twice in this chain of `before`", child)
            operands.setdefault(key, operand)
        if len(operands) > MAX_OPERANDS:
            raise self.error(f"a chain has at most {MAX_OPERANDS} operands", first)
        if len(operands) == 1:
            only = next(iter(operands.values()))
            members = only.operands if isinstance(only, AnyOf) else (only,)
            return _joined(Or, [Text(each, field) for each in members]) or All()  # type: ignore[arg-type]  # as above
        chain = Chain(tuple(operands.values()), int(distance), name == "before", _start(part))
        return Text(chain, field)  # type: ignore[arg-type]  # as above

    def operand(self, part: Part, name: str, field: str) -> Operand:
        members = self.members(part, name, field)
        if not members:
            raise self.error(
                f"`{name}` has neither letters nor digits beside it", part, expected=("a word", "a phrase")
            )
        unique = {_meaning(member): member for member in reversed(members)}
        flat = tuple(reversed(unique.values()))
        return flat[0] if len(flat) == 1 else AnyOf(flat)

    def members(self, part: Part, name: str, field: str) -> list[Term | Concept]:
        if isinstance(part, Token):
            if part.type == "STAR":
                raise self.error(f"`*` cannot stand beside `{name}`", part, expected=("a word", "a phrase"))
            return list(self.terms(part))
        inner = part
        while inner.data == "group":
            inner = inner.children[1]
            if isinstance(inner, Token):
                return self.members(inner, name, field)
        if inner.data == "or_expr":
            return [member for child in inner.children for member in self.members(child, name, field)]
        message, hint = _not_flat(inner, name)
        raise self.error(message, inner, hint)

    def error(self, message: str, part: Part, hint: str = "", *, expected: tuple[str, ...] = ()) -> QueryError:
        return QueryError(message, query=self.query, position=_start(part), expected=expected, hint=hint)


def _start(part: Part) -> int:
    """Where a part begins; rules that drop their first terminal begin at the next one."""
    while isinstance(part, Tree):
        part = part.children[0]
    return part.start_pos or 0


def _joined(kind: type[And | Or], nodes: Iterable[Node]) -> Node | None:
    """Join nodes, taking in those of the same kind and leaving out repetition; None of none, one of one."""
    flat: dict[Node, None] = {}
    for node in nodes:
        flat.update(dict.fromkeys(node.nodes if isinstance(node, kind) else (node,)))  # type: ignore[attr-defined]  # And and Or have nodes
    if len(flat) < 2:
        return next(iter(flat), None)
    return kind(tuple(flat))


def _negated(node: Node) -> Node:
    return node.node if isinstance(node, Not) else Not(node)


def _meaning(operand: Operand) -> Any:
    """What makes two operands of a chain the same, however they are written."""
    match operand:
        case Term(atoms):
            return atoms
        case Concept(name):
            return name
        case AnyOf(operands):
            return frozenset(_meaning(each) for each in operands)


def _not_flat(part: Tree[Any], name: str) -> tuple[str, str]:
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


def _listed(names: Iterable[str]) -> str:
    some = sorted(names)
    return ", ".join(some[:8]) + (" …" if len(some) > 8 else "")
