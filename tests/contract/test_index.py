"""Every promise of `heliograph.index.port.Index`, for every adapter."""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from heliograph.core.article import Article, Document, Evidence, Match, Story
from heliograph.errors import BadInput, QueryError
from heliograph.index.embedded import EmbeddedIndex
from heliograph.index.memory import MemoryIndex
from heliograph.index.port import FACETS, Bucket, Index, Page, Search, Sort
from heliograph.query.parse import parse
from heliograph.query.tree import Is

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture(params=["memory", "embedded"])
def index(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Index]:
    opened: Index = MemoryIndex() if request.param == "memory" else EmbeddedIndex(tmp_path / "index")
    yield opened
    opened.close()


def document(article_id: str, text: str = "", *, at: datetime = NOON, score: float = 0.0, **fields: object) -> Document:
    given = {"title": "", "feed": "f", "source": "irna", "fetched": at, "sorted": at, "revision": "r", **fields}
    article = Article(id=article_id, text=text, **given)  # type: ignore[arg-type]  # fields of Article by name
    if not score:
        return Document(article=article)
    evidence = tuple(
        Evidence(field="text", start=0, end=1, text=text[:1], term="t", concept=concept)
        for concept in ("Iran", "Iran", "")
    )
    match = Match(id=f"m-{article_id}", topic="Corridors", topic_version="1", score=score, evidence=evidence)
    return Document(article=article, matches=(match,), story=Story(id="s", first=True))


def ids(page: Page) -> list[str]:
    return [hit.document.article.id for hit in page.items]


def walk(index: Index, request: Search) -> list[str]:
    """Return the ids of all pages, one after the other."""
    page = index.search(request)
    found = ids(page)
    while page.next:
        page = index.search(replace(request, cursor=page.next))
        assert page.items, "a cursor promises another page with something on it"
        found += ids(page)
    return found


def test_a_new_index_is_empty(index: Index) -> None:
    assert index.search(Search()) == Page(0, ())
    assert index.get("a") is None
    counted = index.aggregate(Search())
    assert (counted.total, counted.histogram) == (0, ())
    assert counted.facets == dict.fromkeys(FACETS, ())


def test_what_was_upserted_is_found_whole(index: Index) -> None:
    whole = document(
        "a",
        "Коридор через Зангезур",
        score=0.75,
        title="İran & Россия",
        published=NOON - HOUR,
        updated=NOON,
        url="https://irna.ir/a",
        html="<p>Коридор</p>",
        authors=("A. B.",),
        categories=("Новости",),
    )
    index.upsert([whole])
    assert index.get("a") == whole
    assert [hit.document for hit in index.search(Search()).items] == [whole]


def test_the_last_one_written_replaces_those_before_it(index: Index) -> None:
    index.upsert([document("a", "first"), document("b", "other")])
    index.upsert([document("a", "second"), document("a", "third")])
    assert index.search(Search()).total == 2
    assert ids(index.search(Search(parse("third")))) == ["a"]
    assert index.search(Search(parse("first or second"))).total == 0


def test_nothing_to_write_is_no_error(index: Index) -> None:
    index.upsert([])
    assert index.search(Search()).total == 0


def test_since_and_until_bound_the_sorted_time_half_open(index: Index) -> None:
    index.upsert([document(str(hour), at=NOON + hour * HOUR) for hour in range(5)])
    assert ids(index.search(Search(since=NOON + HOUR, until=NOON + 3 * HOUR))) == ["2", "1"]
    microsecond = timedelta(microseconds=1)
    assert ids(index.search(Search(since=NOON + HOUR + microsecond, until=NOON + 3 * HOUR + microsecond))) == ["3", "2"]


