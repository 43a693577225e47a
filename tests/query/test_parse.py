"""What the language says: text and the tree that it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from heliograph.query.parse import ConceptTerm, parse, parse_term
from heliograph.query.tree import (
    All,
    And,
    AnyOf,
    Atom,
    Chain,
    Concept,
    Exists,
    Is,
    Mode,
    Node,
    Not,
    Or,
    Range,
    Term,
    Text,
)

NOW = datetime(2026, 3, 14, 9, 30, 15, tzinfo=UTC)
CONCEPTS = {"corridor": (ConceptTerm("en", "zangezur corridor*"), ConceptTerm("ru", "~зангезурский ~коридор"))}


def term(written: str, *words: str) -> Term:
    return Term(tuple(_atom(word) for word in (words or (written,))), written)


def _atom(word: str) -> Atom:
    return Atom(word[:-1], Mode.PREFIX) if word.endswith("*") else Atom(word)


def text(written: str, *words: str) -> Text:
    return Text(term(written, *words))


A, B, C = text("aa"), text("bb"), text("cc")


@pytest.mark.parametrize(
    ("query", "tree"),
    [
        ("aa", A),
        ("  aa\n", A),
        ("(((aa)))", A),
        ("aa bb", And((A, B))),
        ("aa and bb", And((A, B))),
        ("aa AND bb Or cc", Or((And((A, B)), C))),
        ("aa bb or cc", Or((And((A, B)), C))),
        ("aa or bb cc", Or((A, And((B, C))))),
        ("aa and (bb or cc)", And((A, Or((B, C))))),
        ("aa (bb cc)", And((A, B, C))),
        ("aa and not bb", And((A, Not(B)))),
        ("aa not bb", And((A, Not(B)))),
        ("not aa and bb", And((Not(A), B))),
        ("aa and not not bb", And((A, B))),
        ("aa and not (bb or cc)", And((A, Not(Or((B, C)))))),
        ("aa or aa", A),
        ("*", All()),
        ("* and not aa", And((All(), Not(A)))),
        ('"aa bb"', text('"aa bb"', "aa", "bb")),
        ("“aa bb”", text("“aa bb”", "aa", "bb")),
        ("«аа бб»", text("«аа бб»", "аа", "бб")),
        ('"aa bb*"', text('"aa bb*"', "aa", "bb*")),
        ("zangez*", text("zangez*")),
        ("Russia-Iran", text("Russia-Iran", "russia", "iran")),
        ("Koridoru'nun", text("Koridoru'nun", "koridoru")),
        ("ЁЛКА", text("ЁЛКА", "елка")),
        ("AT&T", text("AT&T", "at", "t")),
        ('"and"', text('"and"', "and")),
        (r"\and", text(r"\and", "and")),
        (r"aa\:bb", text(r"aa\:bb", "aa", "bb")),
        (r"aa\*", text(r"aa\*", "aa")),
        (r"\u0061a", text(r"\u0061a", "aa")),
        (r'"say \"aa\""', text(r'"say \"aa\""', "say", "aa")),
        ("aa & bb", And((A, B))),
        ("aa — bb", And((A, B))),
        ("aa or …", A),
        ("near", text("near")),
        ("before", text("before")),
    ],
)
def test_words_and_operators(query: str, tree: Node) -> None:
    assert parse(query) == tree


@pytest.mark.parametrize(
    ("query", "tree"),
    [
        ("title: aa", Text(term("aa"), "title")),
        ("Title : aa", Text(term("aa"), "title")),
        ("title: (aa or bb)", Or((Text(term("aa"), "title"), Text(term("bb"), "title")))),
        ("text: not-a-word", Text(term("not-a-word", "not", "a", "word"), "text")),
        ("title: aa bb", And((Text(term("aa"), "title"), B))),
        ("title: 10:30", Text(term("10:30", "10", "30"), "title")),
        ("title: *", Exists("title")),
        ("topic: russia-iran", Is("topic", "russia iran", written="topic: russia-iran")),
        ('source: "RIA Novosti"', Is("source", "ria novosti", written='source: "RIA Novosti"')),
        ("source: ri*", Is("source", "ri", prefix=True, written="source: ri*")),
        ("language:RU", Is("language", "ru", written="language: RU")),
        ("language: (ru or fa)", Or((Is("language", "ru", written="language: ru"),
                                     Is("language", "fa", written="language: fa")))),
        ("aa and language: (not ru)", And((A, Not(Is("language", "ru", written="language: ru"))))),
        ("url: https://example.org/a?b=1", Is("url", "https example org a b 1", written="url: https://example.org/a?b=1")),
        ("author: *", Exists("author")),
        ("published: *", Exists("published")),
    ],
)  # fmt: skip
def test_fields(query: str, tree: Node) -> None:
    assert parse(query) == tree


@pytest.mark.parametrize(
    ("query", "since", "until"),
    [
        ("published: 2026", "2026-01-01", "2027-01-01"),
        ("published: 2026-03", "2026-03-01", "2026-04-01"),
        ("published: 2026-12", "2026-12-01", "2027-01-01"),
        ("published: 2026-03-01", "2026-03-01", "2026-03-02"),
        ("published >= 2026-03-01", "2026-03-01", None),
        ("published > 2026-03-01", "2026-03-02", None),
        ("published <= 2026-03-01", None, "2026-03-02"),
        ("published<2026-03-01", None, "2026-03-01"),
        ('fetched >= "2026-03-01 10:30"', "2026-03-01T10:30", None),
        ("fetched <= 2026-03-01T10:30", None, "2026-03-01T10:31"),
        ("fetched <= 2026-03-01T10:30:05Z", None, "2026-03-01T10:30:06"),
        ("fetched >= 2026-03-01T10:30:05.25+04:00", "2026-03-01T06:30:05.250000", None),
        ("published >= now-7d", "2026-03-07T09:30:15", None),
        ("published >= now-12h", "2026-03-13T21:30:15", None),
        ("published < now", None, "2026-03-14T09:30:15"),
        ("published >= now-1M-1d", "2026-02-13T09:30:15", None),
        ("published >= now/d", "2026-03-14", None),
        ("published: now-1d/d", "2026-03-13", "2026-03-14"),
        ("published: now/w", "2026-03-09", "2026-03-16"),
        ("published: now/M", "2026-03-01", "2026-04-01"),
        ("published: now/y", "2026-01-01", "2027-01-01"),
    ],
)
def test_moments(query: str, since: str | None, until: str | None) -> None:
    node = parse(query, now=NOW)
    assert isinstance(node, Range)
    assert (node.since, node.until) == tuple(
        datetime.fromisoformat(each).replace(tzinfo=UTC) if each else None for each in (since, until)
    )


def test_a_date_without_offset_is_in_the_zone_asked_for() -> None:
    yerevan = timezone(timedelta(hours=4))
    node = parse("published: 2026-03-01", zone=yerevan)
    assert isinstance(node, Range)
    assert node.since == datetime(2026, 2, 28, 20, tzinfo=UTC)
    assert node.until == datetime(2026, 3, 1, 20, tzinfo=UTC)
    assert parse("published >= 2026-03-01T00:00Z", zone=yerevan) == parse("published >= 2026-03-01T00:00Z")


def test_chains_hold_words_phrases_prefixes_concepts_and_groups() -> None:
    node = parse('title: ("aa bb" before/3 (cc* or dd) before/3 @corridor)', concepts=CONCEPTS)
    assert isinstance(node, Text)
    assert node.field == "title"
    assert isinstance(node.what, Chain)
    assert (node.what.distance, node.what.ordered) == (3, True)
    phrase, group, concept = node.what.operands
    assert phrase == term('"aa bb"', "aa", "bb")
    assert group == AnyOf((term("cc*"), term("dd")))
    assert isinstance(concept, Concept)
    assert [each.written for each in concept.terms] == ["zangezur corridor*", "~зангезурский ~коридор"]


@pytest.mark.parametrize(
    ("query", "same_as"),
    [
        ("aa near/5 AA", "aa"),
        ("aa near/5 bb near/5 aa", "aa near/5 bb"),
        ("(aa or bb) near/5 (bb or aa)", "aa or bb"),
        ("aa NEAR/05 bb", "aa near/5 bb"),
        ("(aa or (bb or cc)) near/5 dd", "(aa or bb or cc) near/5 dd"),
        ("aa near/5 bb and cc", "(aa near/5 bb) and cc"),
        ("not (aa near/5 bb) cc", "(not (aa near/5 bb)) and cc"),
        ("aa or bb near/5 cc dd", "aa or ((bb near/5 cc) and dd)"),
    ],
)
def test_a_chain_folds_repetition_and_binds_tighter_than_and(query: str, same_as: str) -> None:
    assert parse(query) == parse(same_as)


def test_positions_point_into_the_query() -> None:
    node = parse("aa and\n  (topic: bb or cc near/5 dd)")
    assert isinstance(node, And)
    first, group = node.nodes
    assert isinstance(first, Text)
    assert first.what.position == 0
    assert isinstance(group, Or)
    is_bb, chain = group.nodes
    assert isinstance(is_bb, Is)
    assert is_bb.position == 17
    assert isinstance(chain, Text)
    assert isinstance(chain.what, Chain)
    assert [chain.what.position] + [each.position for each in chain.what.operands if isinstance(each, Term)] == [
        23,
        23,
        33,
    ]


def test_a_stem_is_looked_for_in_each_language_of_its_script() -> None:
    node = parse("~corridors")
    assert isinstance(node, Or)
    found = [each.what.atoms[0] for each in node.nodes if isinstance(each, Text) and isinstance(each.what, Term)]
    assert [(atom.mode, atom.language) for atom in found] == [(Mode.STEM, "en"), (Mode.STEM, "tr")]
    assert found[0].text == "corridor"
    assert parse("~коридором") == Text(Term((Atom("коридор", Mode.STEM, "ru"),), "~коридором"))


def test_the_terms_of_a_concept_are_one_object_for_every_query() -> None:
    one, two = (parse(query, concepts=CONCEPTS) for query in ("@corridor", "aa or @corridor"))
    assert isinstance(one, Text)
    assert isinstance(two, Or)
    assert isinstance(two.nodes[1], Text)
    assert isinstance(one.what, Concept)
    assert isinstance(two.nodes[1].what, Concept)
    assert one.what.terms is two.nodes[1].what.terms
    assert two.nodes[1].what.position == 6


@pytest.mark.parametrize(
    ("written", "language", "atoms"),
    [
        ("zangezur corridor*", "en", (Atom("zangezur"), Atom("corridor", Mode.PREFIX))),
        ("~коридор", "ru", (Atom("коридор", Mode.STEM, "ru"),)),
        ("~koridorunun", "tr", (Atom("koridor", Mode.STEM, "tr"),)),
        ("~dəhlizi", "az", (Atom("dehlizi", Mode.PREFIX),)),
        ("~birlik", "az", (Atom("birli", Mode.PREFIX),)),
        ("~توافق‌نامه", "fa", (Atom("توافق", Mode.PREFIX), Atom("نامه", Mode.PREFIX))),
        # A foreign name among the terms of a language goes by the stemmer of its own script.
        ("~corridors", "ru", (Atom("corridor", Mode.STEM, "en"),)),
        ("~2024", "ru", (Atom("2024"),)),
    ],
)
def test_terms_of_concept_files(written: str, language: str, atoms: tuple[Atom, ...]) -> None:
    assert parse_term(written, language) == Term(atoms, written)
