"""What the port does not say of Elasticsearch: partial failures, lost answers, several indices behind an alias."""

import json
from collections.abc import Iterator

import msgspec
import pytest
from tests.contract.test_index import HOUR, NOON, document, ids, walk
from tests.stack.detour import Answer, Asked, Forward, Rule, detour
from tests.stack.elastic import Cluster

from heliograph.core.article import Document, Story
from heliograph.core.event import ArticleFlagged, Envelope
from heliograph.errors import BadInput, IndexUnavailable
from heliograph.index import elastic_bulk
from heliograph.index.elastic_bulk import PAUSES
from heliograph.index.port import Index, Search
from heliograph.index.stage import IndexStage
from heliograph.query.parse import parse
from heliograph.runtime.stage import Done, Reject, RetryLater

STORY = Story(id="s", first=True)


@pytest.fixture
def cluster(elasticsearch_url: str) -> Iterator[Cluster]:
    made = Cluster(elasticsearch_url)
    yield made
    made.clean()


def poisoned(article_id: str) -> Document:
    """Return a document that our side can write and the cluster cannot take: a number beyond its longest."""
    whole = document(article_id, score=0.5)
    assert whole.story is not None
    return msgspec.structs.replace(whole, story=msgspec.structs.replace(whole.story, copies=1 << 70))


def found(index: Index) -> list[str]:
    return sorted(walk(index, Search(limit=100)))


def flagged(given: Document) -> Envelope:
    data = ArticleFlagged(article=given.article, matches=given.matches, story=given.story)  # type: ignore[arg-type]  # it has a story
    return Envelope(id="e", time=NOON, trace="t", data=data)


# Documents refused


def test_a_document_that_the_mapping_refuses_is_named_and_the_others_are_written(cluster: Cluster) -> None:
    index = cluster.index()
    with pytest.raises(BadInput, match="bad"):
        index.upsert([document("a"), poisoned("bad"), document("b")])
    assert found(index) == ["a", "b"]


def test_an_id_that_the_cluster_refuses_with_the_whole_request_is_named_too(cluster: Cluster) -> None:
    index = cluster.index()
    with pytest.raises(BadInput, match="iiii"):
        index.upsert([document("a"), document("i" * 600), *(document(f"b{number}") for number in range(9))])
    assert len(found(index)) == 10


def test_the_stage_makes_a_dead_letter_of_the_poisoned_document_alone(cluster: Cluster) -> None:
    batch = [document(f"d{number:02d}", score=0.5) for number in range(40)]
    batch[17] = poisoned("d17")
    outcomes = IndexStage(cluster.index()).handle([flagged(each) for each in batch])
    assert [number for number, outcome in enumerate(outcomes) if isinstance(outcome, Reject)] == [17]
    assert isinstance(outcomes[17], Reject)
    assert outcomes[17].reason == "not-indexable"
    assert "d17" in outcomes[17].cause
    assert len(found(cluster.index())) == 39


def test_a_field_that_the_mapping_does_not_name_is_refused(cluster: Cluster) -> None:
    cluster.index().upsert([document("a")])
    answer = cluster.bulk({"_index": cluster.behind()[0], "_id": "x"}, {"article": {"invented": 1}})
    assert answer["items"][0]["index"]["status"] == 400
    assert "strict" in json.dumps(answer)


# Revisions


def test_an_older_revision_never_replaces_a_newer_one(cluster: Cluster) -> None:
    ours, theirs = cluster.index(), cluster.index()
    ours.upsert([document("a", "new", at=NOON + HOUR)])
    theirs.upsert([document("a", "old", at=NOON), document("b", "other", at=NOON)])
    assert ids(theirs.search(Search(parse("new")))) == ["a"]
    assert theirs.search(Search(parse("old"))).total == 0
    assert found(theirs) == ["a", "b"]


def test_another_verdict_on_the_same_revision_replaces_the_one_before(cluster: Cluster) -> None:
    index = cluster.index()
    index.upsert([document("a", "x", score=0.5)])
    index.upsert([document("a", "x", score=0.9)])
    (hit,) = index.search(Search()).items
    assert hit.document.matches[0].score == 0.9


def test_what_was_purged_can_be_written_again(cluster: Cluster) -> None:
    index = cluster.index()
    index.upsert([document("a", at=NOON)])
    assert index.purge(NOON + HOUR) == 1
    index.upsert([document("a", at=NOON)])
    assert found(index) == ["a"]


# The way to the cluster


def bulk_only(rule: Rule) -> Rule:
    return lambda asked, forward: rule(asked, forward) if asked.path.endswith("/_bulk") else forward(asked)


def test_a_busy_cluster_is_asked_again_after_a_pause(cluster: Cluster) -> None:
    left = [b"{}", b"{}"]

    def busy(asked: Asked, forward: Forward) -> Answer:
        return (429, left.pop()) if left else forward(asked)

    paused: list[float] = []
    with detour(cluster.url, bulk_only(busy)) as url:
        index = cluster.index(url=url, sleep=paused.append)
        index.upsert([document("a"), document("b")])
    assert paused == [*PAUSES[:2]]
    assert found(cluster.index()) == ["a", "b"]


