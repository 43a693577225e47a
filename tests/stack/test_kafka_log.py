"""What the log on Kafka promises beyond the contract: sizes, headers, topics, and brokers that go away."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from deploy.stack.stack import Stack
from kafka.record.default_records import DefaultRecordBatch
from tests.contract.test_eventlog import ids, take
from tests.stack.kafka import PATIENCE, Member, drop_topics, entries, kafka_log, kafka_settings, specs, wanted

from heliograph.core.codec import decode
from heliograph.core.event import DEAD_LETTERS, FLAGGED, DeadLetter
from heliograph.errors import BadInput, LogUnavailable, UsageError
from heliograph.eventlog.kafka import KafkaLog
from heliograph.eventlog.kafka_topics import Spec
from heliograph.eventlog.port import Entry
from heliograph.runtime import kafka as clients
from heliograph.runtime.work import dead_letter
from heliograph.settings import KafkaSettings


@pytest.fixture
def settings(kafka_bootstrap: str) -> KafkaSettings:
    return kafka_settings(kafka_bootstrap, session_timeout="6s")


@pytest.fixture
def log(kafka_bootstrap: str, settings: KafkaSettings) -> Iterator[KafkaLog]:
    with kafka_log(kafka_bootstrap, partitions=6, settings=settings) as log:
        yield log


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
    before = set(threading.enumerate())
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
    assert not [thread.name for thread in set(threading.enumerate()) - before if "kafka" in thread.name]


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
        # To a consumer, a broker that is gone looks like one that has nothing new: the reader asks, and says so.
        reading.wait(lambda: bool(reading.errors))
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