def test_hits_carry_where_the_query_holds(index: Index) -> None:
    index.upsert([document("a", "Über den Коридор нахичеванский", title="no")])
    (hit,) = index.search(Search(parse("коридор*"))).items
    assert [(piece.field, piece.start, piece.end, piece.text) for piece in hit.evidence] == [("text", 9, 16, "Коридор")]
    assert index.search(Search()).items[0].evidence == ()


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("newest", ["c", "d", "a", "b", "e"]),
        ("oldest", ["e", "a", "b", "c", "d"]),
        ("score", ["b", "a", "c", "d", "e"]),
    ],
)
@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 50])
def test_paging_neither_repeats_nor_skips_and_breaks_ties_by_id(
    index: Index, sort: Sort, expected: list[str], limit: int
) -> None:
    later = NOON + HOUR
    found = [("d", later, 0.0), ("a", NOON, 0.5), ("c", later, 0.0), ("b", NOON, 0.9), ("e", NOON - HOUR, 0.0)]
    for article_id, at, score in found:
        index.upsert([document(article_id, at=at, score=score)])
    assert walk(index, Search(sort=sort, limit=limit)) == expected
    assert index.search(Search(sort=sort, limit=limit)).total == 5


def test_many_documents_of_one_moment_are_paged_by_id(index: Index) -> None:
    names = [f"{number:02d}" for number in range(30)]
    index.upsert([document(name) for name in reversed(names)])
    assert walk(index, Search(limit=7)) == names


def test_times_before_1970_are_ordered_and_bounded_too(index: Index) -> None:
    old = datetime(1955, 5, 5, tzinfo=UTC)
    index.upsert([document("a", at=old), document("b", at=old + HOUR)])
    assert walk(index, Search(limit=1)) == ["b", "a"]
    assert walk(index, Search(since=old, until=old + HOUR)) == ["a"]
    assert sum(bucket.count for bucket in index.aggregate(Search()).histogram) == 2


@pytest.mark.parametrize("cursor", ["x", "!!!!", "\u0661", "bnVsbA", "WzEsMl0", "e30"])
def test_what_is_no_cursor_is_refused(index: Index, cursor: str) -> None:
    with pytest.raises(QueryError, match="cursor"):
        index.search(Search(cursor=cursor))


def test_a_cursor_of_another_order_is_refused(index: Index) -> None:
    index.upsert([document("a"), document("b")])
    cursor = index.search(Search(limit=1)).next
    with pytest.raises(QueryError, match="newest"):
        index.search(Search(limit=1, sort="oldest", cursor=cursor))


def test_the_histogram_has_round_buckets_without_gaps(index: Index) -> None:
    index.upsert(
        [document("a", at=NOON + timedelta(minutes=3)), document("b", at=NOON + timedelta(minutes=59, seconds=59))]
    )
    index.upsert([document("c", at=NOON + 3 * HOUR)])
    counted = index.aggregate(Search(), buckets=5)
    assert counted.interval == 3600
    assert counted.histogram == tuple(Bucket(NOON + hour * HOUR, count) for hour, count in enumerate([2, 0, 0, 1]))
    finest = index.aggregate(Search(parse("*"), until=NOON + timedelta(minutes=4)))
    assert (finest.interval, finest.histogram) == (1, (Bucket(NOON + timedelta(minutes=3), 1),))


@pytest.mark.parametrize("buckets", [2, 10, 60, 200])
def test_the_histogram_keeps_to_its_number_of_buckets(index: Index, buckets: int) -> None:
    index.upsert([document(str(step), at=NOON - step * step * HOUR) for step in range(60)])
    counted = index.aggregate(Search(), buckets=buckets)
    assert len(counted.histogram) <= buckets
    assert sum(bucket.count for bucket in counted.histogram) == counted.total == 60


