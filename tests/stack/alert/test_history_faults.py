"""The alert history while Elasticsearch is away, and while its answers are lost."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import pytest
from tests.alert.conftest import Answer, Receiver
from tests.contract.test_history import make
from tests.stack.alert.workers import FOREVER, NOW, SECRET, make_deliveries, open_history
from tests.stack.lossy import LOSE, PASS, REFUSE, Lossy

from heliograph.alert.channels import Tools, build_channels
from heliograph.alert.deliver import Deliverer
from heliograph.alert.history_elastic import ElasticHistory
from heliograph.alert.port import Attempt, Find, Status
from heliograph.errors import Unavailable

SEED = 20_261_102
Result = TypeVar("Result")


def test_deliveries_resume_when_elasticsearch_is_back(
    lossy: Lossy, remote: ElasticHistory, receiver: Receiver, history: ElasticHistory
) -> None:
    messages = make_deliveries(40, datetime.now(UTC))
    assert all(history.claim(messages[:20]))
    away = threading.Event()

    def script(_request: Any) -> Answer:
        if len(receiver.requests) == 5:
            away.set()
        return Answer()

    receiver.answer = script
    lossy.rule = lambda _method, _path: REFUSE if away.is_set() else PASS
    tables = [{"name": "desk", "type": "webhook", "url": receiver.url, "secret": SECRET}]
    deliverer = Deliverer(
        outbox=remote,
        notifiers=build_channels(tables, Tools()),
        clock=lambda: datetime.now(UTC),
        concurrency=3,
        sole=False,
    )
    deliverer.start()
    try:
        assert away.wait(60)
        with lossy.changed:
            assert lossy.changed.wait_for(lambda: lossy.refused >= 6, 60)
        with pytest.raises(Unavailable, match="is away"):
            remote.claim(messages)
        away.clear()
        assert all(remote.claim(messages[20:]))
        deliverer.wake()
        assert receiver.wait(lambda: len(receiver.requests) >= len(messages), 90)
    finally:
        deliverer.stop()
    # Each once: what had been sent was recorded as soon as that could be.
    assert Counter(request.id for request in receiver.requests) == Counter(one.id for one in messages)
    assert history.find(Find(statuses=(Status.DELIVERED,))).total == len(messages)


def until_told(call: Callable[[], Result]) -> Result:
    """Return what the call says once it says something: as stages and lanes do, which try again."""
    while True:
        try:
            return call()
        except Unavailable:
            continue


def test_of_lost_answers_no_alert_is_doubled_and_none_is_lost(
    lossy: Lossy, prefix: str, history: ElasticHistory
) -> None:
    chance, lock = random.Random(SEED), threading.Lock()

    def rule(_method: str, path: str) -> str:
        with lock:
            return LOSE if path.startswith(f"/{prefix}alerts/_bulk") and chance.random() < 0.4 else PASS

    messages = make_deliveries(150)
    created: list[str] = []
    taken: list[str] = []

    def work(seed: int) -> None:
        store = open_history(lossy.url, prefix)
        mine = list(messages)
        random.Random(seed).shuffle(mine)
        for at in range(0, len(mine), 5):
            batch = mine[at : at + 5]
            answers = until_told(lambda batch=batch: store.claim(batch))  # type: ignore[misc]  # a lambda of one batch
            created.extend(one.id for one, new in zip(batch, answers, strict=True) if new)
        both.wait()
        while found := until_told(lambda: store.take("desk", NOW, 4, FOREVER)).deliveries:
            for one in found:
                done = Attempt(number=1, time=NOW, outcome="delivered")
                until_told(lambda one=one, done=done: store.record(one.id, done, Status.DELIVERED, None))  # type: ignore[misc]  # as above
                taken.append(one.id)
        store.close()

    both = threading.Barrier(2)
    lossy.rule = rule
    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    everything = sorted(one.id for one in messages)
    # Whoever made a claim is told so, whatever was lost; each is taken once and its attempt is kept once.
    assert sorted(created) == everything
    assert sorted(taken) == everything
    found = history.find(Find(limit=1000))
    assert sorted(one.id for one in found.items) == everything
    kept = [history.get(one.id) for one in found.items]
    assert {(one.status, len(one.attempts)) for one in kept if one} == {(Status.DELIVERED, 1)}
    # The test bites.
    assert lossy.lost > 50


def test_a_claim_cut_off_between_its_two_steps_is_made_whole_by_the_next(lossy: Lossy, remote: ElasticHistory) -> None:
    created, first, second = make("s1"), make("s1", update=1), make("s1", update=2)
    assert list(remote.claim([created, first])) == [True, True]
    bulks = iter(range(10))
    lossy.rule = lambda _method, path: REFUSE if "_bulk" in path and next(bulks) == 1 else PASS
    with pytest.raises(Unavailable):
        remote.claim([second])
    assert remote.get(second.id) is None
    assert list(remote.claim([second])) == [True]
    statuses = {found.id: found.status for found in remote.find(Find()).items}
    assert statuses == {created.id: Status.PENDING, first.id: Status.SUPERSEDED, second.id: Status.PENDING}
    kept = remote.get(created.id)
    assert kept is not None
    assert kept.copies == 3
    assert lossy.refused == 1


def test_a_lease_whose_answer_was_lost_is_used_at_once(lossy: Lossy, remote: ElasticHistory) -> None:
    remote.claim([make("s1"), make("s2")])
    lossy.rule = lambda _method, path: LOSE if "_bulk" in path else PASS
    with pytest.raises(Unavailable):
        remote.take("desk", NOW, 1, FOREVER)
    lossy.rule = lambda _method, _path: PASS
    found = [one.id for one in remote.take("desk", NOW, 1, FOREVER).deliveries]
    assert found == [make("s1").id] or found == [make("s2").id]
    assert lossy.lost == 1
    # The other one is still there, and the first is not handed out again.
    other = [one.id for one in remote.take("desk", NOW, 5, FOREVER).deliveries]
    assert sorted(found + other) == sorted([make("s1").id, make("s2").id])


@pytest.mark.usefixtures("history")
def test_a_node_that_is_not_there_is_unavailable(prefix: str, lossy: Lossy) -> None:
    lossy.rule = lambda _method, _path: REFUSE
    with pytest.raises(Unavailable, match=r"alert history at http://127\.0\.0\.1:\d+ is away"):
        open_history(lossy.url, prefix)
