"""What a member of a group hands out and commits as its share of the topic changes: decided without a broker."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from heliograph.eventlog.kafka_reader import Share


@dataclass(frozen=True)
class Record:
    partition: int
    offset: int


def share(*parts: int) -> Share:
    made = Share()
    made.assigned(parts)
    return made


def read(of: Share, partition: int, *offsets: int) -> list[tuple[int, int]]:
    of.ahead.extend(Record(partition, offset) for offset in offsets)
    return [(record.partition, record.offset) for record in of.take(len(offsets))]


def test_each_change_of_the_share_raises_the_epoch() -> None:
    made = share(0, 1)
    first = made.epoch
    made.lost([1])
    second = made.epoch
    made.assigned([2])
    assert 0 < first < second < made.epoch


def test_what_was_worked_on_is_owed_up_to_the_last() -> None:
    made = share(0, 1)
    made.done(read(made, 0, 5, 6) + read(made, 1, 9))
    assert made.owed == {0: 7, 1: 10}


def test_what_was_committed_is_not_owed_again_nor_anything_before_it() -> None:
    made = share(0)
    places = read(made, 0, 5, 6)
    made.done(places)
    made.committed(dict(made.owed))
    made.done(places[:1])
    assert made.owed == {}


def test_what_went_to_another_is_neither_handed_out_nor_owed() -> None:
    made = share(0, 1)
    places = read(made, 0, 5) + read(made, 1, 7)
    made.ahead.extend([Record(0, 6), Record(1, 8)])
    made.done(places)
    made.lost([0])
    assert made.owed == {1: 8}
    assert made.take(5) == [Record(1, 8)]
    made.done(places)
    assert made.owed == {1: 8}


def test_a_share_that_was_away_and_came_back_takes_no_commit_of_what_was_read_before() -> None:
    made = share(0)
    old = read(made, 0, 10, 11)
    made.lost([0])
    made.assigned([0])
    made.done(old)
    assert made.owed == {}
    # Another member has got as far as 50 meanwhile.
    read(made, 0, 50, 51)
    made.done(old)
    assert made.owed == {}


def test_what_comes_again_to_the_same_member_may_be_committed_by_whoever_is_done_first() -> None:
    made = share(0)
    old = read(made, 0, 10, 11)
    made.lost([0])
    made.assigned([0])
    read(made, 0, 10, 11, 12)
    made.done(old)
    assert made.owed == {0: 12}


def test_no_more_is_handed_out_than_asked_for_and_the_rest_next_time() -> None:
    made = share(0)
    made.ahead.extend(Record(0, n) for n in range(5))
    assert [record.offset for record in made.take(3)] == [0, 1, 2]
    assert [record.offset for record in made.take(3)] == [3, 4]


@given(st.lists(st.tuples(st.sampled_from(["read", "done", "commit", "lose", "get"]), st.integers(1, 5)), max_size=60))
def test_a_position_never_moves_back_and_never_runs_ahead(acts: list[tuple[str, int]]) -> None:
    made = share(0)
    position, following, handed, ours = 0, 0, 0, True
    batches: list[list[tuple[int, int]]] = []
    for act, count in acts:
        if act == "read" and ours:
            batches.append(read(made, 0, *range(following, following + count)))
            following += count
            handed = max(handed, following)
        elif act == "done" and batches:
            made.done(batches.pop(0))
        elif act == "commit" and made.owed:
            assert ours
            assert position < made.owed[0] <= handed
            position = made.owed[0]
            made.committed(dict(made.owed))
        elif act == "lose" and ours:
            made.lost([0])
            ours = False
            # Whoever has it now commits some of what is behind the position.
            position += count
            handed = max(handed, position)
        elif act == "get" and not ours:
            made.assigned([0])
            ours, following = True, position