def test_facets_count_documents_by_value_as_stored(index: Index) -> None:
    index.upsert(
        [
            document("a", source="News.AM", country="am", language="hy", score=0.5),
            document("b", source="News.AM", country="am", language="ru", score=0.5),
            document("c", source="irna", country="ir", language="fa"),
            document("d", source="TASS", country="ru", language="ru"),
        ]
    )
    facets = index.aggregate(Search()).facets
    assert facets["source"] == (("News.AM", 2), ("TASS", 1), ("irna", 1))
    assert facets["topic"] == (("Corridors", 2),)
    assert facets["concept"] == (("Iran", 2),)
    assert facets["language"] == (("ru", 2), ("fa", 1), ("hy", 1))
    assert index.aggregate(Search(), facets=["source"], size=1).facets == {"source": (("News.AM", 2),)}
    assert index.aggregate(Search(Is("country", "am")), facets=["language"]).facets == {
        "language": (("hy", 1), ("ru", 1))
    }


def test_a_facet_that_is_none_is_refused(index: Index) -> None:
    with pytest.raises(QueryError, match="title"):
        index.aggregate(Search(), facets=["title"])


def test_counts_agree_with_the_search_for_what_the_index_must_check(index: Index) -> None:
    index.upsert(
        [document("a", "strategic x partnership treaty", at=NOON), document("b", "strategic partnership x treaty")]
    )
    index.upsert([document("c", "treaty strategic partnership", at=NOON + HOUR), document("d", "treaty")])
    request = Search(parse('"strategic partnership" before/1 treaty'))
    assert ids(index.search(request)) == ["b"]
    without = Search(parse('treaty and not ("strategic partnership" before/1 treaty)'))
    assert walk(index, replace(without, limit=1)) == ["c", "a", "d"]
    counted = index.aggregate(without)
    assert (counted.total, sum(bucket.count for bucket in counted.histogram)) == (3, 3)
    assert counted.facets["source"] == (("irna", 3),)


def test_a_prefix_of_more_words_than_an_engine_takes_is_still_exact(index: Index) -> None:
    words = " ".join(f"xy{number:05d}" for number in range(17_000))
    index.upsert([document("many", words), document("a", "xyz near treaty"), document("b", "xyz and far and treaty")])
    assert ids(index.search(Search(parse("xy* near/1 treaty")))) == ["a"]
    assert ids(index.search(Search(parse('"xy* near"')))) == ["a"]
    assert index.aggregate(Search(parse("xy* near/1 treaty"))).total == 1


def test_purge_drops_what_was_fetched_before(index: Index) -> None:
    index.upsert([document("old", at=NOON - HOUR), document("edge", at=NOON), document("new", at=NOON + HOUR)])
    assert index.purge(NOON) == 1
    assert index.purge(NOON) == 0
    assert ids(index.search(Search())) == ["new", "edge"]
    assert index.get("old") is None


def test_a_document_that_cannot_be_written_leaves_the_batch_unwritten(index: Index) -> None:
    with pytest.raises(BadInput, match="lone"):
        index.upsert([document("fine", "x"), document("lone", "\ud800 surrogate")])
    assert index.search(Search()).total == 0
    index.upsert([document("fine", "x")])
    assert index.search(Search()).total == 1


def test_many_threads_write_and_search_at_once(index: Index) -> None:
    failed: list[BaseException] = []

    def write(name: str) -> None:
        for number in range(5):
            index.upsert([document(f"{name}{number}", "treaty near the corridor")])
            assert index.get(f"{name}{number}") is not None

    def read() -> None:
        for _ in range(20):
            page = index.search(Search(parse("treaty near/2 corridor")))
            assert len(page.items) == page.total
            index.aggregate(Search())

    def guarded(work: Callable[..., None], *given: str) -> None:
        try:
            work(*given)
        except BaseException as error:  # noqa: BLE001 - handed to the test's own thread below
            failed.append(error)

    threads = [threading.Thread(target=guarded, args=(write, name)) for name in "ab"]
    threads += [threading.Thread(target=guarded, args=(read,)) for _ in range(3)]
    _run(threads)
    assert failed == []
    assert index.search(Search()).total == 10


def _run(threads: Sequence[threading.Thread]) -> None:
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
