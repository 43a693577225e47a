"""Two parsers that others wrote, and ours, brought to one small boolean form.

`kibana_ql` holds Kibana's own grammar of KQL, `luqum` a grammar of Lucene's query syntax. What they say of a text is
turned into the same nested tuples as what our parser says of it: fields pushed down to the leaves, groups flattened,
repetition and double negation left out. How a word is folded and which period a date names is ours in all three: asked
of the oracles is what binds tighter, what a parenthesis, a `not` and a field reach over, and what an escape stands for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from kibana_ql.kql import KqlParser, Visitor
from luqum import tree as lucene
from luqum.parser import parser as lucene_parser

from heliograph.core.text import fold
from heliograph.query import moments
from heliograph.query.tree import TEXT_FIELDS, TIME_FIELDS, All, And, Exists, Is, Mode, Node, Not, Or, Range, Term, Text

Form = tuple[Any, ...]
"""("and" | "or", forms), ("not", form), ("words", field, words, open), ("is", field, value, open), ("range", field,
since, until), ("exists", field) or ("all",)."""

WILD = "\ue000"
_CONTROLS = {"t": "\t", "n": "\n", "r": "\r"}


@dataclass(frozen=True, slots=True)
class Said:
    """A literal without its escapes; an asterisk that means an open end is `WILD`."""

    text: str


def group(kind: str, forms: Iterable[Form]) -> Form:
    """All or any of some forms: flat, and each once."""
    flat = {inner for form in forms for inner in (form[1] if form[0] == kind else (form,))}
    return flat.pop() if len(flat) == 1 else (kind, frozenset(flat))


def negated(form: Form) -> Form:
    return form[1] if form[0] == "not" else ("not", form)


def leaf(field: str, said: Said, operator: str = ":") -> Form:
    """What a literal asks of a field; of title and text where `field` is empty."""
    if said.text == WILD:
        return ("exists", field) if field else ("all",)
    if field in TIME_FIELDS:
        return ("range", field, *moments.bounds(operator, said.text, now=None, zone=UTC))
    words, is_open = fold(said.text), said.text.endswith(WILD)
    return ("words", field, words, is_open) if field in ("", *TEXT_FIELDS) else ("is", field, words, is_open)


# Ours


def form_of(node: Node) -> Form:
    """The form of a tree of ours, as far as the oracles know what is in it."""
    match node:
        case And(nodes):
            return group("and", map(form_of, nodes))
        case Or(nodes):
            return group("or", map(form_of, nodes))
        case Not(inner):
            return negated(form_of(inner))
        case Text(Term(atoms), field):
            return ("words", field, " ".join(atom.text for atom in atoms), atoms[-1].mode is Mode.PREFIX)
        case Is(field, value, prefix):
            return ("is", field, value, prefix)
        case Range(field, since, until):
            return ("range", field, since, until)
        case Exists(field):
            return ("exists", field)
        case All():
            return ("all",)
        case _:
            raise AssertionError(f"no oracle knows {node}")


# KQL


class _Literals(Visitor):
    """kibana_ql's reading of its grammar, but for literals.

    It takes out the backslash of `\\*` and forgets that there was one, and it leaves `\\t`, `\\u0041` and `\\or` as
    they are written. Its grammar knows better, so that literals are read off that.
    """

    passthrough = (Said, dict)  # type: ignore[assignment]  # what it hands on as it is

    def visit_UnquotedLiteral(self, node: Any, _: Any) -> Said:  # noqa: N802 - as the grammar calls it
        return Said("".join(_character(each) for each in node.children).strip())

    def visit_QuotedString(self, node: Any, _: Any) -> Said:  # noqa: N802 - as the grammar calls it
        return Said("".join(_character(each) for each in node.children[1].children))

    def visit_Field(self, node: Any, children: list[Any]) -> str:  # noqa: ARG002, N802 - as the grammar calls it
        said: Said = children[0]
        return said.text

    def visit_ValueExpression(self, node: Any, children: list[Any]) -> dict[str, Any]:  # noqa: ARG002, N802 - as above
        return {"value": children[0]}


def _character(node: Any) -> str:
    kind, text = node.children[0].expr_name, node.text
    if kind == "Wildcard":
        return WILD
    if kind == "EscapedWhitespace":
        return _CONTROLS[text[1]]
    if kind == "EscapedUnicodeSequence":
        return chr(int(text[-4:], 16))
    return str(text.removeprefix("\\") if len(text) > 1 else text)


class Kql:
    """The form of a text as KQL."""

    def __init__(self) -> None:
        self._parser = KqlParser()
        self._parser.visitor = _Literals()

    def __call__(self, text: str) -> Form:
        return self._form(self._parser.ast(self._parser.parse(text)), "")

    def _form(self, said: Any, field: str) -> Form:
        if isinstance(said, Said):
            return leaf(field, said)
        if "field" in said:
            if "op" in said:
                return leaf(said["field"], said["value"], said["op"])
            return self._form(said["value"], said["field"])
        if "op" not in said:
            return self._form(said["value"], field)
        if said["op"] == "not":
            return negated(self._form(said["expr"], field))
        parts = said["exprs"] if "exprs" in said else (said["left"], said["right"])
        return group(said["op"], [self._form(part, field) for part in parts])


# Lucene

_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})|\\(.)|(\*)", re.DOTALL)


class Lucene:
    """The form of a text as Lucene's query syntax; `and`, `or` and `not` are in capitals there."""

    def __call__(self, text: str) -> Form:
        return self._form(lucene_parser.parse(text), "")

    def _form(self, said: Any, field: str) -> Form:
        match said:
            case lucene.AndOperation() | lucene.OrOperation():
                kind = "and" if isinstance(said, lucene.AndOperation) else "or"
                return group(kind, [self._form(each, field) for each in said.operands])
            case lucene.Not():
                return negated(self._form(said.a, field))
            case lucene.Group() | lucene.FieldGroup():
                return self._form(said.expr, field)
            case lucene.SearchField():
                return self._form(said.expr, said.name)
            case lucene.Phrase():
                return leaf(field, Said(_unescaped(said.value[1:-1]).replace(WILD, "*")))
            case lucene.Word():
                return leaf(field, Said(_unescaped(said.value)))
            case _:
                raise AssertionError(f"not shared: {said!r}")


