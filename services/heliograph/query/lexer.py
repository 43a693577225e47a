"""Cuts a query into the terminals of grammar.lark, and refuses at once what would cost too much.

Everything here is linear in the length of the query: no pattern backtracks over what it has matched.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lark import Token
from lark.lexer import Lexer, LexerState

from heliograph.errors import QueryError

MAX_BYTES = 65_536
MAX_DEPTH = 50
MAX_TERMS = 2_000
MAX_DISTANCE = 100

# Quotation marks of the seven languages open and close a phrase as the straight ones do.
_QUOTED = r'~?(?:"(?:\\.|[^"\\])*+"|[“„‟][^“”„‟]*+[”“‟]|«[^«»]*+»)'
_TOKEN = re.compile(
    rf"""
      (?P<space>\s++)
    | (?P<quoted>{_QUOTED})
    | (?P<field>[\w.@-]++\s*+(?::|<=|>=|<|>))
    | (?P<word>(?:\\.|[^\s\\():<>"])++)
    | (?P<sign>.)
    """,
    re.VERBOSE | re.DOTALL,
)
# Straight after `field:` a colon may stand inside the value, as in an address or a time of day.
_VALUE = re.compile(r'(?:\\.|[^\s\\():<>"]|:(?=[^\s\\():<>"]))++', re.DOTALL)
_OPERATOR = re.compile(r"(near|before)/(.*)", re.IGNORECASE | re.DOTALL)
_KEYWORDS = {"and": "_AND", "or": "_OR", "not": "NOT"}
_LEAVES = frozenset({"TERM", "CONCEPT", "STAR"})
_DEEPER = {"LPAR": 1, "_RPAR": -1}
_SIGNS = {"(": "LPAR", ")": "_RPAR"}


def check_size(text: str) -> None:
    """Raise QueryError where `text` is longer than 64 kB."""
    size = len(text) if len(text) > MAX_BYTES else len(text.encode("utf-8", "surrogatepass"))
    if size > MAX_BYTES:
        raise QueryError(
            f"the query is longer than {MAX_BYTES // 1024} kB",
            query=text[:200],
            position=200,
            hint="keep long lists of terms in a concept file and write @concept",
        )


class QueryLexer(Lexer):
    """The lexer that lark drives."""

    __future_interface__ = 1  # lark hands over its state, not the bare text

    def __init__(self, _conf: object) -> None:
        pass

    def lex(self, lexer_state: LexerState, parser_state: object) -> Iterator[Token]:  # noqa: ARG002 - as lark calls it
        """Yield the terminals of the query."""
        return terminals(lexer_state.text.text)


def terminals(text: str) -> Iterator[Token]:
    """Yield the terminals of a query, each with its position in `start_pos`. Raises QueryError with the position."""
    position, depth, terms, negations, after_field = 0, 0, 0, 0, False
    while position < len(text):
        found = (_VALUE.match(text, position) if after_field else None) or _TOKEN.match(text, position)
        assert found is not None, "the pattern ends in any character"
        raw, kind, position = found.group(), found.lastgroup, found.end()
        if kind == "space":
            continue
        token = _token(kind or "word", raw, found.start(), text)
        after_field = token.type in {"FIELD", "COMPARE"}
        terms += token.type in _LEAVES
        depth += _DEEPER.get(token.type, 0)
        negations = negations + 1 if token.type == "NOT" else 0
        if terms > MAX_TERMS or depth > MAX_DEPTH or negations > MAX_DEPTH:
            raise _too_large(terms, negations, text, found.start())
        yield token


def _too_large(terms: int, negations: int, text: str, position: int) -> QueryError:
    if terms > MAX_TERMS:
        hint = "keep long lists of terms in a concept file and write @concept"
        return QueryError(f"the query has more than {MAX_TERMS} terms", query=text, position=position, hint=hint)
    what = "`not` stands" if negations > MAX_DEPTH else "parentheses are nested"
    many = "times in a row" if negations > MAX_DEPTH else "deep"
    return QueryError(f"{what} more than {MAX_DEPTH} {many}", query=text, position=position)


def _token(kind: str, raw: str, start: int, text: str) -> Token:
    if kind == "field":
        return Token("FIELD" if raw.endswith(":") else "COMPARE", raw, start)
    if kind == "quoted":
        return Token("TERM", raw, start)
    if kind == "sign":
        return Token(_sign(raw, start, text), raw, start)
    if keyword := _KEYWORDS.get(raw.lower()):
        return Token(keyword, raw, start)
    if operator := _OPERATOR.fullmatch(raw):
        return Token("NEAR", _distance(operator, start, text), start)
    if raw == "*":
        return Token("STAR", raw, start)
    return Token("CONCEPT" if raw[0] == "@" and len(raw) > 1 else "TERM", raw, start)


def _sign(raw: str, start: int, text: str) -> str:
    if raw in _SIGNS:
        return _SIGNS[raw]
    if raw == '"':
        raise QueryError("this quotation mark is never closed", query=text, position=start, expected=('closing "',))
    if raw == "\\":
        raise QueryError("nothing follows this backslash", query=text, position=start, hint="write \\\\ for itself")
    raise QueryError(
        f"`{raw}` cannot stand here: no field name goes before it",
        query=text,
        position=start,
        expected=("a word",),
        hint=f"quote it to search for text that holds it, or write \\{raw}",
    )


def _distance(operator: re.Match[str], start: int, text: str) -> str:
    name, number = operator.group(1).lower(), operator.group(2)
    if not (number.isascii() and number.isdigit()):
        raise QueryError(
            f"`{name}/` needs a number of words",
            query=text,
            position=start + len(name) + 1,
            expected=(f"a number from 0 to {MAX_DISTANCE}",),
            hint=f"such as {name}/10; quote it to search for the word itself",
        )
    if len(number) > 6 or int(number) > MAX_DISTANCE:
        raise QueryError(
            f"the distance of `{name}` is at most {MAX_DISTANCE} words",
            query=text,
            position=start + len(name) + 1,
            expected=(f"a number from 0 to {MAX_DISTANCE}",),
            hint="write `and` where the distance does not matter",
        )
    return f"{name}/{int(number)}"
