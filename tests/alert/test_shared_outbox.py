"""A deliverer that is not the only one at its outbox."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from heliograph.alert.async_outbox import AsyncOutbox
from heliograph.alert.deliver import Deliverer
from heliograph.alert.format import sample_alert
from heliograph.alert.history_memory import MemoryHistory
from heliograph.alert.lane import Lane, Rules
from heliograph.alert.port import Alert, Attempt, Delivery, Find, NotDelivered, Receipt, Status, Taken
from heliograph.alert.receiver import State
from heliograph.errors import DeliveryError

NOW = datetime(2026, 11, 2, 8, tzinfo=UTC)


class Taker:
    """A channel that takes everything."""

    target = "nowhere"

    def __init__(self) -> None:
        self.sent: list[str] = []
        self._changed = threading.Condition()

    async def send(self, alert: Alert) -> Receipt:
        with self._changed:
            self.sent.append(alert.message)
            self._changed.notify_all()
        return Receipt(204)

    def wait(self, count: int) -> bool:
        """Tell whether so many come within a minute."""
        with self._changed:
            return self._changed.wait_for(lambda: len(self.sent) >= count, 60)

    async def close(self) -> None:
        """Nothing is open."""


class Far(MemoryHistory):
    """A store that answers two questions only when both are asked at once."""

    def __init__(self) -> None:
        super().__init__()
        self.both = threading.Barrier(2, timeout=30)

    def record(self, message: str, attempt: Attempt, status: Status, due: datetime | None) -> None:
        self.both.wait()
        super().record(message, attempt, status, due)


def claim_two(store: MemoryHistory) -> list[Delivery]:
    alerts = [replace(sample_alert("desk", NOW + timedelta(seconds=number)), created=NOW) for number in range(2)]
    made = [Delivery(alert=alert, status=Status.PENDING, due=NOW) for alert in alerts]
    assert all(store.claim(made))
    return made


def test_a_shared_store_is_asked_several_things_at_once() -> None:
    store, taker = Far(), Taker()
    made = claim_two(store)
    assert Deliverer(outbox=store, notifiers={"desk": taker}, clock=lambda: NOW, sole=False).drain() is None
    assert sorted(taker.sent) == sorted(one.id for one in made)
    assert not store.both.broken


def test_what_another_is_sending_is_left_to_it_and_to_its_lease() -> None:
    store, taker = MemoryHistory(), Taker()
    claim_two(store)
    [other] = store.take("desk", NOW, 1, 60).deliveries
    deliverer = Deliverer(outbox=store, notifiers={"desk": taker}, clock=lambda: NOW, sole=False)
    assert deliverer.drain() == NOW + timedelta(seconds=60)
    assert len(taker.sent) == 1
    assert other.id not in taker.sent


class Counted(MemoryHistory):
    """A store that counts the looks at its outbox."""

    def __init__(self) -> None:
        super().__init__()
        self.looks: list[int] = []

    def take(self, channel: str, now: datetime, limit: int, lease: float) -> Taken:
        taken = super().take(channel, now, limit, lease)
        self.looks.append(len(taken.deliveries))
        return taken


@pytest.mark.parametrize("waits", [True, False], ids=["a backlog", "one after the other"])
def test_a_shared_store_is_looked_at_less_often_than_something_is_sent(waits: bool) -> None:
    store, taker, count = Counted(), Taker(), 64
    messages = [
        Delivery(alert=sample_alert("desk", NOW + timedelta(seconds=number)), status=Status.PENDING, due=NOW)
        for number in range(count)
    ]
    deliverer = Deliverer(outbox=store, notifiers={"desk": taker}, clock=lambda: NOW, sole=False)
    if waits:
        store.claim(messages)
    deliverer.start()
    try:
        for one in () if waits else messages:
            store.claim([one])
            deliverer.wake()
        assert taker.wait(count)
    finally:
        deliverer.stop()
    assert sum(store.looks) == count
    assert len(store.looks) <= count // 4 + 4


def test_a_stop_does_not_wait_until_it_is_time_to_look_again() -> None:
    store, taker = Counted(), Taker()
    claim_two(store)
    deliverer = Deliverer(outbox=store, notifiers={"desk": taker}, clock=lambda: NOW, sole=False, pace=3600.0)
    deliverer.start()
    assert taker.wait(2)
    deliverer.stop(timeout=60)
    assert not deliverer.alive


class Slow(Taker):
    """A channel that answers nobody until it is let go, and says what it was told to."""

    def __init__(self, error: DeliveryError | None = None) -> None:
        super().__init__()
        self.asked = 0
        self.most = 0
        self._under_way = 0
        self._error = error
        self.go = asyncio.Event()

    async def send(self, alert: Alert) -> Receipt:
        with self._changed:
            self.asked += 1
            self._changed.notify_all()
        self._under_way += 1
        self.most = max(self.most, self._under_way)
        if self.asked == 8:
            self.go.set()
        await self.go.wait()
        self._under_way -= 1
        if self._error is not None:
            raise self._error
        return await super().send(alert)

    def wait_asked(self, count: int) -> bool:
        """Tell whether so many are asked within a minute."""
        with self._changed:
            return self._changed.wait_for(lambda: self.asked >= count, 60)


def claimed(store: MemoryHistory, count: int) -> None:
    moments = [NOW + timedelta(seconds=number) for number in range(count)]
    store.claim([Delivery(alert=sample_alert("desk", at), status=Status.PENDING, due=NOW) for at in moments])


def test_more_is_taken_than_is_sent_at_once() -> None:
    store, slow = Counted(), Slow()
    claimed(store, 40)
    deliverer = Deliverer(outbox=store, notifiers={"desk": slow}, clock=lambda: NOW, sole=False)
    assert deliverer.drain() is None
    assert (len(slow.sent), slow.most) == (40, 8)
    assert store.looks[0] == 40


def test_what_was_taken_ahead_is_given_back_when_the_receiver_asks_for_less() -> None:
    store, slow = Counted(), Slow(NotDelivered("busy", outcome="failed", retry_after=600.0, throttle=True))
    claimed(store, 40)
    deliverer = Deliverer(outbox=store, notifiers={"desk": slow}, clock=lambda: NOW, sole=False)
    assert deliverer.drain() == NOW + timedelta(seconds=600)
    left = store.find(Find(statuses=(Status.PENDING,), limit=100)).items
    assert slow.asked == 8
    assert (
        sorted((one.tries, one.due) for one in left if one.due)
        == [(0, NOW)] * 32 + [(1, NOW + timedelta(seconds=600))] * 8
    )


def test_what_was_taken_ahead_is_given_back_at_a_stop() -> None:
    store, slow = Counted(), Slow()
    claimed(store, 40)
    deliverer = Deliverer(outbox=store, notifiers={"desk": slow}, clock=lambda: NOW, sole=False, concurrency=4)
    deliverer.start()
    assert slow.wait_asked(4)
    deliverer.stop(timeout=60)
    assert store.find(Find(statuses=(Status.PENDING,), limit=100)).total == 36
    assert store.find(Find(statuses=(Status.SENDING,), limit=100)).total == 4


class Weary(Taker):
    """A channel that takes a tenth of a second over everything."""

    async def send(self, alert: Alert) -> Receipt:
        await asyncio.sleep(0.1)
        return await super().send(alert)


def test_what_has_waited_for_a_place_as_long_as_its_lease_allows_is_taken_anew() -> None:
    store, weary = Counted(), Weary()
    claimed(store, 6)

    async def send_all() -> None:
        with ThreadPoolExecutor(1) as pool:
            rules = Rules((0.0,), 2, lambda: NOW, lambda: 0.0, lambda *_: None, ahead=64, patience=0.05)
            await Lane("desk", weary, AsyncOutbox(store, pool, recover=False), rules, State()).drain()

    asyncio.run(send_all())
    assert sorted(weary.sent) == sorted(one.id for one in store.find(Find(statuses=(Status.DELIVERED,))).items)
    assert store.looks == [6, 4, 2, 0]
