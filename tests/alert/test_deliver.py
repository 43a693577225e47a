"""The deliverer, with real receivers, both by a clock that is moved by hand and in its own thread."""

from __future__ import annotations

import base64
import random
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import standardwebhooks
from msgspec.structs import replace

from heliograph.alert.channels import Tools, build_channels
from heliograph.alert.deliver import Deliverer
from heliograph.alert.format import sample_alert
from heliograph.alert.history_memory import MemoryHistory
from heliograph.alert.history_sqlite import SqliteHistory
from heliograph.alert.port import UPDATED, Alert, AlertStore, Attempt, Delivery, Find, Receipt, Status
from heliograph.alert.retry import SCHEDULE
from heliograph.errors import UsageError

SECRET = "whsec_" + base64.b64encode(b"a key of these tests, 32 bytes..").decode()


def now() -> datetime:
    return datetime.now(UTC)


def pending(channel: str, number: int, at: datetime) -> Delivery:
    alert = sample_alert(channel, at + timedelta(microseconds=number))
    return Delivery(alert=replace(alert, created=at), status=Status.PENDING, due=at)


def webhooks(urls: Mapping[str, str], tools: Tools | None = None, timeout: float = 5.0) -> dict[str, Any]:
    tables = [
        {"name": name, "type": "webhook", "url": url, "secret": SECRET, "timeout": timeout}
        for name, url in urls.items()
    ]
    return dict(build_channels(tables, tools or Tools()))


def attempts(store: AlertStore, message: str) -> list[str]:
    found = store.get(message)
    assert found is not None
    return [attempt.outcome for attempt in found.attempts]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteHistory]:
    opened = SqliteHistory(tmp_path / "alerts.db")
    yield opened
    opened.close()


def by_hand(store: AlertStore, notifiers: Mapping[str, Any], clock: Any, **options: Any) -> Deliverer:
    return Deliverer(outbox=store, notifiers=notifiers, clock=clock, jitter=lambda: 0.0, **options)


def test_a_failing_delivery_walks_the_schedule_of_the_specification_and_is_then_given_up(
    receiver: Any, answer: Any, clock: Any
) -> None:
    receiver.answer = lambda _request: answer(500)
    store = MemoryHistory()
    delivery = pending("desk", 0, clock())
    store.claim([delivery])
    deliverer = by_hand(store, webhooks({"desk": receiver.url}, Tools(clock=clock)), clock)
    start = clock()
    tried = []
    due: datetime | None = start
    while due is not None:
        clock.now = due
        tried.append((due - start).total_seconds())
        due = deliverer.drain()
        # A moment earlier there is nothing to do.
        clock.tick(-0.001)
    assert tried == [sum(SCHEDULE[: number + 1]) for number in range(10)]
    found = store.get(delivery.id)
    assert found is not None
    assert found.status is Status.FAILED
    assert [attempt.number for attempt in found.attempts] == list(range(1, 11))
    assert {request.id for request in receiver.requests} == {delivery.id}
    assert len({request.body for request in receiver.requests}) == 1
    # By hand it starts anew.
    receiver.answer = lambda _request: answer()
    store.retry([delivery.id], clock())
    assert deliverer.drain() is None
    assert attempts(store, delivery.id)[-2:] == ["http-500", "delivered"]


def test_retry_after_pauses_the_whole_channel(receiver: Any, answer: Any, clock: Any) -> None:
    receiver.answer = lambda _request: answer(429, {"retry-after": "3600"})
    store = MemoryHistory()
    store.claim([pending("desk", number, clock()) for number in range(10)])
    deliverer = by_hand(store, webhooks({"desk": receiver.url}, Tools(clock=clock)), clock, concurrency=1)
    assert deliverer.drain() == clock() + timedelta(hours=1)
    assert len(receiver.requests) == 1
    clock.tick(3599)
    deliverer.drain()
    assert len(receiver.requests) == 1
    clock.tick(1)
    receiver.answer = lambda _request: answer()
    assert deliverer.drain() is None
    assert len({request.id for request in receiver.requests}) == 10