def _unescaped(raw: str) -> str:
    return _ESCAPED.sub(
        lambda found: chr(int(found[1], 16)) if found[1] else WILD if found[3] else str(found[2]),
        raw,
    )


# A meaning for forms, with no part of ours but the folded words


@dataclass(frozen=True, slots=True)
class Tiny:
    """A tiny document: folded words of its text fields, folded values, and when it was published."""

    texts: dict[str, str]
    values: dict[str, str]
    published: datetime | None


def holds(form: Form, document: Tiny) -> bool:
    """Whether a form holds for a document."""
    match form:
        case ("and", forms):
            return all(holds(each, document) for each in forms)
        case ("or", forms):
            return any(holds(each, document) for each in forms)
        case ("not", inner):
            return not holds(inner, document)
        case ("all",):
            return True
        case ("words", field, words, is_open):
            asked = f" {words}" if is_open else f" {words} "
            return any(asked in f" {document.texts[name]} " for name in ((field,) if field else TEXT_FIELDS))
        case ("is", field, value, is_open):
            own = document.values.get(field, "")
            return bool(own) and (own.startswith(value) if is_open else own == value)
        case ("range", _, since, until):
            moment = document.published
            return moment is not None and (since is None or since <= moment) and (until is None or moment < until)
        case ("exists", field):
            if field in TEXT_FIELDS:
                return bool(document.texts[field])
            return document.published is not None if field in TIME_FIELDS else bool(document.values.get(field))
        case _:
            raise AssertionError(form)
