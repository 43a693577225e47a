"""Where our language and KQL, or Lucene's, are one language, our parser says what theirs say.

Left out of what is generated, since it is known and documented (docs/query-language.md, "From KQL and other
languages") that the languages differ:

- words side by side: `and` here, `or` there. Every operator is written;
- `title: a b`, which KQL reads as `title: (a or b)`;
- an asterisk at the end of a quoted value, which leaves the end open here alone;
- wildcards inside words and in field names, nested fields in braces: KQL alone;
- `not` after `not`, which KQL's grammar refuses: it is written `not (not a)` for KQL;
- `*` beside other things in `title: ( … )`, which is refused here;
- in Lucene, `[a TO b]` and `field:>=a` for times (ours is KQL's `field >= a`), `\\t`, `\\n` and `\\r`, which stand for
  the letter there, and `+`, `-`, `~` and `^` as operators.

Where an oracle is wrong itself, what it trips over is left out as well:

- kibana_ql 0.2 forgets a `not` that a tab or a line break follows: it reads `not\taa` as `aa` (`_parse_not` looks for
  `"not "`). Behind `not` stands a space;
- the grammar of KQL cuts a word that ends in `not` before a space: `knot and aa` is refused, since `not ` counts as a
  keyword wherever it begins. No word ends in it.
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
from lark import Lark
from tests.query.oracles import Form, Kql, Lucene, Tiny, form_of, holds

from heliograph.core.text import fold
from heliograph.errors import QueryError
from heliograph.query import compile as compiling
from heliograph.query import parse as parsing
from heliograph.query import terms
from heliograph.query.lexer import QueryLexer
from heliograph.query.match import matches
from heliograph.query.parse import parse
from heliograph.query.tree import Node
from heliograph.query.view import View

MakeView = Callable[..., View]
Oracle = Callable[[str], Form]
KQL, LUCENE = Kql(), Lucene()

# Words

PLAIN = [
    "aa",
    "bb",
    "aab",
    "Iran",
    "İRAN",
    "ırak",
    "Ёлка",
    "коридора",
    "dəhliz",
    "միջանցքի",
    "დერეფნის",
    "توافقي",
    "47",
]
LETTERS = st.text(alphabet="abиёşəıწთհկتی0", min_size=2, max_size=4)
WORD = st.sampled_from(PLAIN) | LETTERS
"""Both oracles and we take these as one word each; none is a keyword, and none ends in `not`."""
SIGNS = ['"', "(", ")", ":", "<", ">", "*", "\\"]
SIGNED = {"kql": st.sampled_from([*SIGNS, "{", "}"]), "lucene": st.sampled_from([*SIGNS, *"{}[]^~+-/?!&|"])}
HYPHENED = st.builds("{}-{}".format, WORD, WORD)


def escaped(kind: str) -> st.SearchStrategy[str]:
    sign = SIGNED[kind].map("\\{}".format)
    return st.builds("".join, st.tuples(WORD, sign, WORD) | st.tuples(WORD, sign) | st.tuples(sign, WORD))


KEYWORD = st.sampled_from([r"\or", r"\and", r"\not", r"\OR", '"and"', '"not aa"', '"aa or bb"'])
CONTROL = st.sampled_from([r"aa\tbb", r"aa\nbb", r"\u0061a", r"bb\u0301", r"aa\u003abb", r'"aa\tbb"', r'"\u0430a"'])
PHRASE = st.builds(
    lambda words, signs: '"' + " ".join(map("{}{}".format, words, signs)) + '"',
    st.lists(WORD, min_size=1, max_size=3),
    st.lists(st.sampled_from(["", "", ":", ")", "(", r"\"", r"\\", " or", ","]), min_size=3, max_size=3),
)
SHARED = st.one_of(WORD, WORD, PHRASE, WORD.map("{}*".format), HYPHENED)
INNER_SIGNS = st.sampled_from(["AT&T", "Iran’s", "O'Brien", "aa.bb", "aa/bb", "aa+bb", "Koridoru'nun", "aa_bb*", "é"])
LITERALS = {
    "kql": SHARED | escaped("kql") | escaped("kql").map("{}*".format) | KEYWORD | CONTROL | INNER_SIGNS,
    "lucene": SHARED | escaped("lucene") | escaped("lucene").map("{}*".format),
}

VALUE = st.sampled_from(["ru", "fa", "ru*", "RU", "ria-novosti", '"ria novosti"', "ria*", "*", r"ria\:1", r"ri\*"])
MOMENT = st.sampled_from(["2026", "2026-03", "2026-03-01", '"2026-03-14T09:30"', r"2026-03-14T09\:30Z"])

# Queries: nested tuples, written out below


def queries(kind: str) -> st.SearchStrategy[str]:
    literal, capitals = LITERALS[kind], kind == "lucene"
    clauses = [
        ("field", st.sampled_from(["title", "text"]), literal | st.just("*")),
        ("field", st.sampled_from(["language", "source", "country"]), VALUE),
        ("field", st.sampled_from(["published", "fetched"]), MOMENT | st.just("*")),
    ]
    scoped = [
        ("scope", st.sampled_from(["title", "text"]), _trees(literal.map(lambda each: ("leaf", each)), 4)),
        ("scope", st.sampled_from(["language", "source"]), _trees(VALUE.map(lambda each: ("leaf", each)), 4)),
    ]
    leaves: list[st.SearchStrategy[Any]] = [literal.map(lambda each: ("leaf", each)), st.just(("leaf", "*"))]
    leaves += [st.tuples(st.just(name), field, value) for name, field, value in clauses + scoped]
    if kind == "kql":
        operator = st.sampled_from([">=", "<=", ">", "<"])
        leaves.append(st.tuples(st.just("compare"), st.sampled_from(["published"]), operator, MOMENT))
    return st.builds(
        lambda tree, style: Writer(style, capitals=capitals).write(tree), _trees(st.one_of(leaves), 9), st.integers(0)
    )


def _trees(leaves: st.SearchStrategy[Any], most: int) -> st.SearchStrategy[Any]:
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.tuples(st.just("and"), st.lists(inner, min_size=2, max_size=3)),
            st.tuples(st.just("or"), st.lists(inner, min_size=2, max_size=3)),
            st.tuples(st.just("not"), inner),
        ),
        max_leaves=most,
    )


class Writer:
    """Writes a tree as text, with parentheses where they are needed and, now and then, where they are not."""

    def __init__(self, style: int, *, capitals: bool) -> None:
        self.style, self.capitals = style, capitals

    def pick(self, *choices: str) -> str:
        self.style, chosen = divmod(self.style, len(choices))
        return choices[chosen]

    def space(self) -> str:
        return self.pick(" ", "  ", " ", "\n", "\t ", "\u00a0")

    def word(self, keyword: str) -> str:
        return keyword.upper() if self.capitals else self.pick(keyword, keyword.upper(), keyword.title())

    def write(self, tree: Any, needed: int = 0) -> str:
        match tree:
            case ("and" | "or" as kind, parts):
                level = 1 if kind == "and" else 0
                sign = f"{self.space()}{self.word(kind)}{self.space()}"
                text = sign.join(self.write(each, level + 1) for each in parts)
            case ("not", inner):
                # `not` binds tightest, and another one behind it is not KQL.
                level, text = 2, f"{self.word('not')} {self.write(inner, 3)}"
            case ("field", field, value):
                level, text = 3, f"{field}{self.pick(':', ': ')}{value}"
            case ("compare", field, operator, value):
                level, text = 3, f"{field}{self.pick(' ', '')}{operator}{self.pick(' ', '')}{value}"
            case ("scope", field, inner):
                level, text = 3, f"{field}{self.pick(':', ': ')}({self.write(inner)})"
                if inner == ("leaf", "*") and field in ("title", "text"):
                    text = f"{field}: *"
            case (_, literal):
                level, text = 3, literal
            case _:
                raise AssertionError(tree)
        return f"({text})" if level < needed or self.pick("", "", "", "(") else text


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


FAULTS = [(fault, *oracle) for fault in (swap_and_or, drop_not, lose_escapes, lose_scope) for oracle in BOTH]
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
