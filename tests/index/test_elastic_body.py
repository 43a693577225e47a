"""What Elasticsearch is asked and given, as far as no cluster is needed to tell."""

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from heliograph.core.article import Article, Document, Evidence, Match, Story
from heliograph.detect.files import defaults_folder, load_definitions
from heliograph.errors import BadInput
from heliograph.index.elastic_body import bounds_of, explained
from heliograph.index.elastic_chains import LONGEST, rows
from heliograph.index.elastic_logic import EVERY, NOTHING, both, either, without
from heliograph.index.elastic_schema import differences, find_fields, read, version_of, written
from heliograph.query.parse import parse
from heliograph.query.tree import And, Atom, Exists, Mode, Or, Term, Text
from heliograph.query.view import View
from heliograph.schemas import load_schema

NOON = datetime(2026, 3, 1, 12, 0, 0, 1, tzinfo=UTC)
MAPPING = load_schema("elasticsearch/documents.json")["mappings"]
WHOLE = Document(
    article=Article(
        id="a",
        revision="r",
        title="İran corridors",
        text="Коридор — x",
        feed="f",
        source="irna",
        source_title="IRNA",
        fetched=NOON,
        sorted=NOON,
        published=NOON,
        updated=NOON,
        url="https://irna.ir/a",
        link="https://irna.ir/a?b",
        guid="g",
        html="<p>x</p>",
        language="ru",
        country="ir",
        ownership="state",
        authors=("A. B.", "—"),
        categories=("News",),
    ),
    matches=(
        Match(
            id="m",
            topic="t",
            topic_version="1",
            score=0.1,
            severity="high",
            evidence=(Evidence(field="title", start=0, end=4, text="İran", term="iran", concept="iran", clause="c"),),
        ),
    ),
    story=Story(id="s", first=True, copies=2, outlets=("irna",)),
)
A: dict[str, Any] = {"terms": {"find.text": ["a"]}}
B: dict[str, Any] = {"terms": {"find.text": ["b"]}}
C: dict[str, Any] = {"prefix": {"find.text": {"value": "c"}}}


def named(mapping: dict[str, Any], found: Any) -> None:
    """Raise AssertionError where a document holds a field that the mapping does not name."""
    for each in found if isinstance(found, list) else [found]:
        if mapping.get("enabled", True) and isinstance(each, dict):
            assert each.keys() <= mapping["properties"].keys()
            for name, value in each.items():
                named(mapping["properties"][name], value)


def test_the_mapping_names_every_field_of_a_document_and_takes_no_other() -> None:
    assert MAPPING["dynamic"] == "strict"
    source = json.loads(written(WHOLE))
    named(MAPPING, source)
    # Nothing is left at its default above, so that these are all fields there are.
    for part, kind in ((WHOLE.article, "article"), (WHOLE.matches[0], "matches"), (WHOLE.story, "story")):
        assert MAPPING["properties"][kind]["properties"].keys() == {*part.__struct_fields__}  # type: ignore[union-attr]  # it has a story
    assert MAPPING["properties"]["find"]["properties"].keys() == find_fields(View(WHOLE)).keys()


def test_a_document_is_read_as_it_was_written() -> None:
    source = json.loads(written(WHOLE))
    del source["find"]
    assert read(source) == WHOLE


def test_stems_stand_where_their_words_do() -> None:
    found = find_fields(View(WHOLE))
    assert (found["title"], found["text"]) == ("iran corridors", "коридор x")
    assert found["stems_title"] == "en:iran en:corridor"
    assert str(found["stems_text"]).split()[0].startswith("ru:")
    # `x` is Latin: it has a Turkish stem at its place, and the word before it has none.
    assert found["turkish_text"] == "- tr:x"


def test_long_words_are_cut_and_fields_without_words_marked() -> None:
    long = msgspec.structs.replace(WHOLE.article, text="n" * 300)
    found = find_fields(View(Document(article=long)))
    assert found["text"] == "n" * LONGEST
    assert "author=" in found["has"]  # type: ignore[operator]  # it is a list


