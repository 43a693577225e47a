"""Ingest workers on one ledger: no feed is polled by two at once, none is forgotten, nothing is lost."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.stack.kafka_feeds import feeds_topic
from tests.stack.press import Press

from heliograph.core.codec import decode
from heliograph.core.event import ARTICLES, ArticleFetched
from heliograph.eventlog.kafka import KafkaLog
from heliograph.fetch.ledger_kafka import KafkaLedger
from heliograph.fetch.port import Subscription
from heliograph.settings import KafkaSettings

FEEDS, HOSTS = 300, 60


class Workers:
    """Ingest workers as processes of their own."""

    def __init__(self, access: KafkaSettings, press: Press) -> None:
        self._access, self._press = access, press
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, *names: str, alone: bool = False) -> None:
        for name in names:
            # -P: the folder of this test is no place to import from.
            command = [sys.executable, "-P", str(Path(__file__).with_name("ingest_child.py")), self._access.bootstrap]
            self._running[name] = subprocess.Popen(
                [*command, self._access.topic_prefix, name, *(["alone"] if alone else [])],
                env={"PYTHONPATH": str(Path(__file__).parents[2] / "services")},
            )

    def all_work(self) -> bool:
        """Return once each of them has polled something from now on."""
        before = dict(self._press.polls_by)

        def work() -> bool:
            assert all(process.poll() is None for process in self._running.values())
            return all(self._press.polls_by[name] > before.get(name, 0) for name in self._running)

        return self._press.wait(work)

    def send(self, name: str, number: signal.Signals) -> None:
        self._running[name].send_signal(number)
        if number in (signal.SIGKILL, signal.SIGTERM):
            self._running.pop(name).wait(60)

    def end(self) -> None:
        for process in self._running.values():
            process.kill()
            process.wait()


@pytest.fixture
def press() -> Iterator[Press]:
    press = Press(FEEDS, HOSTS)
    yield press
    press.close()


@pytest.fixture
def access(kafka_bootstrap: str, press: Press) -> Iterator[KafkaSettings]:
    """Give settings whose ledger holds every feed of the press."""
    with feeds_topic(kafka_bootstrap) as access:
        ledger = KafkaLedger(access)
        ledger.edit(put=[Subscription(id=name, url=press.url(name)) for name in press.names])
        ledger.close()
        yield access


@pytest.fixture
def workers(access: KafkaSettings, press: Press) -> Iterator[Workers]:
    workers = Workers(access, press)
    yield workers
    workers.end()


def addresses(access: KafkaSettings) -> list[tuple[str, str]]:
    """Return id and address of each article in the log, in order, repetitions included."""
    log = KafkaLog(access)
    events = [decode(message.value).data for message in log.scan(ARTICLES)]
    log.close()
    return [(data.article.id, data.article.url) for data in events if isinstance(data, ArticleFetched)]


def test_whatever_happens_to_a_worker_no_feed_is_polled_twice_at_once_and_none_is_forgotten(
    workers: Workers, press: Press, access: KafkaSettings
) -> None:
    workers.start("one", "two", "three")
    assert workers.all_work()
    assert press.all_polled(), press.behind(2)

    workers.send("one", signal.SIGKILL)
    assert press.all_polled()

    workers.send("two", signal.SIGSTOP)
    # Its feeds are polled by the third before it comes back.
    assert press.all_polled()
    workers.send("two", signal.SIGCONT)
    assert workers.all_work()
    assert press.all_polled()

    workers.start("four", "five")
    assert workers.all_work()
    assert press.all_polled()

    workers.send("three", signal.SIGTERM)
    assert press.all_polled()

    press.growing = False
    assert press.all_polled(3)
    assert press.overlaps == []
    found = addresses(access)
    assert {url for _, url in found} == press.items()
    assert len({name for name, _ in found}) == len(press.items())


def test_the_count_sees_workers_that_know_nothing_of_each_other(workers: Workers, press: Press) -> None:
    workers.start("one", "two", "three", alone=True)
    assert press.wait(lambda: bool(press.overlaps))
