"""How the members of a group share a topic on Kafka, hand over, come back and die; and what order holds among them."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from tests.contract.test_eventlog import Clock, ids, take
from tests.stack.kafka import Member, entries, kafka_log, kafka_settings, specs, wanted

from heliograph.errors import LogUnavailable
from heliograph.eventlog.kafka import KafkaLog
from heliograph.eventlog.port import Entry, Message
from heliograph.runtime import kafka as clients
from heliograph.settings import KafkaSettings

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def settings(kafka_bootstrap: str) -> KafkaSettings:
    return kafka_settings(kafka_bootstrap, session_timeout="6s")


@pytest.fixture
def log(kafka_bootstrap: str, settings: KafkaSettings) -> Iterator[KafkaLog]:
    with kafka_log(kafka_bootstrap, partitions=6, settings=settings) as log:
        yield log


@pytest.fixture
def member(log: KafkaLog) -> Iterator[Callable[..., Member]]:
    with ExitStack() as made:

        def make(of: KafkaLog = log, topic: str = "articles") -> Member:
            one = Member(of, topic)
            made.callback(one.stop)
            return one

        yield make


def committed(settings: KafkaSettings, group: str = "g") -> dict[int, int]:
    """Return where the group stands on the broker, by partition."""
    admin = clients.admin(settings)
    try:
        name = settings.topic_prefix + group
        return {part.partition: place.offset for part, place in admin.list_group_offsets(name)[name].items()}
    finally:
        admin.close()


def members(settings: KafkaSettings, group: str = "g") -> set[str]:
    admin = clients.admin(settings)
    try:
        name = settings.topic_prefix + group
        return {found["member_id"] for found in admin.describe_groups([name])[name]["members"]}
    finally:
        admin.close()


def partitions(messages: Iterable[Message], prefix: str) -> set[int]:
    return {message.partition for message in messages if message.id.startswith(prefix)}


def test_two_members_share_a_topic_and_hand_over_without_a_gap(log: KafkaLog, member: Callable[..., Member]) -> None:
    one = member()
    log.append("articles", entries("alone", 60))
    one.wait_for(wanted("alone", 60))
    other = member()
    other.wait(lambda: other.reader.epoch > 0)
    log.append("articles", entries("shared", 120))
    other.wait_for(wanted("shared", 120), one)
    assert partitions(one.got, "shared")
    assert partitions(other.got, "shared")
    assert not partitions(one.got, "shared") & partitions(other.got, "shared")
    assert one.reader.epoch >= 2, "a share that shrank is a change of the share"
    one.stop()
    log.append("articles", entries("left", 60))
    other.wait_for(wanted("left", 60))
    other.wait(lambda: log.reader("articles", "g").lag().events == 0)
    assert len(one.got) + len(other.got) == 240, "what was committed before the handover does not come again"


def test_a_commit_after_a_handover_leaves_alone_what_is_no_longer_ours(
    log: KafkaLog, settings: KafkaSettings, member: Callable[..., Member]
) -> None:
    log.append("articles", entries("first", 60))
    slow = log.reader("articles", "g")
    batch = take(slow, 60)
    before = slow.epoch
    # The slow one is at work on its batch: the group waits for it, but not without end.
    other = member()
    other.wait(lambda: bool(other.got))
    assert slow.epoch > before
    log.append("articles", entries("second", 60))
    theirs = partitions(other.got, "first")
    ends = {message.partition: message.offset + 1 for message in log.scan("articles")}
    other.wait(lambda: all(committed(settings).get(part) == ends[part] for part in theirs))
    slow.commit(batch)
    done = {message.partition: message.offset + 1 for message in batch}
    ours = done.keys() - theirs
    assert ours
    # The commit may have met a rebalance that is still under way; then it is made up for by the next read.
    rest = take(slow, sum(ends[part] - done[part] for part in ours))
    assert committed(settings) == {part: (ends if part in theirs else done)[part] for part in ends}
    assert partitions(rest, "second") == ours
    assert not partitions(rest, "first"), "what was committed late counts as done"


def test_a_member_at_work_for_longer_than_the_session_timeout_keeps_its_share(
    log: KafkaLog, settings: KafkaSettings
) -> None:
    log.append("articles", entries("a", 20))
    reader = log.reader("articles", "g")
    batch = take(reader, 20)
    epoch, own = reader.epoch, members(settings)
    done = time.monotonic() + settings.session_timeout.total_seconds() * 1.5
    while time.monotonic() < done:
        assert members(settings) == own
        threading.Event().wait(0.5)
    reader.commit(batch)
    assert reader.epoch == epoch
    assert reader.lag().events == 0


def test_a_static_member_that_comes_back_in_time_finds_its_share_and_disturbs_nobody(
    log: KafkaLog, settings: KafkaSettings, member: Callable[..., Member]
) -> None:
    longer = settings.model_copy(update={"session_timeout": timedelta(seconds=30)})

    def static(name: str) -> KafkaLog:
        return KafkaLog(longer.model_copy(update={"instance": name}), topics=specs(6))

    first, second = static("one"), static("two")
    try:
        one = member(first)
        one.wait(lambda: one.reader.epoch > 0)
        two = member(second)
        two.wait(lambda: two.reader.epoch > 0)
        log.append("articles", entries("a", 60))
        two.wait_for(wanted("a", 60), one)
        epoch, share = two.reader.epoch, partitions(one.got, "a")
        one.stop()
        log.append("articles", entries("b", 60))
        again = member(first)
        again.wait_for(wanted("b", 60), two)
        assert partitions(again.got, "b") == share
        assert not partitions(again.got, "a")
        assert two.reader.epoch == epoch
    finally:
        for each in (one, two, again):
            each.stop()
        first.close()
        second.close()


def test_what_a_killed_member_had_read_and_not_committed_comes_to_another(
    log: KafkaLog, settings: KafkaSettings, member: Callable[..., Member]
) -> None:
    log.append("articles", entries("a", 40))
    code = (
        "import sys\n"
        "sys.path.insert(0, sys.argv[3])\n"
        "from heliograph.eventlog.kafka import KafkaLog\n"
        "from heliograph.settings import KafkaSettings\n"
        "log = KafkaLog(KafkaSettings(bootstrap=sys.argv[1], topic_prefix=sys.argv[2], session_timeout='6s'))\n"
        "reader, got = log.reader('articles', 'g'), []\n"
        "while len(got) < 40:\n"
        "    got += reader.read(50, 1)\n"
        "reader.commit(got[:1])\n"
        "print(got[0].id, flush=True)\n"
        "sys.stdin.read()\n"
    )
    arguments = [settings.bootstrap, settings.topic_prefix, str(ROOT / "services")]
    child = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", code, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert child.stdout is not None
        done = child.stdout.readline().strip()
        assert done in wanted("a", 40)
        child.send_signal(signal.SIGKILL)
    finally:
        child.kill()
        child.communicate()
    other = member()
    other.wait_for(wanted("a", 40) - {done})
    assert done not in {message.id for message in other.got}


def test_asking_for_the_lag_joins_no_group(log: KafkaLog, settings: KafkaSettings) -> None:
    log.append("articles", entries("a", 10))
    assert log.reader("articles", "g").lag().events == 10
    assert members(settings) == set()


def test_a_log_that_is_closed_closes_its_readers(log: KafkaLog, settings: KafkaSettings) -> None:
    log.append("articles", entries("a", 1))
    take(log.reader("articles", "g"), 1)
    assert len(members(settings)) == 1
    log.close()
    assert members(settings) == set()
    with pytest.raises(LogUnavailable, match="closed"):
        log.append("articles", entries("b", 1))


# Order


def test_a_key_keeps_its_order_and_its_partition(log: KafkaLog) -> None:
    for n in range(10):
        log.append("articles", [Entry(f"{key}-{n}", f"key-{key}", b"") for key in range(20)])
    found = take(log.reader("articles", "g"), 200)
    for key in range(20):
        own = [message for message in found if message.key == f"key-{key}"]
        assert ids(own) == [f"{key}-{n}" for n in range(10)]
        assert len({message.partition for message in own}) == 1
    assert len({message.partition for message in found}) == 6


def test_a_scan_goes_by_time_across_partitions_and_ends_where_it_began(kafka_bootstrap: str) -> None:
    clock = Clock()
    with kafka_log(kafka_bootstrap, partitions=6, now=clock) as log:
        for n in range(300):
            log.append("articles", [Entry(f"{n}", f"key-{n % 37}", bytes(2000))])
            clock.advance(milliseconds=1)
        scan = log.scan("articles")
        first = next(scan)
        log.append("articles", entries("late", 30))
        assert ids([first, *scan]) == [str(n) for n in range(300)]
        since, until = clock.now - timedelta(milliseconds=200), clock.now - timedelta(milliseconds=100)
        assert ids(log.scan("articles", since, until)) == [str(n) for n in range(100, 200)]
