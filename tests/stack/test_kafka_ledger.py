"""The ledger on Kafka: several processes on one topic, and what a worker may still do that has lost its share."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.stack.kafka_feeds import feeds_topic
from tests.stories.desk import wait_for

from heliograph.errors import Unavailable
from heliograph.eventlog.kafka_topics import declared, ensure
from heliograph.fetch.ledger_kafka import KafkaLedger
from heliograph.fetch.ledger_writer import Membership, Writer
from heliograph.fetch.port import FeedState, Share, Subscription, Update
from heliograph.runtime.kafka import admin, consumer
from heliograph.settings import KafkaSettings

NOW = datetime(2026, 1, 17, 12, tzinfo=UTC)
FEEDS = [Subscription(id=f"feed-{number}", url=f"https://host-{number}.example/feed") for number in range(40)]
PATIENCE = 60.0
SOURCE = str(Path(__file__).parents[2] / "services")


@pytest.fixture
def access(kafka_bootstrap: str) -> Iterator[KafkaSettings]:
    with feeds_topic(kafka_bootstrap, session_timeout="6s") as access:
        yield access


@pytest.fixture
def ledgers(access: KafkaSettings) -> Iterator[Callable[[], KafkaLedger]]:
    made: list[KafkaLedger] = []

    def make() -> KafkaLedger:
        made.append(KafkaLedger(access))
        return made[-1]

    yield make
    for ledger in made:
        ledger.close()


class Worker:
    """A share, and what it was told to let go."""

    def __init__(self, ledger: KafkaLedger) -> None:
        self.ledger, self.share = ledger, ledger.share()
        self.let_go: list[str] = []
        self.share.join(self._let_go)

    def held(self) -> set[str]:
        return {feed.id for feed in FEEDS if self.share.holds(feed.id)}

    def _let_go(self, feeds: Collection[str], timeout: float, /) -> bool:
        # By now nobody is told to poll them any more.
        assert timeout > 0
        assert not self.held() & set(feeds)
        self.let_go += feeds
        return True


@pytest.fixture
def workers(ledgers: Callable[[], KafkaLedger]) -> Iterator[Callable[[], Worker]]:
    made: list[Worker] = []

    def make() -> Worker:
        made.append(Worker(ledgers()))
        return made[-1]

    yield make
    for worker in made:
        worker.share.close()


def until(claim: Callable[[], object]) -> bool:
    """Return whether the claim comes true in time."""
    pause = threading.Event()
    for _ in range(int(PATIENCE / 0.05)):
        if claim():
            return True
        pause.wait(0.05)
    return False


def divided(*workers: Worker) -> bool:
    """Return whether every feed is held by exactly one of these, and each holds some."""
    held = [worker.held() for worker in workers]
    return all(held) and sum(map(len, held)) == len(FEEDS) and len(set.union(*held)) == len(FEEDS)


def polled(feed: str, polls: int) -> FeedState:
    return replace(FeedState(feed=feed), polls=polls, last_attempt=NOW)


def test_what_one_process_edits_another_sees(ledgers: Callable[[], KafkaLedger]) -> None:
    first, second = ledgers(), ledgers()
    first.edit(put=FEEDS[:2])
    assert until(lambda: len(second.feeds()) == 2)
    second.edit(put=FEEDS[2:3], remove=["feed-0"])
    first.edit(put=FEEDS[3:4])
    assert [feed.subscription.id for feed in first.feeds()] == ["feed-1", "feed-2", "feed-3"]


def test_where_there_is_no_topic_yet_it_is_made_and_the_ledger_is_empty(kafka_bootstrap: str) -> None:
    with feeds_topic(kafka_bootstrap) as access:
        name = f"{access.topic_prefix}feeds"
        with closing(admin(access)) as client:
            client.delete_topics([name])
            # A deletion is answered before it is carried out.
            wait_for(lambda: name not in client.list_topics(), PATIENCE, f"{name} is gone")
            specs = {"feeds": declared()["feeds"]}
            with closing(KafkaLedger(access, lambda: ensure(client, access, specs))) as ledger:
                assert list(ledger.feeds()) == []
                ledger.edit(put=FEEDS[:1])
                assert len(ledger.feeds()) == 1


def test_editors_that_write_at_once_undo_nothing_of_each_other(ledgers: Callable[[], KafkaLedger]) -> None:
    editors = [ledgers(), ledgers()]
    refused: list[Unavailable] = []

    def edit(editor: KafkaLedger, feeds: list[Subscription]) -> None:
        for feed in feeds:
            try:
                editor.edit(put=[feed])
            except Unavailable as error:
                refused.append(error)

    threads = [threading.Thread(target=edit, args=(editors[n], FEEDS[n * 5 : n * 5 + 5])) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert refused == []
    editors[0].edit(remove=["never-there"])
    assert {feed.subscription.id for feed in editors[0].feeds()} == {feed.id for feed in FEEDS[:10]}


def test_workers_divide_the_feeds_and_each_goes_on_where_the_last_one_stopped(
    ledgers: Callable[[], KafkaLedger], workers: Callable[[], Worker]
) -> None:
    ledgers().edit(put=FEEDS)
    first = workers()
    assert until(lambda: divided(first))
    first.share.save([Update(polled(feed.id, 1), {f"{feed.id}-a": "1"}) for feed in FEEDS])

    second = workers()
    assert until(lambda: divided(first, second))
    assert set(first.let_go) == second.held()
    taken = sorted(second.held())
    assert [second.ledger.known(feed, [f"{feed}-a"]) for feed in taken] == [{f"{feed}-a": "1"} for feed in taken]
    assert first.share.save([Update(polled(feed.id, 2)) for feed in FEEDS]) == first.held()
    states = {feed.subscription.id: feed.state.polls for feed in first.ledger.feeds()}
    assert {feed for feed, polls in states.items() if polls == 2} == first.held()

    first.share.close()
    assert until(lambda: divided(second))
    assert [feed.state.polls for feed in second.ledger.feeds() if feed.subscription.id not in taken] == [2] * (
        len(FEEDS) - len(taken)
    )


def test_a_worker_that_comes_back_under_its_name_keeps_its_feeds_and_its_writer(
    ledgers: Callable[[], KafkaLedger], access: KafkaSettings
) -> None:
    ledgers().edit(put=FEEDS)
    named = [access.model_copy(update={"instance": name}) for name in ("ingest-0", "ingest-1")]
    first, second = [Worker(KafkaLedger(one)) for one in named]
    assert until(lambda: divided(first, second))
    before, kept = second.held(), first.held()
    second.share.close()
    second.ledger.close()
    back = Worker(KafkaLedger(named[1]))
    assert until(lambda: divided(first, back))
    assert (back.held(), first.held()) == (before, kept)
    assert back.share.save([Update(polled(feed, 1)) for feed in before]) == before
    for worker in (first, back):
        worker.share.close()
        worker.ledger.close()


def test_a_feed_that_is_added_is_held_by_one_of_the_workers_and_one_that_is_removed_by_none(
    ledgers: Callable[[], KafkaLedger], workers: Callable[[], Worker]
) -> None:
    editor, first, second = ledgers(), workers(), workers()
    editor.edit(put=FEEDS)
    assert until(lambda: divided(first, second))
    editor.edit(remove=["feed-7"])
    assert until(lambda: "feed-7" not in first.held() | second.held())
    assert not first.share.save([Update(polled("feed-7", 1))])
    assert "feed-7" not in {feed.subscription.id for feed in editor.feeds()}


def test_a_member_that_is_none_any_more_can_save_nothing(
    ledgers: Callable[[], KafkaLedger], access: KafkaSettings
) -> None:
    ledger = ledgers()
    ledger.edit(put=FEEDS[:1])
    member = consumer(access, group_id=f"{access.topic_prefix}ingest")
    member.subscribe([ledger.tail.topic])
    while not member.assignment():
        member.poll(timeout_ms=100)
    old = Membership(member.group_metadata(), {0: 0})
    writer = Writer(access, ledger.tail.topic, f"{access.topic_prefix}zombie")
    ledger.write(writer, lambda table: table.save([Update(polled("feed-0", 1), {"a": "1"})]), old)
    member.close()
    with pytest.raises(Unavailable, match="divided anew"):
        ledger.write(writer, lambda table: table.save([Update(polled("feed-0", 2), {"b": "1"})]), old)
    writer.close()
    fresh = ledgers()
    assert fresh.feeds()[0].state.polls == 1
    assert fresh.known("feed-0", ["a", "b"]) == {"a": "1"}


KILLED = """
import sys
from dataclasses import replace
from datetime import UTC, datetime
from heliograph.fetch.ledger_kafka import KafkaLedger
from heliograph.fetch.port import FeedState, Update
from heliograph.settings import KafkaSettings
ledger = KafkaLedger(KafkaSettings(bootstrap=sys.argv[1], topic_prefix=sys.argv[2]))
now = datetime(2026, 1, 17, tzinfo=UTC)
for turn in range(1, 10_000):
    states = [replace(FeedState(feed=f"feed-{n}"), polls=turn, last_attempt=now) for n in range(8)]
    ledger.save([Update(state, {f"{turn}-{n}": "1" for n in range(5)}) for state in states])
    print(turn, flush=True)
