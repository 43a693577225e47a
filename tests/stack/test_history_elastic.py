"""The alert history on Elasticsearch under rivals, kills, silence and lost answers."""

from __future__ import annotations

import base64
import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import pytest
import standardwebhooks
from msgspec.structs import replace
from tests.alert.conftest import Answer, Receiver
from tests.contract.test_history import make
from tests.stack.alert_workers import FOREVER, NOW, make_deliveries, open_history
from tests.stack.lossy import LOSE, PASS, REFUSE, Lossy

import heliograph
from heliograph.alert.channels import Tools, build_channels
from heliograph.alert.deliver import Deliverer
from heliograph.alert.history_elastic import ElasticHistory
from heliograph.alert.port import Attempt, Find, Status
from heliograph.errors import Unavailable, UsageError
from heliograph.runtime.elastic import connect
from heliograph.settings import ElasticsearchSettings

WORKERS = Path(__file__).with_name("alert_workers.py")
SOURCES = os.pathsep.join([str(Path(heliograph.__file__).parents[1]), str(WORKERS.parents[2])])
SECRET = "whsec_" + base64.b64encode(b"a key of these tests, 32 bytes..").decode()
SEED = 20_261_102
Result = TypeVar("Result")


@pytest.fixture
def prefix(elasticsearch_url: str) -> Iterator[str]:
    prefix = f"test-{uuid4().hex}-"
    yield prefix
    client = connect(ElasticsearchSettings(url=elasticsearch_url))
    client.indices.delete(index=f"{prefix}alerts", ignore_unavailable=True)
    client.indices.delete_index_template(name=f"{prefix}alerts")
    client.close()


@pytest.fixture
def history(elasticsearch_url: str, prefix: str) -> Iterator[ElasticHistory]:
    history = open_history(elasticsearch_url, prefix)
    yield history
    history.close()


@pytest.fixture
def lossy(elasticsearch_url: str) -> Iterator[Lossy]:
    proxy = Lossy(elasticsearch_url)
    yield proxy
    proxy.close()


@pytest.fixture
def remote(lossy: Lossy, prefix: str) -> Iterator[ElasticHistory]:
    """The same history through the proxy."""
    remote = open_history(lossy.url, prefix)
    yield remote
    remote.close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


def worker(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, str(WORKERS), *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env={"PYTHONPATH": SOURCES}, stdin=pipe, stdout=pipe, text=True)


def told(child: subprocess.Popen[str]) -> str:
    assert child.stdout is not None
    return child.stdout.readline()


def go_on(children: list[subprocess.Popen[str]]) -> None:
    for child in children:
        assert child.stdin is not None
        child.stdin.write("\n")
        child.stdin.flush()


def test_three_processes_that_claim_and_take_the_same_alerts_share_them(
    elasticsearch_url: str, prefix: str, history: ElasticHistory
) -> None:
    count = 300
    children = [worker("claim", elasticsearch_url, prefix, str(seed), str(count)) for seed in range(3)]
    try:
        assert [told(child) for child in children] == ["ready\n"] * 3
        go_on(children)
        created = [json.loads(told(child)) for child in children]
        go_on(children)
        taken = [json.loads(told(child)) for child in children]
        assert [child.wait(60) for child in children] == [0, 0, 0]
    finally:
        for child in children:
            child.kill()
            child.communicate()
    everything = sorted(one.id for one in make_deliveries(count))
    assert sorted(id_ for ids in created for id_ in ids) == everything
    assert sorted(id_ for ids in taken for id_ in ids) == everything
    # The test bites: nobody had it all to himself.
    assert all(created)
    assert all(taken)
    found = history.find(Find(statuses=(Status.DELIVERED,), limit=count))
    assert found.total == count
    assert {len(kept.attempts) for one in found.items if (kept := history.get(one.id))} == {1}


def test_senders_killed_between_send_and_record_lose_no_alert(
    elasticsearch_url: str, prefix: str, history: ElasticHistory, receiver: Receiver
) -> None:
    alerts, kills = 80, 20
    messages = make_deliveries(alerts, datetime.now(UTC))
    assert all(history.claim(messages))
    kill_at = set(random.Random(SEED).sample(range(1, alerts), kills))
    lock = threading.Lock()
    numbers = iter(range(10**6))
    killed: list[int] = []
    died = threading.Event()

    def script(request: Any) -> Answer:
        with lock:
            if next(numbers) not in kill_at:
                return Answer()
            pid = int(request.headers["user-agent"].removeprefix("worker/"))
            if pid not in [child.pid for child in children if child.poll() is None]:
                kill_at.add(max(kill_at) + 1)  # Already killed, with this message on its way.
                return Answer()
            killed.append(pid)
            # The message is here and the sender does not know it yet; it dies now.
            os.kill(pid, signal.SIGKILL)
            died.set()
            return Answer(hang=True)

    def start() -> subprocess.Popen[str]:
        return worker("deliver", elasticsearch_url, prefix, receiver.url, SECRET)

    receiver.answer = script
    # Held while starting: a message may come before we know who sends it.
    with lock:
        children = [start(), start()]
    delivered = Find(statuses=(Status.DELIVERED,), limit=1)
    try:
        while history.find(delivered).total < alerts:
            died.wait(0.2)
            died.clear()
            with lock:
                gone = [child for child in children if child.pid in killed and child.wait(30)]
                children = [child for child in children if child not in gone]
                assert all(child.poll() is None for child in children), "a delivering process ended by itself"
                children += [start() for _ in gone]
            for child in gone:
                child.communicate()
    finally:
        for child in children:
            child.kill()
            child.communicate()

    arrived = Counter(request.id for request in receiver.requests)
    assert set(arrived) == {one.id for one in messages}
    # The test bites: each kill made a message come again, under the id that it had.
    assert len(killed) == kills
    assert sum(arrived.values()) >= alerts + kills
    library = standardwebhooks.Webhook(SECRET)
    assert {library.verify(request.body, request.headers)["data"]["alert"] for request in receiver.requests} == {
        one.alert.id for one in messages
    }


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


