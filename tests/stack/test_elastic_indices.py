"""The indices behind an alias: made, checked, lost, rolled over; and answers and questions larger than one request."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.contract.test_index import HOUR, NOON, document, ids, walk
from tests.stack.elastic import Cluster

from heliograph.assembly.replay import Span, to_index
from heliograph.assembly.world import World
from heliograph.compose import embedded
from heliograph.core.event import ARTICLES, ArticleFetched, Envelope
from heliograph.errors import IndexUnavailable
from heliograph.index import elastic_body, elastic_chains
from heliograph.index.elastic_backing import Backing
from heliograph.index.memory import MemoryIndex
from heliograph.index.port import Index, Search
from heliograph.index.stage import IndexStage
from heliograph.query.parse import parse
from heliograph.query.tree import Atom, Chain, Concept, Term, Text
from heliograph.runtime.stage import Done
from heliograph.settings import Settings


@pytest.fixture
def cluster(elasticsearch_url: str) -> Iterator[Cluster]:
    made = Cluster(elasticsearch_url)
    yield made
    made.clean()


def found(index: Index) -> list[str]:
    return sorted(walk(index, Search(limit=100)))


# Alias, layout, mapping


def test_an_index_of_another_layout_is_not_used_and_the_error_says_what_to_do(cluster: Cluster) -> None:
    cluster.ask("PUT", f"{cluster.prefix}flagged-000001", {"aliases": {f"{cluster.prefix}flagged": {}}})
    with pytest.raises(IndexUnavailable, match=r"layout none of ours.*replay --to index"):
        cluster.index().search(Search())


def test_an_index_of_another_mapping_is_not_used_and_the_error_names_the_field(cluster: Cluster) -> None:
    cluster.index().upsert([document("a")])
    more = {"properties": {"find": {"properties": {"mood": {"type": "keyword"}}}}}
    cluster.ask("PUT", f"{cluster.prefix}flagged/_mapping", more)
    with pytest.raises(IndexUnavailable, match=r"find\.mood is keyword, not known.*replay --to index"):
        cluster.index().search(Search())


def test_an_index_where_the_alias_should_be_is_an_error_that_says_what_to_do(cluster: Cluster) -> None:
    cluster.ask("PUT", f"{cluster.prefix}flagged")
    with pytest.raises(IndexUnavailable, match="replay --to index"):
        cluster.index().upsert([document("a")])


def test_an_index_deleted_under_way_is_said_to_readers_and_made_again_by_the_next_write(cluster: Cluster) -> None:
    index = cluster.index()
    index.upsert([document("a")])
    cluster.ask("DELETE", cluster.behind()[0])
    with pytest.raises(IndexUnavailable, match="replay --to index"):
        index.search(Search())
    index.upsert([document("b")])
    assert found(index) == ["b"]
    assert cluster.behind() == [f"{cluster.prefix}flagged-000001"]


def test_two_that_make_the_index_at_once_share_it(cluster: Cluster) -> None:
    first, second = cluster.index(), cluster.index()
    first.upsert([document("a")])
    second.upsert([document("b")])
    assert found(first) == found(second) == ["a", "b"]
    assert len(cluster.behind()) == 1


# Several indices behind one alias


def test_an_article_stands_in_one_index_and_is_replaced_where_it_stands(cluster: Cluster) -> None:
    index = cluster.index()
    index.upsert([document("a", "first"), document("b", "first")])
    cluster.roll()
    index.upsert([document("a", "second"), document("c", "second")])
    assert ids(index.search(Search(parse("second")))) == ["a", "c"]
    assert found(index) == ["a", "b", "c"]
    older, newest = cluster.behind()
    assert cluster.ask("GET", f"{older}/_count")["count"] == 2
    assert cluster.ask("GET", f"{newest}/_count")["count"] == 1
    assert index.get("a") == document("a", "second")


def test_an_index_begun_while_a_batch_is_on_its_way_doubles_nothing(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = cluster.index()
    index.upsert([document("a", "first"), document("b", "first")])
    looked = Backing.places
    rolled: list[str] = []

    def late(self: Backing, ids: Sequence[str], indices: Sequence[str]) -> dict[str, str]:
        answer = looked(self, ids, indices)
        if not rolled:
            cluster.roll()
            rolled.append("now")
        return answer

    monkeypatch.setattr(Backing, "places", late)
    index.upsert([document("a", "second"), document("c", "second")])
    assert found(index) == ["a", "b", "c"]
    assert ids(index.search(Search(parse("second")))) == ["a", "c"]
    older, newest = cluster.behind()
    assert cluster.ask("GET", f"{older}/_count")["count"] == 2
    assert cluster.ask("GET", f"{newest}/_count")["count"] == 1


def test_purge_begins_an_index_and_drops_those_that_are_old_throughout(cluster: Cluster) -> None:
    index = cluster.index(roll_after=timedelta(0))
    index.upsert([document("a", at=NOON), document("b", at=NOON + HOUR)])
    assert index.purge(NOON) == 0
    index.upsert([document("c", at=NOON + HOUR), document("d", at=NOON - HOUR)])
    assert len(cluster.behind()) == 2
    # One of each index is old: they go one by one.
    assert index.purge(NOON + timedelta(minutes=1)) == 2
    assert found(index) == ["b", "c"]
    assert index.purge(NOON + 2 * HOUR) == 2
    assert len(cluster.behind()) == 1
    index.upsert([document("b", at=NOON + 3 * HOUR)])
    assert found(index) == ["b"]


def test_a_revision_keeps_its_old_index_from_being_dropped(cluster: Cluster) -> None:
    index = cluster.index()
    index.upsert([document("a", at=NOON), document("b", at=NOON)])
    cluster.roll()
    index.upsert([document("a", "again", at=NOON + 5 * HOUR)])
    assert index.purge(NOON + HOUR) == 1
    assert found(index) == ["a"]


# Large answers, large questions


def test_a_walk_and_a_long_page_see_more_than_one_answer_holds(cluster: Cluster) -> None:
    index = cluster.index()
    names = [f"{number:04d}" for number in range(1_200)]
    index.upsert([document(name) for name in names])
    assert sorted(each.article.id for each in index.walk(Search())) == names
    page = index.search(Search(limit=1_100))
    assert (ids(page), page.total) == (names[:1_100], 1_200)
    assert ids(index.search(replace(Search(limit=1_100), cursor=page.next))) == names[1_100:]


def test_a_query_of_more_clauses_than_the_cluster_takes_is_still_exact(cluster: Cluster) -> None:
    index = cluster.index()
    index.upsert([document("a", "word 7 leaf 7"), document("b", "word leaf 7"), document("c", "none")])
    many = tuple(Term((Atom(f"leaf{number}"), Atom("x")), "") for number in range(14_000))
    terms = (*many, Term((Atom("leaf"), Atom("7")), "leaf 7"))
    assert ids(index.search(Search(Text(Concept("c", terms))))) == ["a", "b"]
    assert index.aggregate(Search(Text(Concept("c", (*many, Term((Atom("7"), Atom("leaf")), "")))))).total == 1


def test_a_deep_query_is_still_exact(cluster: Cluster) -> None:
    index = cluster.index()
    index.upsert([document("a", "tea leaf"), document("b", "tea")])
    deep = "leaf"
    for number in range(24):
        deep = f"(w{number} or (tea and {deep}))"
    assert ids(index.search(Search(parse(deep)))) == ["a"]
    assert ids(index.search(Search(parse(f"tea and not {deep}")))) == ["b"]


@pytest.mark.parametrize("choices", [200, 0])
def test_operands_that_mean_the_same_may_share_their_place(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, choices: int
) -> None:
    monkeypatch.setattr(elastic_chains, "_MOST_CHOICES", choices)
    elastic_body.bounds_of.cache_clear()
    texts = ("tea x leaf", "tea leaf", "tea x x leaf", "tea y tea x leaf", "green tea green leaf", "green tea x x leaf")
    memory, index = MemoryIndex(), cluster.index()
    given = [document(str(number), text) for number, text in enumerate(texts)]
    memory.upsert(given)
    index.upsert(given)
    tea, leaf, green = (Term((Atom(word),), word) for word in ("tea", "leaf", "green"))
    green_tea = Term((*green.atoms, *tea.atoms), "green tea")
    green_leaf = Term((*green.atoms, *leaf.atoms), "green leaf")
    for distance in range(4):
        for operands in ((tea, Concept("t", (tea,)), leaf), (green_tea, green_leaf), (green_tea, green, green_leaf)):
            request = Search(Text(Chain(operands, distance, ordered=False)), sort="oldest")
            assert ids(index.search(request)) == ids(memory.search(request)), (distance, operands)
    elastic_body.bounds_of.cache_clear()


def test_articles_of_the_log_are_indexed_by_the_stage(cluster: Cluster) -> None:
    given = document("a", "tea")
    event = Envelope(id="e", time=NOON, trace="t", data=ArticleFetched(article=given.article))
    index = cluster.index("archive")
    assert IndexStage(index, "index-archive").handle([event]) == [Done()]
    assert index.get("a") == given


def test_an_emptied_index_is_rebuilt_from_the_log_to_the_same_documents(cluster: Cluster, tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    tier = replace(embedded(settings), index=lambda name, _: cluster.index(name))
    events = [
        Envelope(
            id=f"e{number}", time=NOON, trace="t", data=ArticleFetched(article=document(f"a{number % 250}").article)
        )
        for number in range(300)
    ]
    world = World(settings, tier, writes_index=True)
    world.append_articles(events)
    assert to_index(world, ARTICLES, Span(), lambda _: None).written == 300
    before = sorted(each.article.id for each in cluster.index("archive").walk(Search()))
    assert len(before) == 250
    world.close()
    for index in cluster.behind("archive"):
        cluster.ask("DELETE", index)
    world = World(settings, tier, writes_index=True)
    assert to_index(world, ARTICLES, Span(), lambda _: None).written == 300
    assert sorted(each.article.id for each in cluster.index("archive").walk(Search())) == before
    world.close()
