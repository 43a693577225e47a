"""What every event log promises, run over each of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from heliograph.eventlog.memory import MemoryLog
from heliograph.eventlog.port import Entry, EventLog
from heliograph.eventlog.sqlite import SqliteLog

START = datetime(2026, 1, 17, 12, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **delta: float) -> None:
        self.now += timedelta(**delta)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["memory", "sqlite"])
def log(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[EventLog]:
    made: dict[str, Callable[[], EventLog]] = {
        "memory": lambda: MemoryLog(clock),
        "sqlite": lambda: SqliteLog(tmp_path / "log.sqlite", clock),
    }
    log = made[request.param]()
    yield log
    log.close()


def entries(*names: str) -> list[Entry]:
    return [Entry(name, f"key-{name}", name.encode()) for name in names]


def test_what_was_appended_is_read_in_order_with_its_bytes_key_and_time(log: EventLog) -> None:
    assert log.append("articles", [*entries("a", "b"), Entry("c", "k", b"\x00\xff")]) == 3
    messages = log.reader("articles", "g").read(10, 0)
    assert [m.id for m in messages] == ["a", "b", "c"]
    assert messages[2].value == b"\x00\xff"
    assert messages[0].key == "key-a"
    assert messages[0].time == START
    assert messages[0].offset < messages[1].offset < messages[2].offset


def test_an_id_already_in_the_topic_is_dropped_and_not_counted(log: EventLog) -> None:
    log.append("articles", entries("a"))
    assert log.append("articles", entries("a", "b", "b")) == 1
    assert [m.id for m in log.scan("articles")] == ["a", "b"]


def test_the_same_id_in_another_topic_is_another_event(log: EventLog) -> None:
    assert log.append("articles", entries("a")) == 1
    assert log.append("matches", entries("a")) == 1


def test_a_reader_never_gets_a_message_twice(log: EventLog) -> None:
    log.append("articles", entries("a", "b", "c"))
    reader = log.reader("articles", "g")
    assert [m.id for m in reader.read(2, 0)] == ["a", "b"]
    assert [m.id for m in reader.read(2, 0)] == ["c"]
    assert not reader.read(2, 0)


def test_a_new_reader_of_the_group_starts_behind_the_last_commit(log: EventLog) -> None:
    log.append("articles", entries("a", "b", "c"))
    reader = log.reader("articles", "g")
    first = reader.read(1, 0)
    reader.read(2, 0)
    reader.commit(first)
    reader.close()
    assert [m.id for m in log.reader("articles", "g").read(10, 0)] == ["b", "c"]


def test_a_position_never_moves_back(log: EventLog) -> None:
    log.append("articles", entries("a", "b"))
    reader = log.reader("articles", "g")
    messages = reader.read(2, 0)
    reader.commit(messages)
    reader.commit(messages[:1])
    assert not log.reader("articles", "g").read(10, 0)


def test_groups_do_not_disturb_each_other(log: EventLog) -> None:
    log.append("articles", entries("a"))
    one = log.reader("articles", "one")
    one.commit(one.read(10, 0))
    assert [m.id for m in log.reader("articles", "two").read(10, 0)] == ["a"]


def test_a_read_waits_for_the_first_message(log: EventLog) -> None:
    reader = log.reader("articles", "g")
    got: list[str] = []

    def read() -> None:
        while not got:
            got.extend(m.id for m in reader.read(10, 30))

    thread = threading.Thread(target=read)
    thread.start()
    log.append("articles", entries("a"))
    thread.join(20)
    assert got == ["a"]


def test_lag_counts_what_is_not_committed_and_its_age(log: EventLog, clock: Clock) -> None:
    log.append("articles", entries("a"))
    clock.advance(seconds=30)
    log.append("articles", entries("b"))
    clock.advance(seconds=12)
    reader = log.reader("articles", "g")
    assert (reader.lag().events, reader.lag().seconds) == (2, 42)
    reader.commit(reader.read(1, 0))
    assert (reader.lag().events, reader.lag().seconds) == (1, 12)
    reader.commit(reader.read(1, 0))
    assert (reader.lag().events, reader.lag().seconds) == (0, 0)


def test_scan_takes_a_half_open_range_of_time_and_moves_no_group(log: EventLog, clock: Clock) -> None:
    for name in "abc":
        log.append("articles", entries(name))
        clock.advance(hours=1)
    found = log.scan("articles", START + timedelta(hours=1), START + timedelta(hours=2))
    assert [m.id for m in found] == ["b"]
    assert len(log.reader("articles", "g").read(10, 0)) == 3


def test_scan_yields_more_than_it_reads_at_once(log: EventLog) -> None:
    log.append("articles", entries(*(f"{n:04}" for n in range(1201))))
    assert [m.id for m in log.scan("articles")] == [f"{n:04}" for n in range(1201)]


def test_trim_drops_the_old_and_a_group_behind_goes_on_with_what_is_left(log: EventLog, clock: Clock) -> None:
    log.append("articles", entries("old"))
    log.append("matches", entries("other"))
    clock.advance(days=2)
    log.append("articles", entries("new"))
    assert log.trim("articles", START + timedelta(days=1)) == 1
    assert [m.id for m in log.reader("articles", "g").read(10, 0)] == ["new"]
    assert [m.id for m in log.scan("matches")] == ["other"]


def test_offsets_are_never_used_twice_after_a_trim(log: EventLog, clock: Clock) -> None:
    log.append("articles", entries("a"))
    reader = log.reader("articles", "g")
    reader.commit(reader.read(1, 0))
    clock.advance(days=2)
    log.trim("articles", clock.now)
    log.append("articles", entries("b"))
    assert [m.id for m in log.reader("articles", "g").read(10, 0)] == ["b"]


def test_appends_from_many_threads_are_all_there_once(log: EventLog) -> None:
    def work(thread: int) -> None:
        for n in range(20):
            log.append("articles", entries(f"{thread}-{n}", f"{thread}-{n}", f"shared-{n}"))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ids = [m.id for m in log.scan("articles")]
    assert len(ids) == len(set(ids)) == 8 * 20 + 20
    for thread_number in range(8):
        own = [i for i in ids if i.startswith(f"{thread_number}-")]
        assert own == [f"{thread_number}-{n}" for n in range(20)]
