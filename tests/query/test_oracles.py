"""Where our language and KQL, or Lucene's, are one language, our parser says what theirs say.

What is left out of the queries, and where an oracle is wrong itself, stands in `shared_syntax`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import resources
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample
from lark import Lark, Tree
from tests.query.oracles import Form, Kql, Lucene, Tiny, form_of, holds
from tests.query.shared_syntax import PLAIN, queries

from heliograph.core.text import fold
from heliograph.errors import QueryError
from heliograph.query import compile as compiling
from heliograph.query import parse as parsing
from heliograph.query import terms
from heliograph.query.lexer import QueryLexer
from heliograph.query.match import matches
from heliograph.query.parse import parse
from heliograph.query.shape import negated
from heliograph.query.tree import Node
from heliograph.query.view import View

MakeView = Callable[..., View]
Oracle = Callable[[str], Form]
KQL, LUCENE = Kql(), Lucene()


def askable(text: str) -> str:
    """The query, or one that asks for something as well where it could hold by absence alone: that we refuse."""
    try:
        parse(text)
    except QueryError as error:
        if "needs something to look for" in str(error):
            return f"anchor AND ({text})"
        raise
    return text


SETTINGS = settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@SETTINGS
@given(queries("kql"))
def test_our_tree_is_the_one_that_kql_has(query: str) -> None:
    text = askable(query)
    assert form_of(parse(text)) == KQL(text), text


@SETTINGS
@given(queries("lucene"))
def test_our_tree_is_the_one_that_lucene_has(query: str) -> None:
    text = askable(query)
    assert form_of(parse(text)) == LUCENE(text), text


# What it means

SENTENCE = st.lists(st.sampled_from([*PLAIN, "ria", "anchor", "aa-bb", "and"]), max_size=5).map(" ".join)
PUBLISHED = st.sampled_from([None, datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 14, 9, 30, tzinfo=UTC)])


@settings(SETTINGS, max_examples=150)
@given(
    query=st.one_of(queries("kql").map(lambda text: (KQL, text)), queries("lucene").map(lambda text: (LUCENE, text))),
    title=SENTENCE,
    text=SENTENCE,
    language=st.sampled_from(["ru", "fa", "en", ""]),
    source=st.sampled_from(["ria", "ria-novosti", "tass"]),
    published=PUBLISHED,
)
def test_what_an_oracle_reads_finds_what_ours_finds(
    view: MakeView,
    query: tuple[Oracle, str],
    title: str,
    text: str,
    language: str,
    source: str,
    published: datetime | None,
) -> None:
    oracle, asked = query[0], askable(query[1])
    article = view(text, title, language=language, source=source, published=published)
    values = {"language": language, "source": fold(source)}
    tiny = Tiny({"title": fold(title), "text": fold(text)}, values, published)
    form = _without(oracle(asked), "fetched")
    if form is not None:
        assert matches(parse(asked), article) is holds(form, tiny), asked


def _without(form: Form, field: str) -> Form | None:
    """The form, or None where it asks for a field that a tiny document lacks."""
    return None if field in repr(form) else form


# That the tests bite

Mutation = Callable[[pytest.MonkeyPatch], None]


def _grammar(monkeypatch: pytest.MonkeyPatch, change: Callable[[str], str]) -> None:
    text = resources.files("heliograph.query").joinpath("grammar.lark").read_text(encoding="utf-8")
    changed = change(text)
    assert changed != text
    lark = Lark(changed, parser="lalr", lexer=QueryLexer)
    monkeypatch.setattr(parsing, "_grammar", lambda: lark)


def swap_and_or(monkeypatch: pytest.MonkeyPatch) -> None:
    """`or` binds tighter than `and`."""
    swapped = {"or_expr": "and_expr", "and_expr": "or_expr", "_OR": "_AND?", "_AND?": "_OR"}

    def change(text: str) -> str:
        rules, declared, names = text.partition("%declare")
        return re.sub(r"or_expr|and_expr|_OR|_AND\?", lambda found: swapped[found[0]], rules) + declared + names

    _grammar(monkeypatch, change)


def loosen_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """A `not` at the beginning reaches over the whole `and`."""
    whole = compiling.Compiler.node

    def loosened(self: compiling.Compiler, part: Any, field: str) -> Node | None:
        if isinstance(part, Tree) and part.data == "and_expr":
            first, *others = part.children
            if isinstance(first, Tree) and first.data == "negation":
                node = whole(self, Tree("and_expr", [first.children[1], *others]), field)
                return node and negated(node)
        return whole(self, part, field)

    monkeypatch.setattr(compiling.Compiler, "node", loosened)


def drop_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiling, "negated", lambda node: node)


def lose_escapes(monkeypatch: pytest.MonkeyPatch) -> None:
    """An escaped asterisk counts as one."""
    monkeypatch.setattr(terms, "_ESCAPED", terms._WILD)


def lose_controls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terms, "_CONTROLS", {})


def lose_scope(monkeypatch: pytest.MonkeyPatch) -> None:
    """A field reaches over the first part of its parenthesis alone."""
    whole = compiling.Compiler.siblings

    def first_only(self: compiling.Compiler, part: Any, field: str) -> list[Node]:
        return whole(self, part, field)[:1] + whole(self, part, "")[1:]

    monkeypatch.setattr(compiling.Compiler, "siblings", first_only)


@contextmanager
def mutated(mutation: Mutation) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        mutation(monkeypatch)
        terms._spelt.cache_clear()
        yield
    terms._spelt.cache_clear()


def differ(text: str, oracle: Oracle) -> bool:
    """Whether our parser, as it now is, says something else than the oracle, or refuses the text."""
    try:
        return form_of(parse(f"anchor AND ({text})")) != oracle(f"anchor AND ({text})")
    except QueryError:
        return True


BOTH = [("kql", KQL), ("lucene", LUCENE)]


FAULTS = [
    (fault, *oracle) for fault in (swap_and_or, loosen_not, drop_not, lose_escapes, lose_scope) for oracle in BOTH
]
FAULTS += [(lose_controls, "kql", KQL)]


@pytest.mark.parametrize(("mutation", "kind", "oracle"), FAULTS)
def test_a_parser_with_a_fault_is_found_out(mutation: Mutation, kind: str, oracle: Oracle) -> None:
    searching = settings(max_examples=1500, deadline=None, phases=[Phase.generate], derandomize=True, database=None)
    with mutated(mutation):
        assert find(queries(kind), lambda text: differ(text, oracle), settings=searching)


@pytest.mark.parametrize(("kind", "oracle"), BOTH)
def test_a_parser_without_a_fault_is_not(kind: str, oracle: Oracle) -> None:
    searching = settings(max_examples=100, deadline=None, phases=[Phase.generate], derandomize=True, database=None)
    with pytest.raises(NoSuchExample):
        find(queries(kind), lambda text: differ(text, oracle), settings=searching)
