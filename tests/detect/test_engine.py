"""The engine: what it says is what the query says, however it came to be."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heliograph.core.article import Article, Document
from heliograph.core.text import fold
from heliograph.detect.engine import Engine
from heliograph.detect.pivot import pivot_of
from heliograph.detect.topic import CompiledTopic
from heliograph.query.explain import evidence
from heliograph.query.match import matches
from heliograph.query.morphology import stem_key
from heliograph.query.tree import (
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
    Operand,
    Or,
    Range,
    Term,
    Text,
    TextField,
)
from heliograph.query.view import View

MakeArticle = Callable[..., Article]
MakeTopic = Callable[..., CompiledTopic]
FIELDS: list[TextField] = ["", "", "title", "text"]
WORDS = ["iran", "iranian", "russia", "россия", "российский", "коридор", "коридору", "zəngəzur", "dəhlizi", "a", "or"]
WORDS += ["Koridoru’nun", "Russia-Iran", "راه‌آهن", "და", "i\u0307ran", "რუსეთ-ირანის", "47", "—"]
WORDS += ["Russia&nbsp;Iran", "&#1088;оссия"]
FOLDED = [
    "iran",
    "iranian",
    "russia",
    "россия",
    "коридор",
    "zengezur",
    "dehlizi",
    "a",
    "or",
    "koridoru",
    "راه",
    "და",
    "47",
]
PREFIXES = ["ir", "iran", "росс", "кори", "zen", "koridor", "ru", "47", "რუ"]
STEMS = [("коридор", "ru"), ("iranian", "en"), ("россия", "ru")]
MOMENT = datetime(2025, 1, 17, tzinfo=UTC)


def random_article(chance: random.Random) -> Article:
    return Article(
        id="a", revision="r", feed=chance.choice(["f", "g"]), source=chance.choice(["azertac", "irna"]),
        title=" ".join(chance.choices(WORDS, k=chance.randint(0, 5))),
        text=chance.choice([" ", "\u00a0", "\n"]).join(chance.choices(WORDS, k=chance.randint(0, 14))),
        fetched=MOMENT, sorted=MOMENT, published=chance.choice([None, MOMENT]),
        language=chance.choice(["", "en", "ru", "fa"]), authors=chance.choice([(), ("Ann Lee", "Bo Lee-Ray")]),
    )  # fmt: skip


def random_atom(chance: random.Random) -> Atom:
    kind = chance.random()
    if kind < 0.55:
        return Atom(chance.choice(FOLDED))
    if kind < 0.85:
        return Atom(chance.choice(PREFIXES), Mode.PREFIX)
    word, language = chance.choice(STEMS)
    key = stem_key(word, language)
    assert key
    return Atom(key, Mode.STEM, language)


def random_term(chance: random.Random) -> Term:
    return Term(tuple(random_atom(chance) for _ in range(chance.choice([1, 1, 1, 2, 3]))), "w", chance.randint(0, 9))


def random_flat(chance: random.Random) -> Term | Concept:
    if chance.random() < 0.6:
        return random_term(chance)
    terms = tuple(random_term(chance) for _ in range(chance.randint(1, 4)))
    return Concept(chance.choice("xyz"), terms, chance.randint(0, 9))


def random_operand(chance: random.Random) -> Operand:
    if chance.random() < 0.75:
        return random_flat(chance)
    return AnyOf(tuple(random_flat(chance) for _ in range(chance.randint(2, 3))))


def random_leaf(chance: random.Random) -> Node:
    kind = chance.random()
    field: TextField = chance.choice(FIELDS)
    if kind < 0.35:
        return Text(random_flat(chance), field)
    if kind < 0.75:
        operands = tuple(random_operand(chance) for _ in range(chance.choice([2, 2, 3, 4])))
        return Text(Chain(operands, chance.randint(0, 6), chance.random() < 0.4), field)
    values: list[Node] = [
        Is("source", "azertac"), Is("source", "az", prefix=True), Is("language", "ru"), Is("author", "lee"),
        Is("author", "ann le", prefix=True), Is("author", "ra", prefix=True), Exists("author"), Exists("title"),
        Range("published", since=MOMENT), Exists("published"),
    ]  # fmt: skip
    return chance.choice(values)


def random_tree(chance: random.Random, depth: int = 3) -> Node:
    kind = chance.random()
    if depth == 0 or kind < 0.35:
        return random_leaf(chance)
    if kind < 0.85:
        nodes = tuple(random_tree(chance, depth - 1) for _ in range(chance.randint(2, 3)))
        return And(nodes) if chance.random() < 0.5 else Or(nodes)
    return Not(random_tree(chance, depth - 1))


def random_topic(chance: random.Random, name: str) -> CompiledTopic:
    while True:
        node = random_tree(chance)
        pivot = pivot_of(node)
        if pivot:
            return CompiledTopic(name, f"v{chance.random()}", "normal", node, pivot)


@settings(max_examples=120, deadline=None)
@given(st.integers(0, 2**32))
def test_the_engine_says_what_the_query_says(seed: int) -> None:
    """Ten topics against eight articles each time: 9,600 pairs in all."""
    chance = random.Random(seed)
    topics = [random_topic(chance, str(number)) for number in range(10)]
    engine = Engine(topics)
    for _ in range(8):
        article = random_article(chance)
        view = View(Document(article=article))
        expected = tuple(sorted(topic.id for topic in topics if matches(topic.node, view)))
        assert engine.match_ids(article) == expected


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**32))
def test_evidence_is_that_of_the_query(seed: int) -> None:
    chance = random.Random(seed)
    topics = {str(number): random_topic(chance, str(number)) for number in range(6)}
    engine = Engine(topics.values())
    for _ in range(6):
        article = random_article(chance)
        for hit in engine.match(article):
            asked = evidence(topics[hit.topic].node, View(Document(article=article)))
            assert {(e.field, e.start, e.end, e.term, e.concept) for e in hit.evidence} == {
                (e.field, e.start, e.end, e.term, e.concept) for e in asked
            }
            for piece in hit.evidence:
                assert getattr(article, piece.field)[piece.start : piece.end] == piece.text


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32))
def test_an_engine_that_was_changed_answers_like_one_built_afresh(seed: int) -> None:
    chance = random.Random(seed)
    engine = Engine()
    standing: dict[str, CompiledTopic] = {}
    for _ in range(30):
        name = str(chance.randint(0, 9))
        if chance.random() < 0.4:
            assert engine.remove(name) == (standing.pop(name, None) is not None)
        else:
            standing[name] = random_topic(chance, name)
            engine.add(standing[name])
        if chance.random() < 0.3:
            engine.match(random_article(chance))
    fresh = Engine(standing.values())
    assert len(engine) == len(fresh) == len(standing)
    for _ in range(10):
        article = random_article(chance)
        assert engine.match(article) == fresh.match(article)
    for name in list(standing):
        assert engine.remove(name)
    assert engine.match(random_article(chance)) == ()
    assert len(engine._atoms) == 0, "atoms leak"


@settings(max_examples=300, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=80))
def test_white_space_is_never_inside_a_token(text: str) -> None:
    """What the engine's cache rests on: the tokens of the pieces are the tokens of the text."""
    assert [token for piece in text.split() for token in fold(piece).split()] == fold(text).split()


