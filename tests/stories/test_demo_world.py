"""The demo world, hostile feeds and all, through the real program: what is flagged, alerted, refused."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.stories.desk import Desk, wait_for

from heliograph.demo.server import DemoServer, start


class World:
    """A demo server in a thread of its own; its clock moves when told to."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.server: DemoServer = asyncio.run_coroutine_threadsafe(start(), self.loop).result(20)

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self.server.stop(), self.loop).result(20)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        self.loop.close()


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    yield world
    world.close()


def desk_on(world: World, tmp_path: Path) -> Desk:
    (tmp_path / "sources.yaml").write_text(yaml.safe_dump(world.server.sources))
    return Desk(
        tmp_path / "data",
        sources=str(tmp_path / "sources.yaml"),
        fetch={"timeout": "2s"},
        channels=({"name": "terminal", "type": "stdout"},),
        policies=({"name": "everything", "query": "topic: *", "channels": ("terminal",)},),
    )


@pytest.mark.slow
def test_ten_minutes_of_the_demo_world(world: World, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    items = world.server.world.items()
    good = {outlet.id for outlet, _ in items.values()}
    with desk_on(world, tmp_path) as desk:
        wait_for(lambda: sum(bool(f["last_success"]) for f in desk.feeds().values()) >= len(good), 60, "the baseline")
        early = sum(item.appears_after <= world.server.elapsed for _, item in items.values())
        wait_for(lambda: totals(desk) >= early, 30, "the first items")
        at_first = {alert["article"] for alert in desk.alerts()}

        world.server.advance(600)
        wait_for(lambda: totals(desk) >= len(items), 60, "all items")
        wait_for(lambda: desk.lag() == 0, 30, "all worked on")

        # What is flagged is what the world's author says should be, nearly.
        found = desk.search(scope="flagged", limit=500)["items"]
        flagged = {
            (item["link"].rpartition("/")[2], match["topic"])
            for item in found
            if item["source"] in good
            for match in item["matches"]
        }
        wanted = {(guid, topic) for guid, (_, item) in items.items() for topic in item.label}
        assert len(flagged & wanted) / len(flagged) >= 0.95, sorted(flagged - wanted)
        assert len(flagged & wanted) / len(wanted) >= 0.90, sorted(wanted - flagged)

        # The baseline alerted nobody, and no story of a topic was alerted twice.
        alerts = desk.alerts()
        assert alerts
        assert len({(a["topic"], a["story"], a["channel"]) for a in alerts}) == len(alerts)
        assert len(at_first) <= len(alerts)

        # The hostile feeds are in the ledger with a reason, and took nobody down.
        feeds = desk.feeds()
        for slug in ("gzip-bomb", "loop", "slow", "gone", "html-page"):
            assert feeds[f"trouble-{slug}"]["status"] == "failing"
            assert feeds[f"trouble-{slug}"]["reason"]
        assert world.server.canary_hits == 0
        assert desk.get("/readyz")["ready"]
    assert "alert" in capfd.readouterr().out


def totals(desk: Desk) -> int:
    """Return how many articles of the good outlets are indexed."""
    answer: dict[str, Any] = desk.search("not source: trouble and language: *", limit=1)
    return int(answer["total"])