def test_who_has_lost_its_lease_changes_nothing_unless_it_has_delivered(
    elasticsearch_url: str, prefix: str, history: ElasticHistory
) -> None:
    rival = open_history(elasticsearch_url, prefix)
    delivery = make("s1")
    history.claim([delivery])
    assert history.take("desk", NOW, 1, 60).deliveries
    later = NOW + timedelta(seconds=61)
    assert rival.take("desk", later, 1, 60).deliveries
    failed = Attempt(number=1, time=NOW, outcome="timeout", error="too late")
    history.record(delivery.id, failed, Status.PENDING, later)
    kept = rival.get(delivery.id)
    assert kept is not None
    assert (kept.status, kept.due, kept.tries, len(kept.attempts)) == (
        Status.SENDING,
        later + timedelta(seconds=60),
        0,
        1,
    )
    rival.record(delivery.id, replace(failed, outcome="delivered", error=""), Status.DELIVERED, None)
    history.record(delivery.id, replace(failed, number=2), Status.FAILED, None)
    kept = rival.get(delivery.id)
    rival.close()
    assert kept is not None
    assert (kept.status, kept.tries) == (Status.DELIVERED, 1)


def test_a_worker_that_starts_takes_nothing_that_another_is_sending(
    elasticsearch_url: str, prefix: str, history: ElasticHistory, receiver: Receiver
) -> None:
    history.claim(make_deliveries(2))
    sending = history.take("desk", NOW, 1, 60).deliveries
    rival = open_history(elasticsearch_url, prefix)
    tables = [{"name": "desk", "type": "webhook", "url": receiver.url, "secret": SECRET}]
    starting = Deliverer(outbox=rival, notifiers=build_channels(tables, Tools()), clock=lambda: NOW, sole=False)
    assert starting.drain() == NOW + timedelta(seconds=60)
    rival.close()
    assert len(receiver.requests) == 1
    assert receiver.requests[0].id not in {one.id for one in sending}


@pytest.mark.usefixtures("history")
def test_an_index_of_a_newer_release_is_refused(elasticsearch_url: str, prefix: str) -> None:
    client = connect(ElasticsearchSettings(url=elasticsearch_url))
    client.indices.put_mapping(index=f"{prefix}alerts", meta={"version": 2})
    with pytest.raises(UsageError, match="upgrade Heliograph"):
        open_history(elasticsearch_url, prefix)
    client.indices.put_mapping(index=f"{prefix}alerts", meta={"version": 0})
    open_history(elasticsearch_url, prefix).close()
    [found] = client.indices.get_mapping(index=f"{prefix}alerts").body.values()
    client.close()
    assert found["mappings"]["_meta"] == {"version": 1}


@pytest.mark.usefixtures("history")
def test_an_index_of_somebody_else_is_refused(elasticsearch_url: str, prefix: str) -> None:
    client = connect(ElasticsearchSettings(url=elasticsearch_url))
    client.indices.create(index=f"{prefix}other-alerts")
    with pytest.raises(UsageError, match="index_prefix"):
        open_history(elasticsearch_url, f"{prefix}other-")
    client.indices.delete(index=f"{prefix}other-alerts")
    client.close()


def test_an_index_deleted_under_us_is_said_and_made_anew_at_the_next_start(
    elasticsearch_url: str, prefix: str, history: ElasticHistory
) -> None:
    client = connect(ElasticsearchSettings(url=elasticsearch_url))
    client.indices.delete(index=f"{prefix}alerts")
    with pytest.raises(Unavailable, match="has lost its index"):
        history.claim([make("s1")])
    with pytest.raises(Unavailable, match="has lost its index"):
        history.take("desk", NOW, 1, 60)
    again = open_history(elasticsearch_url, prefix)
    assert list(again.claim([make("s1")])) == [True]
    again.close()
    [found] = client.indices.get_mapping(index=f"{prefix}alerts").body.values()
    client.close()
    assert found["mappings"]["dynamic"] == "strict"


@pytest.mark.usefixtures("history")
def test_a_node_that_is_not_there_is_unavailable(prefix: str, lossy: Lossy) -> None:
    lossy.rule = lambda _method, _path: REFUSE
    with pytest.raises(Unavailable, match=r"alert history at http://127\.0\.0\.1:\d+ is away"):
        open_history(lossy.url, prefix)
