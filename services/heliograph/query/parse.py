"""Query text -> tree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from importlib import resources
from types import MappingProxyType
from typing import Any

from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedToken

from heliograph.errors import QueryError
from heliograph.query.check import check_positive
from heliograph.query.compile import Compiler
from heliograph.query.lexer import QueryLexer, check_size, terminals
from heliograph.query.render import shown
from heliograph.query.terms import ConceptTerm, parse_term
from heliograph.query.tree import Node

__all__ = ["ConceptTerm", "parse", "parse_term"]

NO_CONCEPTS: Mapping[str, Sequence[ConceptTerm]] = MappingProxyType({})

_NAMES = {
    "TERM": "a word or phrase",
    "CONCEPT": "@concept",
    "STAR": "*",
    "FIELD": "field:",
    "COMPARE": "published >=",
    "NEAR": "near/N or before/N",
    "NOT": "not",
    "_AND": "and",
    "_OR": "or",
    "LPAR": "(",
    "_RPAR": ")",
    "$END": "the end of the query",
}
_FOUND = {"NEAR": "needs a word or phrase before it", "_AND": "joins two parts", "_OR": "joins two parts"}


def parse(
    text: str,
    *,
    concepts: Mapping[str, Sequence[ConceptTerm]] = NO_CONCEPTS,
    now: datetime | None = None,
    zone: tzinfo = UTC,
    standing: bool = False,
) -> Node:
    """Return the tree of a query.

    `concepts` gives the terms of each concept by id (tuples are compiled once for all queries). `now`, an aware
    datetime, is what `now-7d` counts from; without it relative moments are refused. Dates without an offset are in
    `zone`. `standing` is for rules that are kept and meet each article as it arrives: topics; see `check_positive`.

    Raises QueryError, with the position, for whatever is not in the language, for a query past the limits of size
    (64 kB, 2,000 terms, parentheses 50 deep, prefixes of two characters, distances of 100 words), and for one that
    could hold by absence alone.
    """
    check_size(text)
    try:
        tree: Tree[Any] = _grammar().parse(text)
    except UnexpectedToken as error:
        raise _unexpected(error, text) from None
    node = Compiler(text, concepts, now, zone).compile(tree.children[0])
    check_positive(node, standing=standing, query=text)
    return node


@lru_cache(maxsize=1)
def _grammar() -> Lark:
    grammar = resources.files("heliograph.query").joinpath("grammar.lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", lexer=QueryLexer)


def _unexpected(error: UnexpectedToken, text: str) -> QueryError:
    token: Token = error.token
    expected = tuple(_NAMES[name] for name in _NAMES if name in (error.accepts or error.expected))
    if token.type == "$END":
        if not text.strip():
            return QueryError("the query is empty", query=text, expected=expected, hint="`*` asks for every article")
        at = len(text.rstrip())
        if "_RPAR" in error.expected:
            opened = _unclosed(text)
            message = f"the parenthesis opened at {opened + 1} is never closed"
            return QueryError(message, query=text, position=at, expected=expected)
        return QueryError("the query ends too early", query=text, position=at, expected=expected)
    written = text[token.start_pos : token.end_pos] if token.end_pos else str(token)
    if token.type == "_RPAR":
        message = "this parenthesis closes nothing" if "$END" in error.expected else "a word is missing before `)`"
    else:
        message = f"`{shown(written)}` {_FOUND.get(token.type, 'cannot stand here')}"
    hint = f'quote it to search for the word itself: "{written}"' if token.type in {"_AND", "_OR", "NOT"} else ""
    return QueryError(message, query=text, position=token.start_pos or 0, expected=expected, hint=hint)


def _unclosed(text: str) -> int:
    """Return where the innermost parenthesis that is still open stands."""
    opened = [0]
    for token in terminals(text):
        if token.type == "LPAR":
            opened.append(token.start_pos or 0)
        elif token.type == "_RPAR":
            opened.pop()
    return opened[-1]
