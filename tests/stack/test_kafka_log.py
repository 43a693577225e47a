"""What the log on Kafka promises beyond the contract: groups, sizes, headers, and brokers that go away."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from deploy.stack.stack import Stack
from kafka.record.default_records import DefaultRecordBatch
from tests.contract.test_eventlog import Clock, ids, take
from tests.stack.kafka import drop_topics, kafka_log, kafka_settings, specs

from heliograph.core.codec import decode
from heliograph.core.event import DEAD_LETTERS, FLAGGED, DeadLetter
from heliograph.errors import BadInput, LogUnavailable, UsageError
from heliograph.eventlog.kafka import KafkaLog
from heliograph.eventlog.kafka_topics import Spec
from heliograph.eventlog.port import Entry, Message
from heliograph.runtime import kafka as clients
from heliograph.runtime.work import dead_letter
from heliograph.settings import KafkaSettings

PATIENCE = 90
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def settings(kafka_bootstrap: str) -> KafkaSettings:
    return kafka_settings(kafka_bootstrap, session_timeout="6s")


@pytest.fixture
def log(kafka_bootstrap: str, settings: KafkaSettings) -> Iterator[KafkaLog]:
    with kafka_log(kafka_bootstrap, partitions=6, settings=settings) as log:
        yield log


def entries(prefix: str, count: int) -> list[Entry]:
    return [Entry(f"{prefix}-{n}", f"key-{n}", f"{prefix} {n}".encode()) for n in range(count)]


def wanted(prefix: str, count: int) -> set[str]:
    return {entry.id for entry in entries(prefix, count)}


class Member:
    """A reader at work in a thread of its own: reads, notes, commits."""

    def __init__(self, log: KafkaLog, topic: str = "articles", group: str = "g") -> None:
        self.got: list[Message] = []
        self.errors: list[LogUnavailable] = []
        self.reader = log.reader(topic, group)
        self._moved = threading.Condition()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def wait(self, until: Callable[[], bool]) -> None:
        """Return once it is so; looked at after each read."""
        with self._moved:
            assert self._moved.wait_for(until, PATIENCE), f"{len(self.got)} messages, epoch {self.reader.epoch}"

    def wait_for(self, names: Iterable[str], *others: Member) -> None:
        missing = set(names)
        self.wait(lambda: missing <= {m.id for member in (self, *others) for m in member.got})

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()
        self.reader.close()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                found = self.reader.read(50, 0.2)
                with self._moved:
                    self.got += found
                    self._moved.notify_all()
                self.reader.commit(found)
            except LogUnavailable as error:
                self.errors.append(error)


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


# Groups


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


# What travels


def raw(settings: KafkaSettings, topic: str) -> tuple[dict[str, str], bytes]:
    """Return headers and value of the topic's first record as any other program sees them."""
    consumer = clients.consumer(settings, settings.topic_prefix + topic)
    try:
        record = next(consumer)
        return {name: value.decode() for name, value in record.headers}, record.value
    finally:
        consumer.close()


def letter(payload: bytes, cause: str = "not a feed") -> Entry:
    made = DeadLetter(stage="ingest", reason="bad-feed", cause=cause, payload=payload, origin="feed")
    return dead_letter(made, trace="t-1", now=datetime.now(UTC))


def test_headers_tell_id_version_trace_and_cause(log: KafkaLog, settings: KafkaSettings) -> None:
    entry = letter(b"<rss", "no <channel> in " + "x" * 1000)
    log.append(DEAD_LETTERS, [entry])
    headers, value = raw(settings, DEAD_LETTERS)
    assert value == entry.value
    assert headers.pop("cause") == ("no <channel> in " + "x" * 1000)[:500]
    assert headers == {"id": entry.id, "schema": "1", "trace": "t-1", "stage": "ingest", "reason": "bad-feed"}


def test_a_record_of_another_program_without_an_id_is_named_by_its_place(
    log: KafkaLog, settings: KafkaSettings
) -> None:
    log.prepare()
    producer = clients.producer(settings)
    producer.send(settings.topic_prefix + "articles", value=b"{}", partition=3).get(30)
    producer.close()
    [message] = take(log.reader("articles", "g"), 1)
    assert (message.id, message.key, message.value) == ("articles/3/0", "", b"{}")
    assert ids(log.scan("articles")) == ["articles/3/0"]


