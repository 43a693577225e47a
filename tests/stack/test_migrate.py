"""`heliograph migrate`: everything arrives as it was, whatever cut it off, and goes on where it had stopped."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.stack import migrate_child
from tests.stack.lossy import LOSE, PASS, Lossy
from tests.stack.moving import EARLY, NEWS, WAITING, Servers, build, contents, desk, migrate, servers
from tests.stories.desk import wait_for
from tests.stories.press import FEEDS, Press, is_hit

from heliograph.alert.port import Status
from heliograph.assembly.doctor_stores import GROUPS
from heliograph.compose import world
from heliograph.core.event import ARTICLES
from heliograph.settings import load_settings

CHILD = str(Path(migrate_child.__file__))
CUTS = (
    ("alerts", 8),
    ("feeds", 8),
    ("index flagged", 8),
    ("index archive", 40),
    (ARTICLES, 40),
    ("flagged", 12),
    ("position of detect", 1),
    ("position of alert", 1),
)
"""What is being moved when the process is killed, and how many of it are done."""


@pytest.fixture(scope="module")
def press() -> Iterator[Press]:
    with Press() as running:
        yield running


@pytest.fixture(scope="module")
def built(press: Press, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("built")
    build(folder, press)
    return folder


@pytest.fixture
def folder(built: Path, tmp_path: Path) -> Path:
    """The installation, in a folder of the test's own."""
    shutil.copytree(built, tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.fixture
def target(kafka_bootstrap: str, elasticsearch_url: str) -> Iterator[Servers]:
    with servers(kafka_bootstrap, elasticsearch_url) as named:
        yield named


def held(data: Path, target: Servers | None = None) -> dict[str, Any]:
    """Return all that an installation holds: the folder's, or what stands on the servers."""
    given = {**target.flags, "tier": "distributed"} if target else {}
    here = world(load_settings(None, {"data": data, "sources": "none", **given}))
    try:
        return contents(here)
    finally:
        here.close()


def test_everything_arrives_as_it_was_and_a_second_run_writes_nothing(folder: Path, target: Servers) -> None:
    before = held(folder / "data")
    statuses = {delivery.status for delivery in before["alerts"]}
    assert statuses == {Status.DELIVERED, Status.FAILED, Status.PENDING, Status.MUTED}, "the test does not bite"
    assert any(len(delivery.attempts) > delivery.tries for delivery in before["alerts"]), "nothing was begun anew"
    assert before["waiting"] == dict.fromkeys((group for group, _ in GROUPS), 0) | {
        group: len(WAITING) for group, topic in GROUPS if topic == ARTICLES
    }

    rows = {row["what"]: row for row in migrate(folder / "data", target.environment())}
    assert [what for what, row in rows.items() if not row["same"]] == []
    groups = {f"position of {group}" for group, _ in GROUPS}
    stores = {"alerts", "feeds", "index flagged", "index archive"}
    topics = {"articles", "matches", "flagged", "dead-letters", "dead-letters-replayed"}
    assert rows.keys() == stores | topics | groups
    assert [what for what, row in rows.items() if row["there"] == 0] == []
    assert {what: row["written"] for what, row in rows.items()} == {what: row["there"] for what, row in rows.items()}
    assert held(folder / "data", target) == before
    assert held(folder / "data") == before, "the embedded tier is as it was"

    again = migrate(folder / "data", target.environment())
    assert [row["what"] for row in again if row["written"] or not row["same"]] == []
    assert [row["target"] for row in again] == [row["target"] for row in rows.values()]
    assert held(folder / "data", target) == before


def test_killed_at_any_point_and_begun_again_it_does_the_rest_and_doubles_nothing(
    folder: Path, target: Servers
) -> None:
    before = held(folder / "data")
    words = ["migrate", "--to", "distributed", "--data", str(folder / "data")]
    for what, count in CUTS:
        command = [sys.executable, "-P", CHILD, what, str(count), *words]
        done = subprocess.run(
            command, cwd=folder, env=target.environment(), capture_output=True, text=True, check=False
        )
        assert done.returncode == -signal.SIGKILL, f"{what}: {done.stderr}"
        there = held(folder / "data", target)
        assert there != before, f"{what}: all was done already"
        if what == ARTICLES:
            arrived = sum(map(len, there[ARTICLES].values()))
            assert count <= arrived < sum(map(len, before[ARTICLES].values()))
    rows = migrate(folder / "data", target.environment())
    assert [row["what"] for row in rows if not row["same"]] == []
    assert held(folder / "data", target) == before


@pytest.mark.parametrize("which", [1, 2, 3])
def test_killed_while_elasticsearch_writes_it_finds_what_was_written(folder: Path, target: Servers, which: int) -> None:
    before = held(folder / "data")
    proxy, children, asked = Lossy(target.cluster.url), list[subprocess.Popen[str]](), itertools.count(1)

    def rule(_: str, path: str) -> str:
        """Kill the child over one of its bulks: alerts, flagged or archive; what it asked for is done all the same."""
        if "_bulk" in path and next(asked) == which:
            os.kill(children[-1].pid, signal.SIGKILL)
            return LOSE
        return PASS

    proxy.rule = rule
    command = [sys.executable, "-m", "heliograph", "migrate", "--to", "distributed", "--data", str(folder / "data")]
    through = target.environment(HELIOGRAPH_ELASTICSEARCH__URL=proxy.url)
    try:
        with subprocess.Popen(command, cwd=folder, env=through, stderr=subprocess.PIPE, text=True) as child:
            children.append(child)
            _, errors = child.communicate(timeout=120)
        assert child.returncode == -signal.SIGKILL, errors
        with proxy.changed:
            assert proxy.changed.wait_for(lambda: proxy.lost == 1, 60)
    finally:
        proxy.close()
    rows = migrate(folder / "data", target.environment())
    assert [row["what"] for row in rows if not row["same"]] == []
    assert held(folder / "data", target) == before


def test_an_elasticsearch_that_is_away_is_one_line_and_what_was_done_stays(folder: Path, target: Servers) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        away = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        command = [sys.executable, "-m", "heliograph", "migrate", "--to", "distributed", "--data", "data"]
        given = target.environment(HELIOGRAPH_ELASTICSEARCH__URL=away)
        done = subprocess.run(command, cwd=folder, env=given, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert f"alert history at {away} is away" in done.stderr
    assert "elasticsearch.url" in done.stderr


def test_after_the_move_nothing_is_alerted_again_and_news_is(press: Press, folder: Path, target: Servers) -> None:
    before = held(folder / "data")["alerts"]
    delivered = {one.id for one in before if one.status is Status.DELIVERED}
    due = {one.id for one in before if one.status is Status.PENDING and one.tries == 0}
    known = press.deliveries.copy()
    assert known.keys() == delivered
    assert len(due) == 2, "one that was begun anew, and an update"
    migrate(folder / "data", target.environment())
    shutil.move(folder / "data", folder / "left")
    (folder / "data").mkdir()
    news, total = EARLY + NEWS, FEEDS + EARLY + NEWS + len(WAITING) + 10

    with desk(folder, press, phone=press.url("/hook"), tier="distributed", **target.flags) as running:
        # What had been appended and not worked on is one story with a copy, told to both channels.
        wait_for(lambda: sum(title == "Report 2000" for title in press.titles.values()) == 2, 90, "what was waiting")
        press.release(news, 10)
        hits = {f"Report {number}" for number in range(news, news + 10) if is_hit(number)}
        wait_for(lambda: sum(title in hits for title in press.titles.values()) == 2 * len(hits), 90, "the news")
        wait_for(lambda: due <= press.deliveries.keys(), 30, "what had been due")
        wait_for(lambda: running.search(limit=1)["total"] == total, 60, "everything is searchable")
        wait_for(lambda: running.lag() == 0, 60, "all worked on")
        feeds = running.feeds()
        assert len(feeds) == FEEDS
        again = {name: count for name, count in press.deliveries.items() if count > 1}
        assert again == {}, "an alert was sent a second time"
        expected = due | {name for name, title in press.titles.items() if title in hits | {"Report 2000"}}
        assert press.deliveries.keys() - known.keys() == expected
