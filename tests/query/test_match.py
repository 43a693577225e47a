"""What a tree means: queries against articles, in seven languages."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from random import Random

import pytest

from heliograph.query import chains
from heliograph.query.match import find, matches
from heliograph.query.parse import ConceptTerm, parse
from heliograph.query.tree import Chain, Or, Text
from heliograph.query.view import View

MakeView = Callable[..., View]
CONCEPTS = {
    "corridor": (
        ConceptTerm("en", "zangezur corridor*"),
        ConceptTerm("ru", "~зангезурский ~коридор"),
        ConceptTerm("ka", "ზანგეზურ* ~დერეფანი"),
        ConceptTerm("az", "zəngəzur ~dəhliz"),
    )
}


def holds(query: str, view: View) -> bool:
    return matches(parse(query, concepts=CONCEPTS, now=datetime(2026, 3, 14, tzinfo=UTC)), view)


@pytest.mark.parametrize(
    ("query", "text", "expected"),
    [
        ("iran", "Talks with Iran.", True),
        ("iran", "Iranian talks", False),
        ("iran*", "Iranian talks", True),
        ("iran and russia", "Russia, Iran", True),
        ("iran and russia", "Russia", False),
        ("iran russia", "Russia", False),
        ("iran or russia", "Russia", True),
        ("iran and not russia", "Iran and Russia", False),
        ("iran and not russia", "Iran", True),
        ('"strategic partnership"', "a Strategic-Partnership deal", True),
        ('"strategic partnership"', "partnership, strategic", False),
        ('"strategic partner*"', "strategic partners", True),
        ('"strategic partner*"', "strategic new partners", False),
        ('"a b a c"', "a b a b a c", True),
        ("iran's", "İRAN", True),
        ("договор", "ДОГОВО\u0301Р", True),
        ("елка", "Ёлка", True),
        ("koridoru", "Koridoru'nun açılışı", True),
        ("dehliz", "Dəhliz", True),
        ("توافقي", "توافقی", True),
        ("ირანი", "ᲘᲠᲐᲜᲘ", True),
        ("եւ", "ԵՎ", True),
        ("iran near/2 deal", "Iran signs a deal", True),
        ("iran near/1 deal", "Iran signs a deal", False),
        ("deal near/2 iran", "Iran signs a deal", True),
        ("deal before/2 iran", "Iran signs a deal", False),
        ("iran before/2 deal", "Iran signs a deal", True),
        ("iran near/0 ir*", "iran", True),
        ("iran before/9 ir*", "iran", False),
        ('"new road" near/1 (iran* or armenia)', "new road through Armenia", True),
        ('"new road" near/0 (iran* or armenia)', "new road through Armenia", False),
        ("aa near/1 bb near/1 cc", "aa x bb cc", True),
        ("aa near/1 bb near/1 cc", "aa x bb x cc", False),
        # The distance is between the ends, less all the words of the operands: a wide window needs long operands.
        ('("aa x x x x" or aa) near/1 bb', "aa x x x x y bb", True),
        ("@corridor", "The Zangezur corridors", True),
        ("@corridor", "о Зангезурском коридоре", True),
        ("@corridor", "ზანგეზურის დერეფნით", True),
        ("@corridor", "Zəngəzur dəhlizinin", True),
        ("@corridor", "Zangezur is a region", False),
        ("@corridor near/2 iran", "Zangezur corridor worries Iran", True),
        ("*", "", True),
        ("iran and *", "Iran", True),
    ],
)
def test_text(view: MakeView, query: str, text: str, expected: bool) -> None:
    assert holds(query, view(text)) is expected
    assert holds(query, view("", title=text)) is expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("title: alpha", True),
        ("text: alpha", False),
        ("title: beta", False),
        ("alpha and beta", True),
        ("title: (alpha and beta)", False),
        ("title: (alpha or beta)", True),
        # A phrase and a chain hold within one field, never across the two.
        ('"alpha beta"', False),
        ("alpha near/50 beta", False),
        ("title: *", True),
        ("source: agency", True),
        ("source: AGEN*", True),
        ("source: agen", False),
        ("topic: russia-iran", True),
        ('topic: "Russia Iran"', True),
        ("topic: (other or russia*)", True),
        ("topic: *", True),
        ("concept: zangezur-corridor", True),
        ("country: *", True),
        ("url: *", False),
        ("language: (ru or fa)", True),
        ("not language: tr and alpha", True),
        ("author: lovelace", True),
        ('author: "ada love*"', True),
        ("author: love", False),
        ('author: "lovelace grace"', False),
        ("category: *", False),
        ("published: 2026-03-01", True),
        ("published >= 2026-03-01T10:00Z", True),
        ("published > 2026-03-01T10:00Z", False),
        ("published < 2026-03-01T10:00Z", False),
        ("published >= now-14d", True),
        ("published >= now-7d", False),
        ("fetched: 2026-03-14", True),
    ],
)
def test_fields(view: MakeView, query: str, expected: bool) -> None:
    article = view(
        "Beta.",
        title="Alpha",
        topic="russia-iran",
        concept="zangezur-corridor",
        language="fa",
        country="ir",
        authors=("Ada Lovelace", "Grace Hopper"),
        published=datetime(2026, 3, 1, 10, tzinfo=UTC),
    )
    assert holds(query, article) is expected


def test_an_article_without_a_time_lies_in_no_range(view: MakeView) -> None:
    assert not holds("published >= 1970 or published < 1970", view("x"))
    assert holds("x and not published: *", view("x"))


@pytest.mark.parametrize(
    ("stem", "forms"),
    [
        ("~коридор", "коридор коридора коридору коридором коридоре коридоры коридоров КОРИДОРАХ"),
        ("~договор", "договор договора договору договором договоре договоры договоров договорам"),
        ("~Зангезурский", "зангезурский зангезурского зангезурскому зангезурским зангезурском зангезурская"),
        ("~koridor", "koridor koridoru koridorunun koridora koridorda koridorlar KORİDORUN Koridoru'na"),
        ("~anlaşma", "anlaşma anlaşması anlaşmanın anlaşmayı ANLAŞMALAR anlasmasi"),
        ("~միջանցք", "միջանցք միջանցքը միջանցքի միջանցքին միջանցքով միջանցքում ՄԻՋԱՆՑՔՆԵՐ"),
        ("~დერეფანი", "დერეფანი დერეფნის დერეფნით დერეფანს დერეფანში დერეფნები ᲓᲔᲠᲔᲤᲜᲘᲡ"),
        ("~ზანგეზური", "ზანგეზური ზანგეზურის ზანგეზურში ზანგეზურთან"),
        ("~agreement", "agreement agreements Agreement's"),
    ],
)
def test_a_stem_meets_the_forms_of_its_word_and_any_form_finds_the_others(
    view: MakeView, stem: str, forms: str
) -> None:
    for form in forms.split():
        assert holds(stem, view(form)), form
        assert holds(f"~{form}", view(stem[1:])), form


@pytest.mark.parametrize(
    ("stem", "other"),
    [
        ("~коридор", "корид коридорный коррида"),
        ("~договор", "договорной разговор"),
        ("~koridor", "korido koro"),
        ("~միջանցք", "միջանկյալ"),
        ("~დერეფანი", "დერეფ დერვიში"),
        ("~agreement", "agriculture"),
    ],
)
def test_a_stem_keeps_other_words_apart(view: MakeView, stem: str, other: str) -> None:
    for word in other.split():
        assert not holds(stem, view(word)), word


def test_a_stem_of_one_language_meets_a_quotation_in_an_article_of_another(view: MakeView) -> None:
    assert holds("~коридор", view("They call it «Зангезурского коридора».", language="en"))


def test_the_same_word_in_two_places_of_a_tree_is_looked_up_once(view: MakeView) -> None:
    article = view("Iran signs")
    node = Or((parse("iran near/3 signs"), parse("iran")))
    assert matches(node, article)
    assert len(article.text.found) == 2


def test_a_chain_of_stems_holds_where_all_of_their_spans_say_so(view: MakeView) -> None:
    random = Random(1)
    words = ("iran", "treaty", "treaties", "corridors", "strategic", "partner", "partners", "x", "y")
    operands = [
        *("iran", "~treaty", "~corridor", "(~treaty or ~partner)", '"strategic ~partner"', "(iran or ~partner)")
    ]
    seen = set()
    for _ in range(3000):
        text = " ".join(random.choices(words, k=random.randint(2, 14)))
        link = f" {random.choice(('near', 'before'))}/{random.randint(0, 4)} "
        asked = parse(link.join(random.sample(operands, random.choice((2, 2, 3)))))
        assert isinstance(asked, Text)
        assert isinstance(asked.what, Chain)
        chain = asked.what
        found = [find(operand, view(text=text).text) for operand in chain.operands]
        expected = chains.holds(found, chain.distance, ordered=chain.ordered)
        assert matches(asked, view(text=text)) == expected, (text, chain)
        seen.add(expected)
    assert seen == {True, False}
