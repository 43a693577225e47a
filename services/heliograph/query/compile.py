"""From what the grammar saw to the tree: fields, concepts and moments are resolved, and what cannot be is refused."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from difflib import get_close_matches

from lark import Token, Tree

from heliograph.core.text import fold
from heliograph.errors import QueryError
from heliograph.query import moments
from heliograph.query.habits import habit
from heliograph.query.render import shown
from heliograph.query.shape import Part, did_you_mean, joined, meaning, negated, not_flat, start
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
    Operand,
    Or,
    Range,
    Term,
    Text,
)

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
                return joined(Or, self.siblings(part, field))
            case "and_expr":
                return joined(And, self.siblings(part, field))
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

    def siblings(self, part: Tree[Token], field: str) -> list[Node]:
        # A dash or an ampersand between words is what people type; beside words it asks for nothing.
        return [node for child in part.children if (node := self.node(child, field)) is not None]

    def negation(self, part: Tree[Token], field: str) -> Node:
        # A loop, so that a thousand `not` in a row nest no deeper than one; two of them cancel out.
        inner: Part = part
        negative = False
        while isinstance(inner, Tree) and inner.data == "negation":
            inner, negative = inner.children[1], not negative
        node = self.node(inner, field)
        if node is None:
            raise self.error("`not` has neither letters nor digits behind it", inner, expected=("a word",))
        return negated(node) if negative else node

    # Leaves

    def leaf(self, token: Token, field: str) -> Node | None:
        if field == "" or field in TEXT_FIELDS:
            return self.text_leaf(token, field)
        if token.type == "CONCEPT":
            raise self.error(
                f"`{field}` is no text, so {shown(token)} cannot be looked for in it",
                token,
                hint=f"write concept: {shown(token[1:])}"
                if field == "concept"
                else f"write {shown(token)} outside of `{field}:`",
            )
        if token.type == "STAR":
            return Exists(field, start(token))
        return self.moment(field, ":", token) if field in TIME_FIELDS else self.value(field, token)

    def text_leaf(self, token: Token, field: str) -> Node | None:
        if token.type == "STAR":
            if field:
                raise self.error(f"`*` inside `{field}: ( … )` says nothing", token, hint=f"write {field}: * by itself")
            return All()
        looked_for: list[Node] = [Text(what, field) for what in self.terms(token)]  # type: ignore[arg-type]  # a field of TEXT_FIELDS or ""
        return joined(Or, looked_for)

    def terms(self, token: Token) -> tuple[Term | Concept, ...]:
        """Return what a token looks for: one term, one for each language of a stem, or a concept."""
        if token.type == "CONCEPT":
            return (self.concept(token),)
        raw, position = str(token), start(token)
        if mistaken := habit(raw):
            raise self.error(mistaken[0], token, hint=mistaken[1])
        try:
            return parse_terms(raw, position=position)
        except QueryError as error:
            raise self.error(str(error), token, error.hint) from None

    def concept(self, token: Token) -> Concept:
        name = unescape(token[1:])
        listed = self.concepts.get(name)
        if listed is None:
            raise self.error(f"there is no concept `{shown(name)}`", token, did_you_mean(name, self.concepts, "@"))
        try:
            terms = concept_terms(listed if isinstance(listed, tuple) else tuple(listed))
        except QueryError as error:
            raise self.error(f"concept `{name}`: {error}", token, error.hint) from None
        self.expanded += len(terms)
        if self.expanded > MAX_EXPANDED:
            raise self.error(f"its concepts bring the query to more than {MAX_EXPANDED} terms", token)
        return Concept(name, terms, start(token))

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
        return Is(field, value, prefix, f"{field}: {raw}", start(token))

    def moment(self, field: str, operator: str, token: Token) -> Range:
        written = unescape(str(token))
        try:
            since, until = moments.bounds(operator, written, now=self.now, zone=self.zone)
        except ValueError as error:
            raise moments.wrong_moment(error, written, self.query, start(token)) from None
        return Range(field, since, until, f"{field}{'' if operator == ':' else ' '}{operator} {token}", start(token))

    # Fields

    def in_field(self, part: Tree[Token], outer: str) -> Node:
        head, value = part.children[0], part.children[-1]
        assert isinstance(head, Token)
        field = self.field_name(head, ":", outer)
        if field in TEXT_FIELDS and isinstance(value, Token) and value.type == "STAR":
            return Exists(field, start(part))
        node = self.node(value, field)
        if node is None:
            raise self.error(f"`{field}` has neither letters nor digits to look for", value, expected=("a word",))
        return node

    def comparison(self, part: Tree[Token], outer: str) -> Node:
        head, value = part.children
        assert isinstance(head, Token)
        assert isinstance(value, Token)
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
            quote = f'to look for the text, quote it: "{shown(name)}{operator} …"'
            hint = f"did you mean {near[0]}{operator}?" if near else quote
            raise self.error(f"there is no field `{shown(name)}`", head, expected=FIELDS, hint=hint)
        if outer:
            raise self.error(
                f"`{field}` cannot stand inside `{outer}: ( … )`",
                head,
                hint=f"close the parenthesis of `{outer}` first",
            )
        return field

    # Chains

    def chain(self, part: Tree[Token], field: str) -> Node:
        operators = [operator for operator in part.children[1::2] if isinstance(operator, Token)]
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
        operands: dict[Hashable, Operand] = {}
        for child in part.children[0::2]:
            operand = self.operand(child, name, field)
            key = meaning(operand)
            if key in operands and name == "before":
                raise self.error("the same operand stands twice in this chain of `before`", child)
            operands.setdefault(key, operand)
        if len(operands) > MAX_OPERANDS:
            raise self.error(f"a chain has at most {MAX_OPERANDS} operands", first)
        if len(operands) == 1:
            only = next(iter(operands.values()))
            # One operand, however often it is repeated, is near itself: the chain says no more than that.
            alone = [Text(each, field) for each in (only.operands if isinstance(only, AnyOf) else (only,))]  # type: ignore[arg-type]  # as above
            return alone[0] if len(alone) == 1 else Or(tuple(alone))
        chain = Chain(tuple(operands.values()), int(distance), name == "before", start(part))
        return Text(chain, field)  # type: ignore[arg-type]  # as above

    def operand(self, part: Part, name: str, field: str) -> Operand:
        members = self.members(part, name, field)
        if not members:
            raise self.error(
                f"`{name}` has neither letters nor digits beside it", part, expected=("a word", "a phrase")
            )
        unique = {meaning(member): member for member in reversed(members)}
        flat = tuple(reversed(unique.values()))
        return flat[0] if len(flat) == 1 else AnyOf(flat)

    def members(self, part: Part, name: str, field: str) -> list[Term | Concept]:
        if isinstance(part, Token):
            if part.type == "STAR":
                raise self.error(f"`*` cannot stand beside `{name}`", part, expected=("a word", "a phrase"))
            return list(self.terms(part))
        if part.data == "group":
            return self.members(part.children[1], name, field)
        if part.data == "or_expr":
            return [member for child in part.children for member in self.members(child, name, field)]
        message, hint = not_flat(part, name)
        raise self.error(message, part, hint)

    def error(self, message: str, part: Part, hint: str = "", *, expected: tuple[str, ...] = ()) -> QueryError:
        return QueryError(message, query=self.query, position=start(part), expected=expected, hint=hint)
