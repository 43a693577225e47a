"""What a batch of claims comes to is what a store with transactions would have done."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from heliograph.alert.claims import plan
from heliograph.alert.history_memory import MemoryHistory
from heliograph.alert.port import CREATED, UPDATED, Alert, Attempt, Delivery, Find, Status

NOW = datetime(2026, 11, 2, 8, tzinfo=UTC)
EVERY = Find(statuses=tuple(Status), limit=1000)


def delivery(alert: int, update: int, copies: int, muted: bool) -> Delivery:
    message = f"a{alert}-u{update}" if update else f"a{alert}"
    made = Alert(
        id=f"a{alert}",
        message=message,
        kind=UPDATED if update else CREATED,
        topic="corridors",
        story=f"s{alert}",
        channel="desk",
        article="article",
        title="Title",
        url="",
        source="outlet",
        reason="new-story",
        created=NOW,
    )
    status, due = (Status.MUTED, None) if muted else (Status.PENDING, NOW)
    outlets = tuple(f"o{number}" for number in range(copies))
    return Delivery(alert=made, status=status, due=due, copies=copies, outlets=outlets)


deliveries = st.builds(delivery, st.integers(0, 2), st.integers(0, 3), st.integers(1, 5), st.booleans())
batches = st.lists(st.lists(st.tuples(deliveries, st.sampled_from(("", "sending", "failed"))), max_size=6), max_size=5)


@given(batches)
def test_batch_by_batch_it_agrees_with_the_store_in_memory(given_batches: list[list[tuple[Delivery, str]]]) -> None:
    memory = MemoryHistory()
    state: dict[str, Delivery] = {}
    for batch in given_batches:
        wanted = [one for one, _ in batch]
        todo = plan(wanted, state)
        answers = memory.claim(wanted)
        assert [one.id for one, new in zip(wanted, answers, strict=True) if new] == list(todo.created)
        assert not todo.created.keys() & state.keys()
        assert todo.changed.keys() <= state.keys()
        state |= {**todo.changed, **todo.created}
        for one, fate in batch:
            if fate == "failed":
                memory.record(one.id, Attempt(number=1, time=NOW, outcome="timeout"), Status.FAILED, None)
        if any(fate == "sending" for _, fate in batch):
            memory.take("desk", NOW, 2, 60.0)
        state = {one.id: replace(one, attempts=()) for one in memory.find(EVERY).items} if batch else state
    assert state == {one.id: one for one in memory.find(EVERY).items}


@given(st.lists(deliveries, max_size=8), st.lists(deliveries, max_size=8))
def test_what_is_planned_can_be_done_twice(before: list[Delivery], wanted: list[Delivery]) -> None:
    there = dict(plan(before, {}).created)
    cut_off = {**there, **plan(wanted, there).changed}
    again = plan(wanted, cut_off)
    assert {**cut_off, **again.changed, **again.created} == {
        **there,
        **plan(wanted, there).changed,
        **plan(wanted, there).created,
    }
