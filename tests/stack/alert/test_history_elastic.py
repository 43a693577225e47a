"""The alert history on Elasticsearch under rivals and kills, and its index."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import standardwebhooks
from msgspec.structs import replace
from tests.alert.conftest import Answer, Receiver
from tests.contract.test_history import make
from tests.stack.alert.workers import NOW, SECRET, make_deliveries, open_history

import heliograph
from heliograph.alert.channels import Tools, build_channels
from heliograph.alert.deliver import Deliverer
from heliograph.alert.history_elastic import ElasticHistory
from heliograph.alert.port import Attempt, Find, Status
from heliograph.errors import Unavailable, UsageError
from heliograph.runtime.elastic import connect
from heliograph.settings import ElasticsearchSettings

WORKERS = Path(__file__).with_name("workers.py")
SOURCES = os.pathsep.join([str(Path(heliograph.__file__).parents[1]), str(WORKERS.parents[3])])
SEED = 20_261_102


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
        return worker("deliver", elasticsearch_url, prefix, receiver.url)

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
