"""What every event log promises, run over each of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from heliograph.eventlog.memory import MemoryLog
from heliograph.eventlog.port import Entry, EventLog, Message, Reader
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


@pytest.fixture
def drops_repeats() -> bool:
    """Whether the log drops an id that the topic holds already; one that does not leaves that to consumers."""
    return True


def entries(*names: str) -> list[Entry]:
    return [Entry(name, f"key-{name}", name.encode()) for name in names]


def take(reader: Reader, count: int) -> list[Message]:
    """Return the next `count` messages; a member of a group may need a while to get its share of the topic."""
    found: list[Message] = []
    while len(found) < count:
        more = reader.read(count - len(found), 30)
        assert more, f"nothing came after {len(found)} of {count}"
        found += more
    return found


def ids(messages: Iterable[Message]) -> list[str]:
    return [message.id for message in messages]


def test_what_was_appended_is_read_in_order_with_its_bytes_key_and_time(log: EventLog) -> None:
    assert log.append("articles", [*entries("a", "b"), Entry("c", "k", b"\x00\xff")]) == 3
    messages = take(log.reader("articles", "g"), 3)
    assert ids(messages) == ["a", "b", "c"]
    assert messages[2].value == b"\x00\xff"
    assert messages[0].key == "key-a"
    assert messages[0].time == START
    assert messages[0].topic == "articles"
    assert messages[0].offset < messages[1].offset < messages[2].offset


def test_bytes_of_a_megabyte_and_text_of_any_script_come_back_as_they_were(log: EventLog) -> None:
    value = bytes(range(256)) * 4096
    log.append("articles", [Entry("Զանգեզուր", "زنگزور", value, (("cause", "коридор"),))])
    [message] = take(log.reader("articles", "g"), 1)
    assert (message.id, message.key, message.value) == ("Զանգեզուր", "زنگزور", value)


def test_an_append_of_nothing_is_nothing(log: EventLog) -> None:
    assert log.append("articles", []) == 0
    assert ids(log.scan("articles")) == []


def test_an_id_already_in_the_topic_is_dropped_or_comes_again_behind_the_first(
    log: EventLog, drops_repeats: bool
) -> None:
    log.append("articles", entries("a"))
    assert log.append("articles", entries("a", "b", "b")) == (1 if drops_repeats else 3)
    assert ids(log.scan("articles")) == (["a", "b"] if drops_repeats else ["a", "a", "b", "b"])


def test_the_same_id_in_another_topic_is_another_event(log: EventLog) -> None:
    assert log.append("articles", entries("a")) == 1
    assert log.append("matches", entries("a")) == 1
    assert ids(log.scan("articles")) == ids(log.scan("matches")) == ["a"]


def test_a_reader_never_gets_a_message_twice(log: EventLog) -> None:
    log.append("articles", entries("a", "b", "c"))
    reader = log.reader("articles", "g")
    assert ids(take(reader, 2)) == ["a", "b"]
    assert ids(take(reader, 1)) == ["c"]
    assert not reader.read(2, 0)
    log.append("articles", entries("d"))
    assert ids(take(reader, 1)) == ["d"]


def test_a_read_returns_no_more_than_it_was_asked_for(log: EventLog) -> None:
    log.append("articles", entries(*(f"{n:03}" for n in range(100))))
    reader = log.reader("articles", "g")
    take(reader, 1)
    assert len(reader.read(7, 30)) <= 7


def test_a_new_reader_of_the_group_starts_behind_the_last_commit(log: EventLog) -> None:
    log.append("articles", entries("a", "b", "c"))
    reader = log.reader("articles", "g")
    first = take(reader, 1)
    take(reader, 2)
    reader.commit(first)
    reader.close()
    assert ids(take(log.reader("articles", "g"), 2)) == ["b", "c"]


def test_a_position_never_moves_back(log: EventLog) -> None:
    log.append("articles", entries("a", "b"))
    reader = log.reader("articles", "g")
    messages = take(reader, 2)
    reader.commit(messages)
    reader.commit(messages[:1])
    reader.close()
    log.append("articles", entries("c"))
    assert ids(take(log.reader("articles", "g"), 1)) == ["c"]


def test_a_commit_of_nothing_is_nothing(log: EventLog) -> None:
    log.append("articles", entries("a"))
    reader = log.reader("articles", "g")
    reader.commit([])
    take(reader, 1)
    reader.commit([])
    assert reader.lag().events == 1


def test_groups_do_not_disturb_each_other(log: EventLog) -> None:
    log.append("articles", entries("a"))
    one = log.reader("articles", "one")
    one.commit(take(one, 1))
    assert ids(take(log.reader("articles", "two"), 1)) == ["a"]


def test_a_read_waits_for_the_first_message(log: EventLog) -> None:
    reader = log.reader("articles", "g")
    got: list[str] = []

    def read() -> None:
        while not got:
            got.extend(m.id for m in reader.read(10, 30))

    thread = threading.Thread(target=read)
    thread.start()
    log.append("articles", entries("a"))
    thread.join(30)
    assert got == ["a"]


def test_lag_counts_what_is_not_committed_and_its_age(log: EventLog, clock: Clock) -> None:
    log.append("articles", entries("a"))
    clock.advance(seconds=30)
    log.append("articles", entries("b"))
    clock.advance(seconds=12)
    reader = log.reader("articles", "g")
    assert (reader.lag().events, reader.lag().seconds) == (2, 42)
    reader.commit(take(reader, 1))
    assert (reader.lag().events, reader.lag().seconds) == (1, 12)
    reader.commit(take(reader, 1))
    assert (reader.lag().events, reader.lag().seconds) == (0, 0)


def test_a_reader_that_only_tells_its_lag_takes_nothing_from_the_group(log: EventLog) -> None:
    log.append("articles", entries("a"))
    asked = log.reader("articles", "g")
    assert asked.lag().events == 1
    assert ids(take(log.reader("articles", "g"), 1)) == ["a"]
    asked.close()


def test_scan_takes_a_half_open_range_of_time_and_moves_no_group(log: EventLog, clock: Clock) -> None:
    for name in "abc":
        log.append("articles", entries(name))
        clock.advance(hours=1)
    found = log.scan("articles", START + timedelta(hours=1), START + timedelta(hours=2))
    assert ids(found) == ["b"]
    assert ids(log.scan("articles", START + timedelta(hours=3))) == []
    assert ids(log.scan("articles", until=START)) == []
    assert len(take(log.reader("articles", "g"), 3)) == 3


def test_scan_yields_more_than_it_reads_at_once(log: EventLog) -> None:
    log.append("articles", entries(*(f"{n:04}" for n in range(1201))))
    assert ids(log.scan("articles")) == [f"{n:04}" for n in range(1201)]


def test_a_scan_may_be_left_halfway(log: EventLog) -> None:
    log.append("articles", entries(*(f"{n:04}" for n in range(1201))))
    assert next(iter(log.scan("articles"))).id == "0000"
    assert len(list(log.scan("articles"))) == 1201


def test_trim_drops_the_old_and_a_group_behind_goes_on_with_what_is_left(log: EventLog, clock: Clock) -> None:
    log.append("articles", entries("old"))
    log.append("matches", entries("other"))
    clock.advance(days=2)
    log.append("articles", entries("new"))
    assert log.trim("articles", START + timedelta(days=1)) == 1
    assert log.trim("articles", START + timedelta(days=1)) == 0
    reader = log.reader("articles", "g")
    assert reader.lag().events == 1
    assert ids(take(reader, 1)) == ["new"]
    assert ids(log.scan("matches")) == ["other"]


def test_a_reader_at_work_goes_on_with_what_a_trim_leaves(log: EventLog, clock: Clock) -> None:
    log.append("articles", entries("a", "b", "c"))
    reader = log.reader("articles", "g")
    reader.commit(take(reader, 3))
    clock.advance(days=2)
    log.trim("articles", clock.now)
    log.append("articles", entries("d"))
    assert ids(take(reader, 1)) == ["d"]


def test_offsets_are_never_used_twice_after_a_trim(log: EventLog, clock: Clock) -> None:
    log.append("articles", entries("a"))
    reader = log.reader("articles", "g")
    reader.commit(take(reader, 1))
    reader.close()
    clock.advance(days=2)
    log.trim("articles", clock.now)
    log.append("articles", entries("b"))
    assert ids(take(log.reader("articles", "g"), 1)) == ["b"]


def test_appends_from_many_threads_are_all_there_and_each_in_order(log: EventLog, drops_repeats: bool) -> None:
    def work(thread: int) -> None:
        for n in range(20):
            log.append("articles", entries(f"{thread}-{n}", f"{thread}-{n}", f"shared-{n}"))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = ids(log.scan("articles"))
    assert len(set(found)) == 8 * 20 + 20
    assert len(found) == (len(set(found)) if drops_repeats else 8 * 20 * 3)
    for thread_number in range(8):
        own = [i for i in dict.fromkeys(found) if i.startswith(f"{thread_number}-")]
        assert own == [f"{thread_number}-{n}" for n in range(20)]
