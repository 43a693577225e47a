"""An installation of the embedded tier with something in every room, and servers' names to move it to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from msgspec.structs import replace
from tests.stack.elastic import Cluster
from tests.stack.faults.newsroom import article
from tests.stack.kafka import drop_topics, kafka_settings
from tests.stories.desk import Desk, wait_for
from tests.stories.press import FEEDS, Press, is_hit

from heliograph.alert.port import UPDATED, Attempt, Delivery, Find, Status
from heliograph.assembly.doctor_stores import GROUPS
from heliograph.assembly.migrate import TOPICS
from heliograph.assembly.world import INDEXES, World
from heliograph.cli import execute
from heliograph.compose import world
from heliograph.core.event import ARTICLES, DeadLetter
from heliograph.core.ids import stable_id
from heliograph.eventlog.port import Entry
from heliograph.index.port import Search
from heliograph.settings import KafkaSettings, load_settings

EARLY, NEWS = 20, 30
"""Articles that the feeds held at their first answer, and that came afterwards."""
WAITING = range(20_000, 20_005)
"""Articles that were appended when nothing worked on them any more; the first two are one story that alerts."""
_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
_TOPIC = """
id: tea
name: Tea
severity: normal
query: samovar
examples:
  match: [{lang: en, text: "a samovar is served"}]
  miss: [{lang: en, text: "coffee is served"}]
"""


@dataclass(frozen=True)
class Servers:
    """Where an installation is moved to: topics and indices of its own."""

    kafka: KafkaSettings
    cluster: Cluster

    @property
    def flags(self) -> Mapping[str, Any]:
        """Settings that name them."""
        return {
            "kafka": {"bootstrap": self.kafka.bootstrap, "topic_prefix": self.kafka.topic_prefix},
            "elasticsearch": {"url": self.cluster.url, "index_prefix": self.cluster.prefix},
        }

    def environment(self, **other: str) -> dict[str, str]:
        """Return the environment of a program that is to use them, and of nobody's own settings."""
        present = os.environ.items()  # noqa: TID251 - taken away so that nobody's own settings are tested
        named = {
            f"HELIOGRAPH_{table}__{key}".upper(): value
            for table, keys in self.flags.items()
            for key, value in keys.items()
        }
        return {key: value for key, value in present if not key.startswith("HELIOGRAPH_")} | named | other


@contextmanager
def servers(bootstrap: str, url: str) -> Iterator[Servers]:
    """Yield names that nobody else has; what was made under them is deleted."""
    made = Servers(kafka_settings(bootstrap), Cluster(url))
    try:
        yield made
    finally:
        drop_topics(made.kafka)
        made.cluster.clean()