def test_410_stops_the_channel_and_the_rest_waits_for_the_next_start(receiver: Any, answer: Any, clock: Any) -> None:
    receiver.answer = lambda _request: answer(410)
    store = MemoryHistory()
    store.claim([pending("desk", number, clock()) for number in range(5)])
    deliverer = by_hand(store, webhooks({"desk": receiver.url}), clock, concurrency=1)
    assert deliverer.drain() is None
    assert len(receiver.requests) == 1
    assert "410" in deliverer.disabled["desk"]
    clock.tick(1e6)
    assert deliverer.drain() is None
    assert len(receiver.requests) == 1
    receiver.answer = lambda _request: answer()
    started_again = by_hand(store, webhooks({"desk": receiver.url}), clock)
    started_again.drain()
    assert store.find(Find(statuses=(Status.DELIVERED,))).total == 4
    assert store.find(Find(statuses=(Status.FAILED,))).total == 1


def test_an_overloaded_receiver_gets_one_at_a_time_until_it_takes_one(receiver: Any, answer: Any, clock: Any) -> None:
    at_once, most, lock = [0], [0], threading.Lock()
    ready = threading.Event()

    def busy(_request: Any) -> Any:
        with lock:
            at_once[0] += 1
            most[0] = max(most[0], at_once[0])
        ready.wait(0.05)
        with lock:
            at_once[0] -= 1
        return answer(503)

    receiver.answer = busy
    store = MemoryHistory()
    store.claim([pending("desk", number, clock()) for number in range(12)])
    deliverer = by_hand(store, webhooks({"desk": receiver.url}), clock, concurrency=4)
    deliverer.drain()
    first_round, most[0] = most[0], 0
    clock.tick(6)
    deliverer.drain()
    assert first_round == 4
    assert most[0] == 1
    assert len(receiver.requests) == 24


class Broken:
    """A notifier with a fault, whose words hold a secret."""

    target = "nowhere"

    async def send(self, alert: Alert) -> Receipt:
        raise KeyError(f"canary {alert.id}")

    async def close(self) -> None:
        """Nothing is open."""


def test_a_fault_of_a_notifier_is_a_failed_try_without_its_words(clock: Any) -> None:
    store = MemoryHistory()
    delivery = pending("desk", 0, clock())
    store.claim([delivery])
    assert by_hand(store, {"desk": Broken()}, clock).drain() == clock() + timedelta(seconds=SCHEDULE[1])
    found = store.get(delivery.id)
    assert found is not None
    assert found.attempts[0].outcome == "bug"
    assert "KeyError" in found.error
    assert "canary" not in found.error


def test_an_update_never_overtakes_its_alert(receiver: Any, answer: Any, clock: Any) -> None:
    store = MemoryHistory()
    created = pending("desk", 0, clock())
    update = replace(created, alert=replace(created.alert, kind=UPDATED, message="update-1", copies=2))
    store.claim([created, update])
    receiver.answer = lambda _request: answer(500)
    deliverer = by_hand(store, webhooks({"desk": receiver.url}), clock)
    due = deliverer.drain()
    assert [request.id for request in receiver.requests] == [created.id]
    assert due is not None
    receiver.answer = lambda _request: answer()
    clock.now = due
    deliverer.drain()
    assert [request.id for request in receiver.requests] == [created.id, created.id, "update-1"]


def test_every_attempt_is_observed(receiver: Any, answer: Any, clock: Any) -> None:
    seen: list[tuple[str, int, str]] = []

    def observe(delivery: Delivery, attempt: Attempt) -> None:
        seen.append((delivery.alert.channel, attempt.number, attempt.outcome))

    store = MemoryHistory()
    store.claim([pending("desk", 0, clock())])
    receiver.answer = lambda _request: answer(404)
    deliverer = by_hand(store, webhooks({"desk": receiver.url}), clock, observe=observe)
    deliverer.drain()
    clock.tick(5)
    deliverer.drain()
    assert seen == [("desk", 1, "http-404"), ("desk", 2, "http-404")]


