"""The ledger's records: read whole or compacted, in whatever order of partitions, they say the same."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from heliograph.fetch.ledger_memory import MemoryLedger
from heliograph.fetch.ledger_table import PART, Record, Table, partition_for
from heliograph.fetch.port import Feed, FeedState, Subscription, Update

NOW = datetime(2026, 1, 17, 12, tzinfo=UTC)
PARTITIONS = 12
MEBIBYTE = 1_048_576


class Topic:
    """A log of records, and a table that follows it."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.table = Table()
        self._lives = itertools.count()

    def write(self, records: Iterable[Record]) -> list[Record]:
        written = list(records)
        for record in written:
            self.records.append(record)
            self.table.apply(record)
        return written

    def edit(self, put: Iterable[Subscription] = (), remove: Iterable[str] = ()) -> list[Record]:
        lives = (f"life-{number}" for number in self._lives)
        return self.write(self.table.edit(list(put), list(remove), PARTITIONS, lambda: next(lives)))

    def save(self, *updates: Update) -> list[Record]:
        return self.write(self.table.save(updates))

    def compacted(self) -> list[Record]:
        """Return what compaction leaves: the last record of each key, in order."""
        last = {(record.partition, record.key): number for number, record in enumerate(self.records)}
        return [self.records[number] for number in sorted(last.values())]


def read(records: Iterable[Record], order: list[int]) -> Table:
    table = Table()
    place = {partition: number for number, partition in enumerate(order)}
    for record in sorted(records, key=lambda record: place[record.partition]):
        table.apply(record)
    return table


def subscription(number: int, host: int) -> Subscription:
    return Subscription(id=f"feed-{number}", url=f"https://host-{host}.example/{number}")


def polled(feed: str, when: datetime = NOW, polls: int = 1, **more: str) -> FeedState:
    return replace(FeedState(feed=feed), last_attempt=when, polls=polls, **more)  # type: ignore[arg-type] # strings by name


@pytest.mark.parametrize("seed", range(20))
def test_any_course_of_events_reads_as_in_memory(seed: int) -> None:
    chance = random.Random(seed)
    topic, memory = Topic(), MemoryLedger()
    now, feeds, articles = NOW, [f"feed-{number}" for number in range(6)], [f"article-{n}" for n in range(40)]
    for turn in range(120):
        now += timedelta(hours=chance.choice([0, 1, 30, 200]))
        if chance.random() < 0.3:
            put = [subscription(chance.randrange(6), chance.randrange(4)) for _ in range(chance.randrange(3))]
            remove = chance.sample(feeds, chance.randrange(2))
            topic.edit(put, remove)
            memory.edit(put, remove)
        else:
            seen = {article: str(chance.randrange(3)) for article in chance.sample(articles, chance.randrange(8))}
            update = Update(polled(chance.choice(feeds), now, turn, etag=f"{turn}"), seen)
            topic.save(update)
            memory.save([update])
    order = chance.sample(range(PARTITIONS), PARTITIONS)
    for table in (topic.table, read(topic.records, order), read(topic.compacted(), order)):
        assert list(table.feeds()) == list(memory.feeds())
        for feed in feeds:
            assert table.known(feed, articles) == memory.known(feed, articles)


def test_the_feeds_of_a_host_lie_together_and_many_hosts_lie_everywhere() -> None:
    assert len({partition_for(f"https://one.example/{number}", PARTITIONS) for number in range(50)}) == 1
    assert len({partition_for(f"https://host-{number}.example/", PARTITIONS) for number in range(200)}) == PARTITIONS


def test_a_feed_that_moves_to_another_host_takes_along_what_is_remembered_of_it() -> None:
    topic = Topic()
    before, after = subscription(1, 1), subscription(1, 2)
    assert partition_for(before.url, PARTITIONS) != partition_for(after.url, PARTITIONS)
    topic.edit([before])
    topic.save(Update(polled("feed-1", etag="old"), {"a": "1"}))
    topic.edit([after])
    for table in (topic.table, read(topic.compacted(), list(range(PARTITIONS)))):
        (feed,) = table.feeds()
        assert feed == Feed(after, replace(polled("feed-1"), etag=""))
        assert table.known("feed-1", ["a"]) == {"a": "1"}
        assert table.home("feed-1") == partition_for(after.url, PARTITIONS)
    assert {record.partition for record in topic.compacted() if record.value is not None} == {
        partition_for(after.url, PARTITIONS)
    }


def test_what_is_saved_late_of_a_removed_feed_counts_for_nothing_and_goes_with_the_next_edit() -> None:
    topic = Topic()
    topic.edit([subscription(1, 1)])
    late = topic.table.save([Update(polled("feed-1"), {"a": "1"})])
    topic.edit(remove=["feed-1"])
    topic.write(late)
    assert list(topic.table.feeds()) == []
    topic.edit([subscription(1, 1)])
    assert [feed.state for feed in topic.table.feeds()] == [FeedState(feed="feed-1")]
    assert topic.table.known("feed-1", ["a"]) == {}
    topic.write(late)
    assert [feed.state for feed in topic.table.feeds()] == [FeedState(feed="feed-1")]
    topic.edit(remove=["feed-1"])
    assert all(record.value is None for record in topic.compacted())


def test_an_edit_that_changes_nothing_writes_nothing() -> None:
    topic = Topic()
    topic.edit([subscription(1, 1)])
    assert topic.edit([subscription(1, 1)], ["feed-2"]) == []


def test_a_poll_with_news_writes_the_state_and_the_items_of_these_days_alone() -> None:
    topic = Topic()
    topic.edit([subscription(1, 1)])
    for day in range(30):
        topic.save(Update(polled("feed-1", NOW + timedelta(days=day)), {f"{day}-{n}": "r" for n in range(100)}))
    written = topic.save(Update(polled("feed-1", NOW + timedelta(days=30)), {"one more": "r"}))
    assert [record.key.split("/")[0] for record in written] == ["state", "seen"]


def test_the_items_of_the_largest_feed_fit_into_records_that_a_broker_takes() -> None:
    topic = Topic()
    topic.edit([subscription(1, 1)])
    chance = random.Random(1)
    seen = {chance.randbytes(13).hex(): chance.randbytes(13).hex() for _ in range(6 * PART)}
    written = topic.save(Update(polled("feed-1"), seen))
    assert max(len(record.value or b"") for record in written) < MEBIBYTE / 2
    assert topic.table.known("feed-1", seen) == seen


def test_records_of_a_later_release_are_passed_over() -> None:
    topic = Topic()
    topic.edit([subscription(1, 1)])
    topic.write([Record(0, "something-new/feed-1", b"{}")])
    assert len(list(topic.table.feeds())) == 1