def migrate(data: Path, environment: Mapping[str, str]) -> list[dict[str, Any]]:
    """Run `heliograph migrate`; return its rows."""
    command = [sys.executable, "-m", "heliograph", "migrate", "--to", "distributed", "--data", str(data)]
    done = subprocess.run(
        [*command, "--format", "json"],
        cwd=data,
        env={**environment, "COLUMNS": "1000"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    assert f"copy 1 files of {data}/topics" in " ".join(done.stderr.split()), "own topics are files, and are named"
    rows: list[dict[str, Any]] = json.loads(done.stdout)
    return rows


def desk(folder: Path, press: Press, **flags: Any) -> Desk:
    """Return the program on this folder: one channel that the receiver takes, and one that always fails."""
    hook, closed = press.url("/hook"), press.url("/feed/0.rss")
    flags.setdefault("sources", str(folder / "sources.yaml"))
    return Desk(
        folder / "data",
        alerts={"retry_schedule": ("0s", "50ms", "1d")},
        channels=(
            {"name": "desk", "type": "webhook", "url": hook, "secret": _SECRET},
            {"name": "phone", "type": "webhook", "url": flags.pop("phone", closed), "secret": _SECRET},
        ),
        policies=({"name": "all", "query": "topic: *", "channels": ("desk", "phone")},),
        **flags,
    )


def build(folder: Path, press: Press) -> None:
    """Have the embedded tier collect, flag, index, alert, fail and refuse; then stop it and leave work undone."""
    feeds = "".join(
        f"    - {{id: f{n}, url: '{press.url(f'/feed/{n}.rss')}', language: en, evidence: answering}}\n"
        for n in range(FEEDS)
    )
    outlet = "outlets:\n- id: press\n  title: Press\n  country: az\n  ownership: private\n  feeds:\n"
    (folder / "sources.yaml").write_text(outlet + feeds)
    (folder / "data" / "topics").mkdir(parents=True)
    (folder / "data" / "topics" / "tea.yaml").write_text(_TOPIC)
    press.release(0, EARLY)
    with desk(folder, press) as running:
        wait_for(
            lambda: sum(bool(feed["last_success"]) for feed in running.feeds().values()) == FEEDS, 60, "all polled"
        )
        with_log(folder, lambda here: here.log.append(ARTICLES, [Entry("broken", "broken", b"\xff no event")]))
        press.release(EARLY, NEWS)
        hits = sum(map(is_hit, range(EARLY, EARLY + NEWS)))
        wait_for(lambda: len(press.deliveries) == hits, 60, "all alerted")
        wait_for(lambda: tried(folder, "phone") == 2 * hits, 60, "all failed twice")
        wait_for(lambda: running.search(limit=1)["total"] == FEEDS + EARLY + NEWS, 30, "all indexed")
        wait_for(lambda: running.lag() == 0, 30, "all worked on")
    with_log(folder, _disturb)
    assert execute(["replay", "--topic", "dead-letters", "--to", "detect", "--data", str(folder / "data")]) in (0, 1)
    with_log(folder, lambda here: here.append_articles([article(number) for number in WAITING]))


def with_log(folder: Path, do: Any) -> None:
    """Open the stores of the embedded tier beside whatever runs, and close them."""
    here = world(load_settings(None, {"data": folder / "data", "sources": "none"}))
    try:
        do(here)
    finally:
        here.close()


def tried(folder: Path, channel: str) -> int:
    """Return how many attempts were recorded for a channel."""
    found: list[int] = []
    with_log(folder, lambda here: found.extend(len(one.attempts) for one in told(here) if one.alert.channel == channel))
    return sum(found)


def _disturb(here: World) -> None:
    """Leave deliveries in every state that a stop can find them in, and a dead letter that will go through."""
    store, now = here.alerts, datetime.now(UTC)
    [sending] = store.take("phone", now + timedelta(days=2), 1, 60.0).deliveries
    pending = [one for one in told(here) if one.alert.channel == "phone" and one.status is Status.PENDING]
    gone = Attempt(number=0, time=now, outcome="http-410", status=410, error="gone", seconds=0.5)
    store.record(pending[0].id, gone, Status.FAILED, None)
    assert store.retry([pending[1].id], now) == 1
    assert sending.id not in {pending[0].id, pending[1].id}
    [first, *_] = (one for one in told(here) if one.status is Status.DELIVERED)
    grown = replace(first.alert, message=stable_id("alert.update", first.id, "2"), kind=UPDATED, copies=2)
    assert store.claim([Delivery(alert=grown, status=Status.PENDING, due=now, copies=2)]) == [True]
    good = next(message for message in here.log.scan(ARTICLES) if message.id != "broken")
    here.bury(DeadLetter(stage="detect", reason="test", cause="once", payload=good.value, topic=ARTICLES, origin="x"))


def told(here: World) -> list[Delivery]:
    """Return every delivery with its attempts, by id."""
    page = here.alerts.find(Find(statuses=tuple(Status), limit=10_000))
    found = [here.alerts.get(item.id) for item in page.items]
    return sorted((one for one in found if one), key=lambda one: one.id)


def contents(here: World) -> dict[str, Any]:
    """Return all that an installation holds, in a form that does not depend on the tier."""
    found: dict[str, Any] = {}
    for topic in TOPICS:
        by_key: dict[str, list[tuple[str, bytes]]] = defaultdict(list)
        for message in here.log.scan(topic):
            by_key[message.key].append((message.id, message.value))
        found[topic] = dict(by_key)
        found[f"{topic} twice"] = [name for name, count in _ids(here, topic).items() if count > 1]
    for name in INDEXES:
        hits = here.index(name).search(Search(limit=10_000)).items
        found[f"index {name}"] = sorted((hit.document for hit in hits), key=lambda document: document.article.id)
    found["alerts"] = [
        replace(one, status=Status.PENDING) if one.status is Status.SENDING else one for one in told(here)
    ]
    feeds = here.ledger.feeds()
    articles = [message.key for message in here.log.scan(ARTICLES)]
    found["feeds"] = [(feed, here.ledger.known(feed.subscription.id, articles)) for feed in feeds]
    found["waiting"] = {group: here.log.reader(topic, group).lag().events for group, topic in GROUPS}
    return found


def _ids(here: World, topic: str) -> Counter[str]:
    return Counter(message.id for message in here.log.scan(topic))