def test_every_alert_arrives_at_a_receiver_that_fails_hangs_and_drops(
    receiver: Any, answer: Any, store: SqliteHistory
) -> None:
    chance = random.Random(20261102)
    lock = threading.Lock()

    def fickle(_request: Any) -> Any:
        with lock:
            drawn = chance.random()
        if drawn < 0.3:
            return answer(chance.choice([500, 502, 404, 301]))
        if drawn < 0.36:
            return answer(hang=True)
        return answer(drop=drawn < 0.45)

    receiver.answer = fickle
    messages = [pending("desk", number, now()) for number in range(200)]
    done = threading.Semaphore(0)

    def observe(_delivery: Delivery, attempt: Attempt) -> None:
        if attempt.outcome == "delivered":
            done.release()

    deliverer = Deliverer(
        outbox=store,
        notifiers=webhooks({"desk": receiver.url}, timeout=0.2),
        clock=now,
        schedule=[0.01] * 40,
        concurrency=16,
        observe=observe,
    )
    deliverer.start()
    store.claim(messages)
    deliverer.wake()
    for _ in messages:
        assert done.acquire(timeout=30)
    deliverer.stop()
    assert not deliverer.alive
    assert store.find(Find(statuses=(Status.DELIVERED,), limit=1)).total == len(messages)
    library = standardwebhooks.Webhook(SECRET)
    bodies: dict[str, set[bytes]] = {}
    for request in receiver.requests:
        library.verify(request.body, request.headers)
        bodies.setdefault(request.id, set()).add(request.body)
    assert set(bodies) == {delivery.id for delivery in messages}
    assert all(len(tries) == 1 for tries in bodies.values())
    assert len(receiver.requests) > len(messages)


def test_a_receiver_that_hangs_holds_up_no_other_channel(
    receivers: Callable[[], Any], answer: Any, store: SqliteHistory
) -> None:
    stuck, well = receivers(), receivers()
    stuck.answer = lambda _request: answer(hang=True)
    notifiers = webhooks({"stuck": stuck.url, "well": well.url}, timeout=30)
    deliverer = Deliverer(outbox=store, notifiers=notifiers, clock=now, concurrency=4)
    store.claim([pending("stuck", number, now()) for number in range(50)])
    deliverer.start()
    assert stuck.wait(lambda: len(stuck.requests) == 4)
    store.claim([pending("well", number, now()) for number in range(20)])
    deliverer.wake()
    assert well.wait(lambda: len(well.requests) == 20)
    assert len(stuck.requests) == 4
    deliverer.stop(timeout=5)
    assert not deliverer.alive
    assert store.find(Find(channel="stuck", statuses=(Status.SENDING,))).total == 4


def test_what_was_cut_off_is_sent_again_after_the_next_start(receiver: Any, store: SqliteHistory) -> None:
    delivery = pending("desk", 0, now())
    store.claim([delivery])
    taken = store.take("desk", now() + timedelta(seconds=1), 1, 1000.0)
    assert len(taken.deliveries) == 1
    deliverer = Deliverer(outbox=store, notifiers=webhooks({"desk": receiver.url}), clock=now)
    stop = threading.Event()
    runner = threading.Thread(target=deliverer.run, args=(stop,))
    runner.start()
    arrived = receiver.wait(lambda: len(receiver.requests) == 1)
    stop.set()
    runner.join()
    assert arrived
    assert receiver.requests[0].id == delivery.id


def test_a_claim_is_sent_at_once_without_waiting_for_a_poll(receiver: Any, store: SqliteHistory) -> None:
    deliverer = Deliverer(outbox=store, notifiers=webhooks({"desk": receiver.url}), clock=now)
    deliverer.start()
    # Each arrives before the next is claimed: thirty polls of an idle lane would take longer than the test may.
    for number in range(30):
        store.claim([pending("desk", number, now())])
        deliverer.wake()
        assert receiver.wait(lambda count=number + 1: len(receiver.requests) == count)
    deliverer.stop()


def test_starting_twice_and_draining_while_running_are_refused(store: SqliteHistory) -> None:
    idle = Deliverer(outbox=store, notifiers={}, clock=now)
    idle.wake()
    idle.stop()
    idle.start()
    assert idle.alive
    idle.stop()
    busy = Deliverer(outbox=store, notifiers={"desk": Broken()}, clock=now)
    busy.start()
    for refused in (busy.start, busy.drain):
        with pytest.raises(UsageError, match="stop it before"):
            refused()
    busy.stop()
    busy.start()
    busy.stop()
    assert not busy.alive
