"""What is refused: where, why, and what could stand there."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from heliograph.errors import QueryError
from heliograph.query.check import check_positive
from heliograph.query.parse import ConceptTerm, parse, parse_term
from heliograph.query.render import render_error
from heliograph.query.tree import And, Is, Not, Term, Text

NOW = datetime(2026, 3, 14, tzinfo=UTC)
CONCEPTS = {"corridor": (ConceptTerm("en", "corridor*"),), "broken": (ConceptTerm("en", "a*"),)}


def refused(query: str, *, standing: bool = False) -> QueryError:
    with pytest.raises(QueryError) as caught:
        parse(query, concepts=CONCEPTS, now=None if standing else NOW, standing=standing)
    assert "\n" not in str(caught.value)
    assert 0 <= caught.value.position <= len(query)
    return caught.value


@pytest.mark.parametrize(
    ("query", "position", "says", "helps"),
    [
        ("", 0, "empty", "*"),
        ("   ", 0, "empty", "*"),
        ("aa and", 6, "ends too early", ""),
        ("aa or or bb", 6, "`or` joins two parts", '"or"'),
        ("and aa", 0, "`and` joins two parts", '"and"'),
        ("aa not", 6, "ends too early", ""),
        ("(aa", 3, "parenthesis opened at 1 is never closed", ""),
        ("aa (bb (cc)", 11, "parenthesis opened at 4 is never closed", ""),
        ("aa)", 2, "closes nothing", ""),
        ("()", 1, "a word is missing", ""),
        ('aa "bb', 3, "never closed", ""),
        ("aa \\", 3, "nothing follows this backslash", "\\\\"),
        (": aa", 0, "no field name goes before it", ""),
        ("tittle: aa", 0, "no field `tittle`", "title"),
        ("aa Deal: bb", 3, "no field `Deal`", "quote"),
        ("https://example.org", 0, "no field `https`", "quote"),
        ("topic:", 6, "ends too early", ""),
        ("title: (aa source: bb)", 11, "`source` cannot stand inside `title", "close"),
        ("title: (aa *)", 11, "says nothing", "title: *"),
        ("title > aa", 0, "cannot be compared", ""),
        ("topic: @corridor", 7, "is no text", "outside"),
        ("concept: @corridor", 9, "is no text", "concept: corridor"),
        ("topic: (aa near/5 bb)", 11, "no distance", ""),
        ("topic: a*b", 7, "can only end", ""),
        ("topic: &", 7, "neither letters nor digits", ""),
        ("language: not ru", 10, "`not` cannot stand here", ""),
        ("@corridr", 0, "no concept `corridr`", "@corridor"),
        ("@broken", 0, "concept `broken`: a prefix", ""),
        ("&", 0, "neither letters nor digits", ""),
        ("(… —)", 0, "neither letters nor digits", ""),
        ("aa and not &", 11, "neither letters nor digits", ""),
        ("title: &", 7, "neither letters nor digits", ""),
        ("aa near/5 &", 10, "neither letters nor digits", ""),
        ("*ab", 0, "before a word", "corridor*"),
        ("aa a*b", 3, "inside a word", "corridor*"),
        ('"aa *"', 0, "no word to go by", ""),
        ("aa b*", 3, "at least 2 characters", ""),
        ("~", 0, "no word to go by", ""),
        ("aa~2", 0, "no fuzzy search", "~word"),
        ("aa -bb", 3, "does not exclude", "not bb"),
        ("!bb", 0, "does not exclude", "not bb"),
        ("aa || bb", 3, "joins nothing", "write or"),
        ("aa && bb", 3, "joins nothing", "write and"),
        ("aa | bb", 3, "joins nothing", "write or"),
        ("aa and ! bb", 7, "excludes nothing", "write not"),
        ("country = az", 8, "compares nothing", "field: value"),
        ("country != az", 8, "compares nothing", "not field: value"),
        ("aa NEAR bb", 3, "needs a number", "near/10"),
        ("title: (te?t or bb)", 8, "does not stand for a letter", "corridor*"),
        ("aa near bb near/x cc", 16, "needs a number", "near/10"),
        ("aa near/101 bb", 8, "at most 100", "and"),
        ("aa before/99999999999999999999 bb", 10, "at most 100", "and"),
        ("near/5 bb", 0, "needs a word or phrase before it", ""),
        ("aa near/5", 9, "ends too early", ""),
        ("aa near/5 bb near/6 cc", 13, "one distance", "two chains"),
        ("aa near/5 bb before/5 cc", 13, "one distance", "two chains"),
        ("aa before/5 bb before/5 AA", 24, "twice", ""),
        ("(aa near/5 bb) near/5 cc", 1, "another chain", "joined by and"),
        ("(aa bb) near/5 cc", 1, "`and` cannot stand", "quote words"),
        ("aa near/5 (bb or (cc dd))", 18, "`and` cannot stand", "quote words"),
        ("not aa near/5 bb", 0, "binds tighter", "not (a near/5 b)"),
        ("aa near/5 (topic: bb)", 11, "a field cannot stand beside", "title: (a near/5 b)"),
        ("title: aa near/5 bb", 0, "a field cannot stand beside", "title: (a near/5 b)"),
        ("aa near/5 *", 10, "`*` cannot stand", ""),
        ("published: yesterday", 11, "no date", ""),
        ("published >= now-7x", 13, "no date", "now-7d"),
        ("published >= 2026-02-30", 13, "day", ""),
        ("published >= 9999", 13, "years 1 to 9999", ""),
        ("published >= now-999999999y", 13, "years 1 to 9999", ""),
        ("not aa", 4, "something to look for", "* and not"),
        ("aa or not bb", 0, "something to look for", "* and not"),
        ("not (aa and bb)", 5, "something to look for", "* and not"),
    ],
)
def test_what_is_refused_says_where_why_and_what_to_write(query: str, position: int, says: str, helps: str) -> None:
    error = refused(query)
    assert error.position == position
    assert says in str(error)
    assert helps in error.hint
    assert error.query == query


def test_what_could_stand_there_is_named_as_people_name_it() -> None:
    assert "a word or phrase" in refused("aa and").expected
    assert refused("(aa").expected[-1] == ")"
    assert "title" in refused("foo: aa").expected
    assert all(not name.startswith("_") and not name.isupper() for name in refused("aa or )").expected)


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("a " * 500_000, "longer than 64 kB"),
        ("я" * 40_000, "longer than 64 kB"),
        ("(" * 10_000, "nested more than 50 deep"),
        ("(" * 10_000 + "aa" + ")" * 10_000, "nested more than 50 deep"),
        ("not " * 10_000 + "aa", "more than 50 times in a row"),
        ("aa " * 2_001, "more than 2000 terms"),
        ("* " * 2_001, "more than 2000 terms"),
        ("a" * 60_000, "at most 1000 characters"),
        ('"' + "a " * 60 + '"', "at most 50 words"),
        (" near/5 ".join(f"w{number}" for number in range(30)), "at most 20 operands"),
    ],
)
def test_what_would_cost_too_much_is_refused(query: str, says: str) -> None:
    assert says in str(refused(query))


def test_what_lies_within_the_limits_is_taken() -> None:
    parse("(" * 50 + "aa" + ")" * 50)
    parse(" ".join(f"w{number}" for number in range(2_000)))
    parse("ab*")
    parse("aa near/100 bb")


@pytest.mark.parametrize(
    "query",
    [
        "not iran and language: ru",
        "published >= now-1d and not aa",
        "* and not aa",
        "author: * and not aa",
        "(aa or bb) and not cc",
        "not (not aa or not bb)",
        "not (not aa and bb) and cc",
    ],
)
def test_a_search_is_bounded_by_whatever_is_present(query: str) -> None:
    parse(query, now=NOW)


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("not aa", "text or a value"),
        ("* and not aa", "text or a value"),
        ("published >= 2026-01-01 and not aa", "text or a value"),
        ("author: *", "text or a value"),
        ("aa or published >= 2026-01-01", "text or a value"),
        ("aa and topic: other", "not known yet"),
        ("aa and concept: corridor", "not known yet"),
        ("aa and published >= now-1d", "kept"),
    ],
)
def test_a_standing_rule_needs_text_or_a_value_that_articles_arrive_with(query: str, says: str) -> None:
    assert says in str(refused(query, standing=True))


def test_a_standing_rule_may_be_about_text_or_values() -> None:
    parse("aa and not bb", standing=True)
    parse("not iran and language: ru", standing=True)


def test_a_tree_made_by_hand_is_checked_too() -> None:
    bb = Text(Term((), "bb"))
    check_positive(And((Not(bb), Is("language", "ru"))))
    with pytest.raises(QueryError):
        check_positive(Not(bb))


def test_a_term_of_a_concept_file_is_refused_with_its_place() -> None:
    with pytest.raises(QueryError, match="neither letters nor digits") as caught:
        parse_term("…", "en")
    assert caught.value.query == "…"
    with pytest.raises(QueryError, match="inside a word"):
        parse_term("a*b", "en")


def test_an_error_is_drawn_with_a_caret_under_the_place() -> None:
    assert render_error(refused("aa near/5 bb near/6 cc")) == (
        "one chain has one distance: `near/5` and `near/6` stand in it\n"
        "  aa near/5 bb near/6 cc\n"
        "               ^\n"
        "hint: write two chains: a near/5 b and b near/6 c"
    )


def test_the_caret_is_on_the_right_line_and_allows_for_wide_and_combining_signs() -> None:
    lines = render_error(refused("aa or\n\tйо́д 回廊 tittle: bb")).splitlines()
    assert lines[1] == "2 |  йо́д 回廊 tittle: bb"
    assert lines[2] == "    " + " " * 10 + "^"


def test_a_long_line_is_cut_around_the_place() -> None:
    drawn = render_error(refused("word " * 400 + "tittle: aa" + " word" * 400)).splitlines()
    assert len(drawn[1]) < 100
    assert drawn[1][drawn[2].index("^") :].startswith("tittle")


def test_an_error_without_a_query_is_its_message() -> None:
    assert render_error(QueryError("the cursor is none of ours")) == "the cursor is none of ours"


@pytest.mark.parametrize(
    "query",
    [
        "iran & russia",
        '"aa || bb"',
        r"aa \||",
        "why?",
        '~"te?t"',
        "near",
        '"NEAR"',
        r"te\?t",
        "- aa",
        "url: https://example.org/?q=1",
    ],
)
def test_what_only_looks_like_another_language_is_taken_as_text(query: str) -> None:
    parse(query)