def test_a_cluster_that_stays_busy_makes_the_batch_wait(cluster: Cluster) -> None:
    paused: list[float] = []
    with detour(cluster.url, bulk_only(lambda *_: (429, b"{}"))) as url:
        outcomes = IndexStage(cluster.index(url=url, sleep=paused.append)).handle([flagged(document("a", score=0.5))])
    assert paused == [*PAUSES]
    assert isinstance(outcomes[0], RetryLater)
    assert "429" in outcomes[0].reason
    assert found(cluster.index()) == []


def test_only_the_documents_that_found_no_room_are_sent_again(cluster: Cluster) -> None:
    sent: list[int] = []

    def half(asked: Asked, forward: Forward) -> Answer:
        lines = asked.body.splitlines(keepends=True)
        sent.append(len(lines) // 2)
        if len(sent) > 1:
            return forward(asked)
        status, answer = forward(asked._replace(body=b"".join(lines[: len(lines) // 2])))
        told = json.loads(answer)
        full = {"status": 429, "error": {"type": "es_rejected_execution_exception", "reason": "queue is full"}}
        told["items"] += [{"index": full}] * (len(lines) // 2 - len(told["items"]))
        return status, json.dumps({**told, "errors": True}).encode()

    with detour(cluster.url, bulk_only(half)) as url:
        cluster.index(url=url).upsert([document(f"d{number}") for number in range(6)])
    assert sent == [6, 3]
    assert len(found(cluster.index())) == 6


def test_a_request_that_is_too_large_is_halved_and_one_document_too_large_is_named(cluster: Cluster) -> None:
    def narrow(asked: Asked, forward: Forward) -> Answer:
        return (413, b"{}") if len(asked.body) > 6_000 else forward(asked)

    with detour(cluster.url, bulk_only(narrow)) as url:
        index = cluster.index(url=url)
        index.upsert([document(f"d{number}", "word " * 50) for number in range(9)])
        with pytest.raises(BadInput, match=r"'wide'.*413"):
            index.upsert([document("d9"), document("wide", "word " * 5000)])
    assert len(found(cluster.index())) == 10


def test_many_documents_go_in_requests_of_a_bounded_size(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elastic_bulk, "MOST_BYTES", 20_000)
    sizes: list[int] = []

    def measured(asked: Asked, forward: Forward) -> Answer:
        sizes.append(len(asked.body))
        return forward(asked)

    with detour(cluster.url, bulk_only(measured)) as url:
        cluster.index(url=url).upsert([document(f"d{number:03d}", "some words here " * 20) for number in range(60)])
    assert len(sizes) > 3
    assert max(sizes) < 30_000
    assert len(found(cluster.index())) == 60


def test_a_lost_answer_doubles_nothing(cluster: Cluster) -> None:
    lost: list[bytes] = []

    def lose(asked: Asked, forward: Forward) -> Answer | None:
        answer = forward(asked)
        if len(lost) < 5:
            lost.append(asked.body)
            return None
        return answer

    batch = [document(f"d{number}") for number in range(20)]
    with detour(cluster.url, bulk_only(lose)) as url:
        stage = IndexStage(cluster.index(url=url))
        outcomes = stage.handle([flagged(msgspec.structs.replace(each, story=STORY)) for each in batch])
        while not all(isinstance(outcome, Done) for outcome in outcomes):
            assert all(isinstance(outcome, RetryLater) for outcome in outcomes)
            outcomes = stage.handle([flagged(msgspec.structs.replace(each, story=STORY)) for each in batch])
    assert len(lost) == 5
    assert cluster.ask("GET", f"{cluster.prefix}flagged/_count")["count"] == 20


@pytest.mark.parametrize("asked", ["upsert", "search", "aggregate", "get", "purge"])
def test_a_cluster_that_is_away_is_unavailable_and_names_its_address(asked: str) -> None:
    away = Cluster("http://127.0.0.1:9").index()
    given = {"upsert": [document("a")], "get": "a", "purge": NOON}.get(asked, Search())
    with pytest.raises(IndexUnavailable, match=r"http://127\.0\.0\.1:9"):
        getattr(away, asked)(given)
    away.close()


def test_half_an_answer_is_none(cluster: Cluster) -> None:
    cluster.index().upsert([document("a")])

    def slow(asked: Asked, forward: Forward) -> Answer:
        status, answer = forward(asked)
        if "/_search" in asked.path:
            answer = json.dumps({**json.loads(answer), "timed_out": True}).encode()
        return status, answer

    with detour(cluster.url, slow) as url, pytest.raises(IndexUnavailable, match="in time"):
        cluster.index(url=url).search(Search())
