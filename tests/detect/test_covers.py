"""What is said to follow does, what is said to be dead is, whatever the article: laws over random queries."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heliograph.core.article import Article, Document
from heliograph.core.text import fold
from heliograph.detect.covers import Prover
from heliograph.detect.deadparts import dead_parts
from heliograph.errors import QueryError
from heliograph.query.match import matches
from heliograph.query.parse import ConceptTerm, parse
from heliograph.query.tree import And, AnyOf, Chain, Node, Not, Or, Text
from heliograph.query.view import View

CONCEPTS = {
    "c": (ConceptTerm("en", "aa*"), ConceptTerm("en", "bb cc")),
    "d": (ConceptTerm("en", "aab"), ConceptTerm("en", "bb cc*"), ConceptTerm("", "~roads")),
}
TERMS = ["aa", "aab", "aa*", "bb", "bb*", '"aa bb"', '"aa bb*"', '"aa bb cc"', "cc", "~roads", "roads", "road", "@c"]
TERMS += ["@d", "~дороги", "дорога"]
VALUES = ["language: ru", "language: fa", "language: r*", "source: ria*", "source: ria-novosti", "source: tass"]
VALUES += ["author: ann", 'author: "ann l*"', "author: *", "language: *", "title: *", "published: *"]
VALUES += [f"published {sign} 2026-0{month}" for sign in (">=", "<", "<=", ">") for month in (1, 2, 3)]
WORDS = ["aa", "aab", "bb", "bbc", "cc", "road", "roads", "дороги", "x", "y"]


def random_query(chance: random.Random, depth: int = 2) -> str:
    kind = chance.random()
    if depth == 0 or kind < 0.3:
        return random_leaf(chance)
    inner = [random_query(chance, depth - 1) for _ in range(chance.choice([2, 2, 3]))]
    if kind < 0.6:
        return f"({' and '.join(inner)})"
    return f"({' or '.join(inner)})" if kind < 0.9 else f"not ({inner[0]})"


def random_leaf(chance: random.Random) -> str:
    kind = chance.random()
    if kind < 0.45:
        text = chance.choice(TERMS)
    elif kind < 0.75:
        sign = f" {chance.choice(['near', 'before'])}/{chance.randint(0, 4)} "
        operands = [
            chance.choice(TERMS) if chance.random() < 0.7 else f"({' or '.join(chance.sample(TERMS, k=2))})"
            for _ in range(chance.choice([2, 2, 3]))
        ]
        text = sign.join(operands)
    else:
        return chance.choice(VALUES)
    return f"{chance.choice(['title', 'text'])}: ({text})" if chance.random() < 0.2 else f"({text})"


def random_tree(chance: random.Random, depth: int = 2) -> Node:
    while True:
        try:
            # Beside `*`, what could hold by absence alone is taken as well.
            node = parse(f"* and ({random_query(chance, depth)})", concepts=CONCEPTS)
        except QueryError:  # two operands of `before` that are the same
            continue
        if not isinstance(node, And):
            return node
        return node.nodes[1] if len(node.nodes) == 2 else And(node.nodes[1:])


def random_view(chance: random.Random) -> View:
    moment = chance.choice([None, *(datetime(2026, month, 15, tzinfo=UTC) for month in (1, 2, 3))])
    article = Article(
        id="a", revision="r", feed="f", source=chance.choice(["ria", "ria-novosti", "tass"]),
        title=" ".join(chance.choices(WORDS, k=chance.randint(0, 4))),
        text=" ".join(chance.choices(WORDS, k=chance.randint(0, 10))),
        fetched=datetime(2026, 4, 1, tzinfo=UTC), sorted=datetime(2026, 4, 1, tzinfo=UTC), published=moment,
        language=chance.choice(["", "ru", "fa"]), authors=chance.choice([(), ("Ann Lee",), ("Bo", "Ann")]),
    )  # fmt: skip
    return View(Document(article=article))


def wider(chance: random.Random, node: Node) -> Node:
    """Something that is often, not always, wider than `node`: one of its parts, or it and something else."""
    if isinstance(node, And | Or) and chance.random() < 0.5:
        return chance.choice(node.nodes)
    if isinstance(node, Text) and isinstance(node.what, Chain):
        distance = max(0, node.what.distance + chance.randint(-1, 3))
        operands = chance.sample(node.what.operands, k=len(node.what.operands) - chance.randint(0, 1))
        return Text(
            Chain(tuple(operands), distance, chance.random() < 0.4), node.field if chance.random() < 0.5 else ""
        )
    return Or((random_tree(chance, 0), node)) if chance.random() < 0.3 else random_tree(chance, 1)


def denied(chance: random.Random) -> tuple[Node, Node]:
    """Two queries that often have nothing in common: values of one field or another, beside and around other things."""
    one, other = (parse(f"* and {chance.choice(VALUES)}") for _ in range(2))
    return And((one, random_tree(chance, 1))), chance.choice([other, And((random_tree(chance, 1), other)), Not(one)])


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32))
def test_what_is_said_to_follow_holds_wherever_the_other_does(seed: int) -> None:
    chance = random.Random(seed)
    prover = Prover()
    views = [random_view(chance) for _ in range(25)]
    for _ in range(12):
        narrow = random_tree(chance, chance.randint(0, 2))
        wide = wider(chance, narrow)
        if prover.follows(narrow, wide):
            assert all(matches(wide, view) for view in views if matches(narrow, view)), (narrow, wide)


def widened(chance: random.Random, operand: str) -> str:
    """The operand, more than it, or one word of it."""
    return chance.choice([operand, operand, f"({operand} or zz)", operand.strip('(")').split()[0].strip('"')])


@settings(max_examples=250, deadline=None)
@given(st.integers(0, 2**32))
def test_a_chain_said_to_follow_holds_however_far_apart_the_words_of_the_other_stand(seed: int) -> None:
    """Articles that just satisfy the narrow chain: those of chance hardly ever come near a distance."""
    chance = random.Random(seed)
    plain = ["aa", "aab", "aa*", "bb", '"aa bb"', '"aa bb cc"', "cc", '(bb or "bb cc")', '(cc or "x y cc")']
    operands = chance.sample(plain, k=chance.choice([2, 3]))
    sign = f" {chance.choice(['near', 'before'])}/{chance.randint(0, 4)} "
    narrow = parse(sign.join(operands))
    for _ in range(6):
        kept = [widened(chance, each) for each in operands if chance.random() < 0.8]
        sign_of_wide = f" {chance.choice(['near', 'before'])}/{chance.randint(0, 6)} "
        try:
            wide = parse(sign_of_wide.join(kept))
        except QueryError:  # none is left, or one stands twice
            continue
        if not Prover().follows(narrow, wide):
            continue
        for _ in range(15):
            said: list[str] = []
            for operand in chance.sample(operands, k=len(operands)) if "near" in sign else operands:
                said += [chance.choice(operand.strip("()").split(" or ")).strip('"*'), *["x"] * chance.randint(0, 2)]
            view = _saying(" ".join(said))
            assert not matches(narrow, view) or matches(wide, view), (narrow, wide, said)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32))
def test_what_is_said_never_to_hold_together_does_not(seed: int) -> None:
    chance = random.Random(seed)
    prover = Prover()
    views = [random_view(chance) for _ in range(25)]
    for _ in range(8):
        one, other = denied(chance)
        if prover.excludes(one, other):
            assert not any(matches(one, view) and matches(other, view) for view in views), (one, other)


def test_enough_is_proven_for_the_law_to_mean_something() -> None:
    chance = random.Random(7)
    views = [random_view(chance) for _ in range(150)]
    seen: dict[str, int] = {"follows": 0, "and its narrow side finds something": 0, "excludes": 0}
    for _ in range(600):
        narrow = random_tree(chance, 1)
        wide = wider(chance, narrow)
        if narrow != wide and Prover().follows(narrow, wide):
            seen["follows"] += 1
            seen["and its narrow side finds something"] += any(matches(narrow, view) for view in views)
        seen["excludes"] += Prover().excludes(*denied(chance))
    assert seen["follows"] > 60, seen
    assert seen["and its narrow side finds something"] > 50, seen
    assert seen["excludes"] > 60, seen


@settings(max_examples=250, deadline=None)
@given(st.integers(0, 2**32))
def test_without_a_dead_part_a_query_finds_the_same(seed: int) -> None:
    chance = random.Random(seed)
    views = [random_view(chance) for _ in range(25)]
    for _ in range(6):
        node = random_tree(chance, 3) if chance.random() < 0.7 else And(denied(chance))
        for dead in dead_parts(node):
            rest = without(node, dead.part)
            assert rest != node
            for view in views:
                assert matches(rest, view) is matches(node, view), (dead.message, node)


def without(node: Any, part: object) -> Any:
    """The tree with `part`, the very object, taken for what never holds."""
    if node is part:
        return Or(())
    match node:
        case And(nodes):
            return And(tuple(without(each, part) for each in nodes))
        case Or(nodes):
            return Or(tuple(without(each, part) for each in nodes))
        case Not(inner):
            return Not(without(inner, part))
        case Text(Chain(operands=operands) as chain, field):
            return Text(replace(chain, operands=tuple(without(each, part) for each in operands)), field)
        case AnyOf(operands):
            return AnyOf(tuple(each for each in operands if each is not part))
        case _:
            return node


@settings(max_examples=300, deadline=None)
@given(
    written=st.text(min_size=1, max_size=12),
    sign=st.sampled_from(["{}", "{}*", "~{}"]),
    language=st.sampled_from(["", "en", "az"]),
)
def test_no_term_is_dead_it_finds_the_text_it_was_made_of(written: str, sign: str, language: str) -> None:
    quoted = sign.format("".join(char for char in written if char not in '"\\*~'))
    try:
        node = parse("@t", concepts={"t": (ConceptTerm(language, quoted),)})
    except QueryError:  # nothing but signs, or too short for a prefix
        return
    text = quoted.strip("~*")
    assert fold(text)
    assert matches(node, _saying(text))


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32))
def test_no_chain_is_dead_its_operands_one_behind_the_other_satisfy_it(seed: int) -> None:
    chance = random.Random(seed)
    plain = [term for term in TERMS if not term.startswith("@")]
    operands = chance.sample(plain, k=chance.randint(2, 4))
    chain = f" {chance.choice(['near', 'before'])}/0 ".join(operands)
    assert matches(parse(chain), _saying(" ".join(operands)))


def _saying(text: str) -> View:
    moment = datetime(2026, 4, 1, tzinfo=UTC)
    article = Article(
        id="a", revision="r", feed="f", source="s", title="", text=text, fetched=moment, sorted=moment
    )  # fmt: skip
    return View(Document(article=article))


@pytest.mark.parametrize(
    ("narrow", "wide"),
    [
        ("aa", "aa*"),
        ("aab*", "aa*"),
        ('"aa bb"', "bb"),
        ('"aa bb cc"', '"aa bb*"'),
        ("title: aa", "aa"),
        ("roads", "~road"),
        ("aa near/3 bb", "aa near/5 bb"),
        ("aa before/3 bb", "aa near/3 bb*"),
        ("aa near/2 cc near/2 bb", "aa near/3 bb"),
        ('"aa xx bb"', "aa before/1 bb"),
        ("@c near/2 bb", "@c"),
        ("aa near/2 bb", "(aa or cc) near/2 bb"),
        ("@d", '@c or "bb cc*" or ~roads'),
        ("aa and bb", "bb or cc"),
        ("aa and not bb*", "not bb"),
        ("language: ru and aa", "not language: fa"),
        ("not (aa or bb) and cc", "not bb"),
        ("published: 2026-02-03", "published: 2026-02"),
        ("published: 2026-02-03", "published: *"),
        ('author: "ann lee"', "author: lee"),
        ("source: ria-novosti", "source: ria*"),
    ],
)
def test_it_is_proven_that(narrow: str, wide: str) -> None:
    one, other = (parse(f"* and ({query})", concepts=CONCEPTS) for query in (narrow, wide))
    assert Prover().follows(one, other)
    assert not Prover().follows(other, one)


def test_letters_that_count_as_the_same_are_the_same_word() -> None:
    one, other = parse("İRAN near/2 ёлка"), parse("елка near/2 iran")
    assert Prover().follows(one, other)
    assert Prover().follows(other, one)


@pytest.mark.parametrize(
    ("narrow", "wide"),
    [
        ("aa", '"aa bb"'),
        ("~road", "road*"),
        ("aa*", "aab"),
        ("aa", "title: aa"),
        ("aa near/3 bb", "aa before/3 bb"),
        ("aa near/3 bb", '"aa bb"'),
        ("aa near/2 cc near/2 bb", "aa near/2 bb"),
        ('"aa bb" near/1 cc', "aa near/1 cc"),
        ("author: ann", "not author: bo"),
        ("published >= 2026", "published >= 2027"),
    ],
)
def test_it_is_not_claimed_that(narrow: str, wide: str) -> None:
    one, other = (parse(f"* and ({query})", concepts=CONCEPTS) for query in (narrow, wide))
    assert not Prover().follows(one, other)