def test_batches_come_back_from_the_broker_compressed_with_zstd(log: KafkaLog, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: set[int] = set()
    uncompress = DefaultRecordBatch._maybe_uncompress

    def spy(batch: DefaultRecordBatch) -> None:
        seen.add(batch.compression_type)
        uncompress(batch)

    log.append("articles", [Entry("a", "k", b"corridor " * 1000)])
    monkeypatch.setattr(DefaultRecordBatch, "_maybe_uncompress", spy)
    assert ids(log.scan("articles")) == ["a"]
    assert seen == {DefaultRecordBatch.CODEC_ZSTD}


def test_a_dead_letter_of_ten_megabytes_comes_back_byte_for_byte(log: KafkaLog) -> None:
    # Nothing that zstd could make smaller.
    payload = os.urandom(10_000_000)
    log.append(DEAD_LETTERS, [letter(payload), letter(b"small")])
    found = take(log.reader(DEAD_LETTERS, "g"), 2)
    first = decode(found[0].value).data
    assert isinstance(first, DeadLetter)
    assert first.payload == payload
    assert len(list(log.scan(DEAD_LETTERS))) == 2


def test_what_exceeds_even_that_is_refused_by_its_id_and_takes_nothing_along(log: KafkaLog) -> None:
    huge = Entry("the-huge-one", "k", bytes(40_000_000))
    with pytest.raises(BadInput, match="the-huge-one has 40,0"):
        log.append(DEAD_LETTERS, [letter(b"small"), huge])
    assert ids(log.scan(DEAD_LETTERS)) == []


def test_an_event_that_the_broker_refuses_for_its_size_is_refused_by_its_id(
    settings: KafkaSettings, log: KafkaLog
) -> None:
    # The topic was made by somebody who allows less than is declared.
    other = KafkaLog(settings, topics={name: _smaller(spec) for name, spec in specs(1).items()})
    other.prepare()
    other.close()
    with pytest.raises(BadInput, match="too-large"):
        log.append("articles", [Entry("too-large", "k", os.urandom(500_000))])
    assert log.append("articles", entries("a", 1)) == 1


def _smaller(spec: Spec) -> Spec:
    return msgspec.structs.replace(spec, max_message_bytes=100_000)


# Topics


def test_topics_are_made_as_declared_and_differences_are_said(kafka_bootstrap: str) -> None:
    settings = kafka_settings(kafka_bootstrap)
    declared, other = KafkaLog(settings), KafkaLog(settings, topics=specs(2), kept={"articles": timedelta(days=30)})
    try:
        assert f"{settings.topic_prefix}matches: missing" in declared.check()
        assert declared.prepare() == []
        assert declared.check() == []
        said = other.check()
        assert f"{settings.topic_prefix}articles: 12 partitions instead of 2" in said
        assert any("retention.ms is" in line for line in said)
        assert other.prepare() == said, "what is there is not touched"
    finally:
        declared.close()
        other.close()
        drop_topics(settings)


def test_a_topic_that_is_not_declared_is_refused(log: KafkaLog) -> None:
    for use in (lambda: log.append("nope", entries("a", 1)), lambda: log.reader("nope", "g")):
        with pytest.raises(UsageError, match="no topic 'nope'"):
            use()


def test_more_copies_than_brokers_is_an_error_that_says_so(kafka_bootstrap: str) -> None:
    log = KafkaLog(kafka_settings(kafka_bootstrap, replication=9))
    with pytest.raises(LogUnavailable, match="too few brokers for 9 copies"):
        log.append("articles", entries("a", 1))
    log.close()


def test_a_compacted_topic_is_not_trimmed(log: KafkaLog) -> None:
    log.append("feeds", entries("a", 5))
    assert log.trim("feeds", datetime.now(UTC) + timedelta(days=1)) == 0
    assert len(list(log.scan("feeds"))) == 5


# Brokers that go away


def test_no_broker_is_an_error_that_names_it_and_what_to_do() -> None:
    log = KafkaLog(KafkaSettings(bootstrap="127.0.0.1:9", append_timeout="1s"))
    for use in (
        lambda: log.append("articles", entries("a", 1)),
        lambda: log.reader("articles", "g").read(1, 0),
        lambda: log.reader("articles", "g").lag(),
        lambda: list(log.scan("articles")),
        log.prepare,
        log.check,
    ):
        with pytest.raises(LogUnavailable, match=r"127\.0\.0\.1:9: cannot .*check that its brokers run"):
            use()
    log.close()
    assert not [thread.name for thread in threading.enumerate() if "kafka" in thread.name]


@pytest.mark.parametrize("how", ["paused", "killed"])
def test_a_broker_that_goes_away_is_said_in_time_and_nothing_acknowledged_is_missing_when_it_is_back(
    make_stack: Callable[..., Stack], how: str
) -> None:
    stack = make_stack()
    stack.up(only="kafka")
    settings = KafkaSettings(bootstrap=stack.bootstrap, append_timeout="3s", session_timeout="6s")
    log = KafkaLog(settings, topics=specs(3))
    reading = Member(log)
    kept: list[str] = []

    def append(name: str) -> None:
        log.append(FLAGGED, entries(name, 5))
        log.append("articles", entries(name, 5))
        kept.extend(entry.id for entry in entries(name, 5))

    try:
        append("before")
        reading.wait_for(wanted("before", 5))
        stack.pause("kafka-1") if how == "paused" else stack.kill("kafka-1")
        failures = 0
        threads = [threading.Thread(target=lambda: _fails(log)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
            failures += not thread.is_alive()
        assert failures == 4, "each append ended with an error, however many waited"
        stack.resume("kafka-1") if how == "paused" else stack.start("kafka-1")
        _until_it_works(lambda: append("after"))
        append("later")
        reading.wait_for([*wanted("after", 5), *wanted("later", 5)])
        assert set(kept) <= set(ids(log.scan("articles")))
        assert set(kept) <= set(ids(log.scan(FLAGGED)))
    finally:
        reading.stop()
        log.close()


def _fails(log: KafkaLog) -> None:
    with pytest.raises(LogUnavailable):
        log.append("articles", entries("away", 3))


def _until_it_works(act: Callable[[], None]) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return act()
        except LogUnavailable:
            if time.monotonic() > deadline:
                raise