@pytest.mark.parametrize("score", [float("nan"), float("inf")])
def test_a_score_that_json_cannot_hold_is_refused(score: float) -> None:
    match = msgspec.structs.replace(WHOLE.matches[0], score=score)
    with pytest.raises(BadInput, match="'a'"):
        written(msgspec.structs.replace(WHOLE, matches=(match,)))


def test_versions_rise_with_the_time_of_fetching_and_are_never_negative() -> None:
    old = msgspec.structs.replace(WHOLE.article, fetched=datetime(1955, 1, 1, tzinfo=UTC))
    assert version_of(Document(article=old)) == 0
    assert version_of(WHOLE) % 1_000_000 == 1


def test_mappings_are_compared_field_by_field() -> None:
    other = json.loads(json.dumps(MAPPING))
    assert differences(MAPPING, other) == []
    other["properties"]["find"]["properties"]["rank"]["type"] = "keyword"
    del other["properties"]["story"]
    assert "find.rank is keyword, not long" in differences(MAPPING, other)
    assert "story is missing, not object" in differences(MAPPING, other)


def test_bodies_are_flat_and_words_of_a_field_are_one_clause() -> None:
    assert either([A, B, NOTHING]) == {"terms": {"find.text": ["a", "b"]}}
    assert either([A, either([C, B])]) == {
        "bool": {"should": [{"terms": {"find.text": ["a", "b"]}}, C], "minimum_should_match": 1}
    }
    assert both([A, both([C, without(B)]), EVERY]) == {"bool": {"filter": [A, C], "must_not": [B]}}
    assert without(without(A)) == A
    assert both([]) == without(NOTHING) == either([A, EVERY]) == EVERY
    assert either([]) == without(EVERY) == both([A, NOTHING]) == NOTHING


def test_phrases_that_differ_in_one_place_are_one_row() -> None:
    def term(*words: str) -> Term:
        return Term(tuple(map(Atom, words)), "")

    terms = (term("a", "x"), term("a", "y"), term("b", "x"), term("b", "y"), term("a", "b", "c"), term("z"))
    found = rows(terms)
    assert sorted(map(len, found)) == [1, 2, 3]
    assert (frozenset(map(Atom, "ab")), frozenset(map(Atom, "xy"))) in found


@pytest.mark.parametrize(
    "query",
    [
        *(
            "tea",
            '"green tea"',
            '"green te*"',
            "~teas",
            "title: tea*",
            "tea near/3 leaf",
            '"green te*" before/2 ~leaves',
        ),
        *(
            "source: ir*",
            'author: "a b"',
            "published >= 2026-01-01",
            "country: *",
            "* and not tea",
            "(a or ~b) near/4 cd*",
        ),
    ],
)
def test_the_cluster_answers_alone(query: str) -> None:
    bounds = bounds_of(parse(query, now=NOON))
    assert bounds.exact
    assert explained(bounds).startswith("answered by Elasticsearch alone")


def test_long_words_many_phrases_and_deep_trees_are_narrowed_down_and_checked() -> None:
    long = bounds_of(Text(Term((Atom("n" * LONGEST),), "")))
    assert not long.exact
    assert long.sure == NOTHING
    deep: Any = Text(Term((Atom("a"),), "a"))
    for _ in range(40):
        deep = Or((And((deep, Exists("url"))), Text(Term((Atom("b", Mode.PREFIX),), ""))))
    bounds = bounds_of(deep)
    assert not bounds.exact
    assert json.dumps(bounds.possible).count("bool") < 30


def test_the_shipped_topics_are_asked_in_bodies_that_a_cluster_takes() -> None:
    definitions = load_definitions((defaults_folder(),))
    for topic in definitions.compiled.values():
        bounds = bounds_of(topic.node)
        assert explained(bounds)
        assert len(json.dumps(bounds.possible)) < 5_000_000
