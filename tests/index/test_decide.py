from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliograph.core.article import Article, Document, Match
from heliograph.errors import QueryError
from heliograph.index import decide
from heliograph.index.port import Sort

moments = st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - the zone is given beside it
orders: st.SearchStrategy[Sort] = st.sampled_from(("newest", "oldest", "score"))


def document(at: datetime, article_id: str = "a", scores: tuple[float, ...] = ()) -> Document:
    article = Article(id=article_id, revision="r", title="", text="", feed="f", source="s", fetched=at, sorted=at)
    found = tuple(Match(id=str(n), topic="t", topic_version="1", score=score) for n, score in enumerate(scores))
    return Document(article=article, matches=found)


@given(moments)
def test_a_moment_survives_being_counted(at: datetime) -> None:
    assert decide.moment(decide.micros(at)) == at


@given(moments, st.text(min_size=1, alphabet=st.characters(exclude_categories=["Cs"])), orders)
def test_a_cursor_says_where_it_stands(at: datetime, article_id: str, sort: Sort) -> None:
    found = document(at, article_id, (0.5,))
    cursor = decide.cursor_behind(found, sort)
    assert cursor.isascii()
    assert decide.read_cursor(cursor, sort) == (decide.rank(found, sort), article_id)


@given(st.text())
def test_any_text_is_a_cursor_or_refused(text: str) -> None:
    with suppress(QueryError):
        found = decide.read_cursor(text, "newest")
        assert found is None or isinstance(found[0], int)


@given(st.lists(moments, min_size=1, max_size=40), st.integers(2, 100))
def test_a_histogram_is_round_gapless_small_and_complete(times: list[datetime], buckets: int) -> None:
    micros = [decide.micros(at) for at in times]
    interval = decide.interval_for(min(micros), max(micros), buckets)
    bars = decide.histogram(Counter(at // (interval * 1_000_000) for at in micros), interval)
    assert len(bars) <= buckets
    assert sum(bar.count for bar in bars) == len(times)
    step = timedelta(seconds=interval)
    assert [bar.start for bar in bars] == [bars[0].start + number * step for number in range(len(bars))]
    assert all((bar.start - decide.EPOCH) % step == timedelta() for bar in bars)
    assert bars[0].count
    assert bars[-1].count


@pytest.mark.parametrize(
    ("span", "buckets", "interval"),
    [
        (0, 60, 1),
        (59, 60, 1),
        (60, 60, 5),
        (3599, 60, 60),
        (86399, 60, 1800),
        (86399, 24, 3600),
        (7 * 86400, 60, 10800),
    ],
)
def test_the_interval_is_the_smallest_round_one(span: int, buckets: int, interval: int) -> None:
    start = decide.micros(datetime(2026, 3, 1, tzinfo=UTC))
    assert decide.interval_for(start, start + span * 1_000_000, buckets) == interval


def test_the_earliest_moment_that_a_feed_can_state_has_a_bucket() -> None:
    first = decide.micros(datetime.min.replace(tzinfo=UTC))
    interval = decide.interval_for(first, decide.micros(datetime(2026, 3, 1, tzinfo=UTC)), 60)
    bars = decide.histogram({first // (interval * 1_000_000): 1}, interval)
    assert bars[0].start == datetime.min.replace(tzinfo=UTC)


def test_score_ranks_by_the_best_match_then_by_time() -> None:
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    in_order = [
        document(noon, scores=(0.2, 0.9)),
        document(noon + timedelta(hours=1), scores=(0.5,)),
        document(noon, scores=(0.5004,)),
        document(noon + timedelta(hours=9)),
    ]
    ranks = [decide.rank(each, "score") for each in in_order]
    assert ranks == sorted(ranks, reverse=True)
    assert len(set(ranks)) == 4
    assert all(0 <= each < 1 << 63 for each in ranks)


def test_ties_among_values_go_by_value() -> None:
    assert decide.top(Counter({"b": 2, "a": 2, "c": 3, "d": 1}), 3) == (("c", 3), ("a", 2), ("b", 2))