"""


@pytest.mark.parametrize("after", [1, 7, 20])
def test_what_was_saved_survives_a_kill_and_nothing_is_half_saved(
    ledgers: Callable[[], KafkaLedger], access: KafkaSettings, after: int
) -> None:
    ledgers().edit(put=FEEDS[:8])
    command = [sys.executable, "-c", KILLED, access.bootstrap, access.topic_prefix]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={"PYTHONPATH": SOURCE}) as process:
        assert process.stdout is not None
        told = [int(next(process.stdout)) for _ in range(after)][-1]
        process.kill()
        told = max([told, *(int(line) for line in process.stdout.read().splitlines())])
    ledger = ledgers()
    # The next editor ends what the dead one had begun.
    ledger.edit(remove=["never-there"])
    polls = {feed.state.polls for feed in ledger.feeds()}
    assert len(polls) == 1
    (turns,) = polls
    assert turns in (told, told + 1)
    for feed in FEEDS[:8]:
        for turn in range(1, turns + 2):
            names = [f"{turn}-{n}" for n in range(5)]
            assert len(ledger.known(feed.id, names)) == (5 if turn <= turns else 0)


def test_while_no_broker_answers_the_ledger_says_so_in_time() -> None:
    nowhere = KafkaSettings(bootstrap="127.0.0.1:9", topic_prefix="nowhere.", append_timeout=timedelta(seconds=2))
    ledger = KafkaLedger(nowhere)
    for call in (ledger.feeds, lambda: ledger.edit(remove=["a"]), lambda: ledger.known("a", ["b"])):
        with pytest.raises(Unavailable, match=r"127\.0\.0\.1:9"):
            call()
    share: Share = ledger.share()
    assert not share.holds("a")
    share.close()
    ledger.close()