def test_positions_run_on_behind_pieces_of_several_tokens(make_topic: MakeTopic, make_article: MakeArticle) -> None:
    engine = Engine([make_topic("russia before/0 corridor"), make_topic('"iran corridor"', "p")])
    assert engine.match_ids(make_article("", "x Russia-Iran corridor")) == ("p",)
    assert engine.match_ids(make_article("", "Iran-Russia-corridor — and")) == ("t",)


@pytest.mark.parametrize(
    ("query", "others", "expected"),
    [
        ("source: azertac", {"source": "azertac"}, True),
        ("source: azertac", {"source": "irna"}, False),
        ("source: az*", {"source": "azertac"}, True),
        ('author: "ann lee"', {"authors": ("Mary Ann Lee",)}, True),
        ("category: econ*", {"categories": ("World Economy",)}, True),
        ("language: ru and not corridor", {"language": "ru"}, True),
        ("language: ru and not corridor", {"language": "en"}, False),
    ],
)
def test_a_topic_may_ask_for_values_alone(
    make_topic: MakeTopic, make_article: MakeArticle, query: str, others: dict[str, Any], expected: bool
) -> None:
    assert bool(Engine([make_topic(query)]).match(make_article("t", "x", **others))) is expected


def test_hits_come_by_rising_id_with_version_severity_and_score(engine: Engine, make_article: MakeArticle) -> None:
    hits = engine.match(make_article("Russia-Iran treaty signed", "The Zangezur corridor is not in it."))
    assert [hit.topic for hit in hits] == ["russia-iran-agreement", "south-caucasus-corridors"]
    assert [hit.severity for hit in hits] == ["high", "normal"]
    assert all(hit.version and 0 < hit.score <= 1 for hit in hits)
    assert hits[0].score > hits[1].score


def test_a_new_version_of_a_topic_takes_the_old_ones_place(make_topic: MakeTopic, make_article: MakeArticle) -> None:
    engine = Engine([make_topic("iran")])
    engine.add(make_topic("russia"))
    assert len(engine) == 1
    assert engine.match(make_article("", "iran")) == ()
    assert [hit.version for hit in engine.match(make_article("", "russia"))] == [make_topic("russia").version]
