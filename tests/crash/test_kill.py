"""kill -9 at 200 seeded random points over 2,000 articles: nothing lost, nothing twice, nothing broken."""

from __future__ import annotations

import os
import queue
import random
import signal
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.stories.press import FEEDS, Press, is_hit

from heliograph.alert.port import Find, Status
from heliograph.compose import world
from heliograph.core.codec import decode
from heliograph.core.event import ARTICLES, FLAGGED, MATCHES, ArticleFetched
from heliograph.index.port import Search
from heliograph.settings import load_settings

KILLS = 200
ARTICLES_IN_ALL = 2000
SEED = 20260117
LONGEST_LIFE = 1.2
"""Seconds after its start within which a process is killed; a start takes about a third of that."""


class Zygote:
    """Starts and kills the program; see zygote.py."""

    def __init__(self, config: Path) -> None:
        self._config = config
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("zygote.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._said: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()
        self.ready_after: list[float] = []
        self.killed_before_ready = 0
        self._hear("zygote")

    def start(self) -> int:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{self._config}\n")
        self._process.stdin.flush()
        return int(self._hear("started")[0])

    def wait_ready(self) -> None:
        self.ready_after.append(float(self._hear("ready")[1]))

    def kill(self, pid: int) -> None:
        os.kill(pid, signal.SIGKILL)
        ready = False
        while not (line := self._said.get(timeout=60)).startswith("gone"):
            ready = ready or line.startswith("ready")
        self.killed_before_ready += not ready

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(20)
        self._process.stdout.close()

    def _hear(self, word: str) -> list[str]:
        while True:
            said, *rest = self._said.get(timeout=60).split()
            if said == word:
                return rest

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._said.put(line)


@pytest.fixture
def press() -> Iterator[Press]:
    with Press() as press:
        yield press


@pytest.fixture
def config(tmp_path: Path, press: Press) -> Path:
    feeds = "".join(
        f"    - {{id: f{n}, url: '{press.url(f'/feed/{n}.rss')}', language: en, evidence: answering}}\n"
        for n in range(FEEDS)
    )
    sources = tmp_path / "sources.yaml"
    sources.write_text(f"outlets:\n- id: press\n  title: Press\n  country: az\n  ownership: private\n  feeds:\n{feeds}")
    path = tmp_path / "heliograph.toml"
    path.write_text(f"""
data = "{tmp_path / "data"}"
sources = "{sources}"
[web]
port = 0
[fetch]
allow_networks = ["127.0.0.0/8"]
poll_min = "100ms"
poll_max = "300ms"
per_host = 8
[alerts]
retry_schedule = ["0s", "100ms", "100ms", "100ms", "100ms"]
[[channels]]
name = "desk"
type = "webhook"
url = "{press.url("/hook")}"
secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
[[policies]]
name = "everything"
query = "topic: *"
channels = ["desk"]
""")
    return path


def intact(data: Path) -> list[str]:
    """Return what SQLite says is wrong with the files; empty where all are well."""
    wrong = []
    for path in sorted(data.glob("*.sqlite")):
        connection = sqlite3.connect(path)
        found = connection.execute("PRAGMA integrity_check").fetchone()[0]
        connection.close()
        if found != "ok":
            wrong.append(f"{path.name}: {found}")
    return wrong


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_nothing_is_lost_or_doubled_by_kills_at_random_points(press: Press, config: Path) -> None:
    chance = random.Random(SEED)
    settings = load_settings(config)
    zygote = Zygote(config)
    pause = threading.Event()
    # The first import is a baseline, which alerts nobody: it must be over before there is anything to alert.
    pid = zygote.start()
    zygote.wait_ready()
    reading = world(settings)
    wait_for(
        lambda: all(feed.state.first_import_done for feed in reading.ledger.feeds()) and bool(reading.ledger.feeds())
    )
    zygote.kill(pid)

    per_kill = ARTICLES_IN_ALL // KILLS
    reprocessed = 0
    for number in range(KILLS):
        pid = zygote.start()
        press.release(number * per_kill, per_kill)
        pause.wait(chance.uniform(0.0, LONGEST_LIFE))
        zygote.kill(pid)
        assert intact(settings.data) == [], f"after kill {number}"
        reprocessed += reading.log.reader(ARTICLES, "detect").lag().events

    hits = {n for n in range(ARTICLES_IN_ALL) if is_hit(n)}
    pid = zygote.start()
    zygote.wait_ready()
    wait_for(lambda: len(press.deliveries) >= len(hits))
    wait_for(lambda: reading.index("archive").search(Search(limit=1)).total >= ARTICLES_IN_ALL + FEEDS)
    wait_for(lambda: reading.alerts.find(Find(statuses=(Status.DELIVERED,), limit=1)).total >= len(hits))
    zygote.kill(pid)
    zygote.close()

    # The log: every article once, no id twice in any topic.
    for topic, expected in ((ARTICLES, ARTICLES_IN_ALL + FEEDS), (MATCHES, len(hits)), (FLAGGED, len(hits))):
        ids = [message.id for message in reading.log.scan(topic)]
        assert len(ids) == len(set(ids)) == expected, topic
    fetched = [decode(message.value).data for message in reading.log.scan(ARTICLES)]
    articles = [event.article for event in fetched if isinstance(event, ArticleFetched)]
    assert len({article.id for article in articles}) == ARTICLES_IN_ALL + FEEDS
    assert {article.title for article in articles} >= {f"Report {n}" for n in range(ARTICLES_IN_ALL)}

    # The indexes: every document once.
    assert reading.index("archive").search(Search(limit=1)).total == ARTICLES_IN_ALL + FEEDS
    assert reading.index("flagged").search(Search(limit=1)).total == len(hits)

    # The alerts: one id for each story. The receiver may see an id again, but never a second id for a story.
    assert Counter(press.titles.values()) == Counter(f"Report {n}" for n in hits)
    delivered = reading.alerts.find(Find(statuses=(Status.DELIVERED,), limit=1)).total
    assert delivered == len(hits)
    assert intact(settings.data) == []
    reading.close()
    again = sum(press.deliveries.values()) - len(press.deliveries)
    print(
        f"\n{KILLS} kills, {zygote.killed_before_ready} of them before ready; slowest start {max(zygote.ready_after)} s"
    )
    print(f"events not yet detected when killed: {reprocessed}; deliveries that came again: {again}")
    assert reprocessed > 0, "no kill came in the middle of work: the test does not bite"


def wait_for(holds: object, seconds: float = 60.0) -> None:
    """Wait until `holds()` is true; looks ten times a second."""
    assert callable(holds)
    pause = threading.Event()
    for _ in range(int(seconds * 10)):
        if holds():
            return
        pause.wait(0.1)
    pytest.fail(f"did not come true within {seconds} s")
