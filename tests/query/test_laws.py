"""Laws of the language, over queries and articles that nobody thought of."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html import unescape

from hypothesis import given, settings
from hypothesis import strategies as st

from heliograph.errors import QueryError
from heliograph.query.explain import describe, evidence, unparse
from heliograph.query.match import matches
from heliograph.query.parse import ConceptTerm, parse
from heliograph.query.render import render_error
from heliograph.query.tree import And, Is, Node, Not, Or, Range, Text
from heliograph.query.view import View

MakeView = Callable[..., View]
NOW = datetime(2026, 3, 14, tzinfo=UTC)
CONCEPTS = {"c1": (ConceptTerm("en", "aa bb*"), ConceptTerm("ru", "~коридор")), "c-2": (ConceptTerm("", "~roads"),)}

WORD = st.sampled_from(
    ["aa", "bb", "CC", "aab", "aabb", "İran", "ırak", "Ёлка", "коридора", "дәһлиз", "միջանցքի", "დერეფნის", "توافقي"]
)
TERM = st.one_of(
    WORD,
    WORD.map(lambda word: word + "*"),
    WORD.map(lambda word: "~" + word),
    st.lists(st.one_of(WORD, WORD.map(lambda word: word + "*")), min_size=1, max_size=3).map(
        lambda words: '"' + " ".join(words) + '"'
    ),
    st.sampled_from(["@c1", "@c-2", "aa-bb", "“aa bb”", r"aa\:bb", r"\or", '"not"', r'"a\"b*"', "x'y", "—"]),
)
GROUP = st.lists(TERM, min_size=1, max_size=3).map(lambda terms: "(" + " or ".join(terms) + ")")
CHAIN = st.builds(
    lambda operands, kind, distance: f" {kind}/{distance} ".join(operands),
    st.lists(TERM | GROUP, min_size=2, max_size=3),
    st.sampled_from(["near", "before", "NEAR"]),
    st.integers(0, 6),
)
FIELD = st.sampled_from(
    ["language: ru", "source: agen*", "topic: (x or not y)", 'author: "ada l*"', "title: *", "url: https://a.b/c:1",
     "published >= now-7d", "fetched < 2026-03-01T10:00Z", "published: (2026-03 or now/w)", "concept: *", "*",
     "title: (aa bb or not ~коридор)", "text: (aa near/2 (bb or cc))"]
)  # fmt: skip
QUERY = st.recursive(
    st.one_of(TERM, CHAIN, FIELD),
    lambda inner: st.one_of(
        st.builds("({} {})".format, inner, inner),
        st.builds("({} or {} and {})".format, inner, inner, inner),
        st.builds("{} and not ({})".format, inner, inner),
        st.builds("not not ({})".format, inner),
    ),
    max_leaves=8,
)
SENTENCE = st.lists(WORD | st.sampled_from(["aa-bb", "·", "road", "aa&nbsp;bb", "&#1082;оридора"]), max_size=14).map(
    " ".join
)


def outcome(query: str) -> tuple[Node | None, QueryError | None]:
    """The tree, or the error where the language refuses the query; any other exception is a bug and goes through."""
    try:
        return parse(query, concepts=CONCEPTS, now=NOW), None
    except QueryError as error:
        return None, error


def parsed(query: str) -> Node | None:
    return outcome(query)[0]


@settings(max_examples=150, deadline=None)
@given(st.text() | st.text(alphabet=st.sampled_from('ab*~@"\\():<>=&-/. \nи«»“”01') | st.characters(), max_size=80))
def test_any_text_is_a_query_or_an_error_with_a_position(text: str) -> None:
    node, error = outcome(text)
    if error is not None:
        assert 0 <= error.position <= len(text)
        assert "\n" not in str(error)
        assert len(str(error)) < 300
        assert render_error(error)
    if node is not None:
        assert describe(node)
        assert parse(unparse(node), concepts=CONCEPTS, now=NOW) == node


@settings(max_examples=150, deadline=None)
@given(st.lists(st.one_of(TERM, FIELD, st.sampled_from(["(", ")", "and", "or", "not", "near/2", "title:", "x>"]))))
def test_any_row_of_terminals_is_a_query_or_an_error(parts: list[str]) -> None:
    text = " ".join(parts)
    node = parsed(text)
    assert node is None or parsed(unparse(node)) == node


@settings(max_examples=150, deadline=None)
@given(QUERY)
def test_unparsing_and_parsing_again_gives_the_same_tree(query: str) -> None:
    node = parsed(query)
    assert node is None or parse(unparse(node), concepts=CONCEPTS, now=NOW) == node


@settings(max_examples=150, deadline=None)
@given(one=QUERY, two=QUERY, text=SENTENCE, title=SENTENCE)
def test_de_morgan_and_double_negation_hold(view: MakeView, one: str, two: str, text: str, title: str) -> None:
    a, b, article = parsed(one), parsed(two), view(text, title, language="ru", published=NOW)
    if a is None or b is None:
        return
    assert matches(Not(And((a, b))), article) is matches(Or((Not(a), Not(b))), article)
    assert matches(Not(Or((a, b))), article) is matches(And((Not(a), Not(b))), article)
    assert matches(Not(Not(a)), article) is matches(a, article)


@settings(max_examples=150, deadline=None)
@given(query=QUERY, text=SENTENCE, title=SENTENCE)
def test_case_and_normal_form_of_an_article_change_nothing(view: MakeView, query: str, text: str, title: str) -> None:
    node = parsed(query)
    if node is None:
        return
    plain = matches(node, view(text, title))
    for change in (
        str.upper,
        lambda it: unicodedata.normalize("NFD", it),
        lambda it: unicodedata.normalize("NFKC", it),
    ):
        assert matches(node, view(change(text), change(title))) is plain


@settings(max_examples=150, deadline=None)
@given(query=QUERY, words=st.lists(WORD, min_size=1, max_size=8), data=st.data())
def test_a_reference_left_over_is_its_character_and_evidence_stays_where_it_is_published(
    view: MakeView, query: str, words: list[str], data: st.DataObject
) -> None:
    node = parsed(query)
    if node is None:
        return
    meant = data.draw(st.sampled_from([" ", "\u00a0", "’", "-"])).join(words)
    kept = data.draw(st.lists(st.booleans(), min_size=len(meant), max_size=len(meant)))
    left = "".join(char if keep else f"&#{ord(char)};" for char, keep in zip(meant, kept, strict=True))
    plain, escaped = view(meant, published=NOW), view(left, published=NOW)
    assert matches(node, escaped) is matches(node, plain)
    found, expected = evidence(node, escaped), evidence(node, plain)
    assert [(piece.term, unescape(piece.text)) for piece in found] == [(piece.term, piece.text) for piece in expected]
    assert all(left[piece.start : piece.end] == piece.text for piece in found)


@settings(max_examples=150, deadline=None)
@given(words=st.lists(WORD, min_size=1, max_size=3), sign=st.sampled_from(["", "~"]), text=SENTENCE)
def test_case_and_normal_form_of_a_query_change_nothing(view: MakeView, words: list[str], sign: str, text: str) -> None:
    query = " or ".join(f"{sign}{word}" for word in words)
    article = view(text)
    plain = matches(parse(query), article)
    assert matches(parse(query.upper()), article) is plain
    assert matches(parse(unicodedata.normalize("NFD", query)), article) is plain


@settings(max_examples=150, deadline=None)
@given(query=QUERY, text=SENTENCE, title=SENTENCE)
def test_evidence_points_at_what_the_article_says_and_only_where_the_query_holds(
    view: MakeView, query: str, text: str, title: str
) -> None:
    node = parsed(query)
    if node is None:
        return
    article = view(text, title, language="ru", published=NOW - timedelta(days=1))
    pieces = evidence(node, article)
    if not matches(node, article):
        assert pieces == ()
    elif isinstance(node, Text):
        assert pieces
    elif isinstance(node, Is | Range):
        assert pieces == ()
    for piece in pieces:
        assert article.field_text(piece.field).published[piece.start : piece.end] == piece.text
        assert piece.text
        # What is pointed at satisfies the term by itself; a term of a concept, the concept.
        alone = f"@{piece.concept}" if piece.concept else piece.term
        assert matches(parse(alone, concepts=CONCEPTS), view(piece.text))
