"""From a feed to a webhook, with a receiver that fails three times in ten."""

from __future__ import annotations

import random
from pathlib import Path

from standardwebhooks import Webhook
from tests.stories.desk import Desk, wait_for
from tests.stories.press import FEEDS, Press, is_hit

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ARTICLES = 200


def desk_with_hook(tmp_path: Path, press: Press) -> Desk:
    sources = tmp_path / "sources.yaml"
    feeds = "".join(
        f"    - {{id: f{n}, url: '{press.url(f'/feed/{n}.rss')}', language: en, evidence: answering}}\n"
        for n in range(FEEDS)
    )
    sources.write_text(f"outlets:\n- id: press\n  title: Press\n  country: az\n  ownership: private\n  feeds:\n{feeds}")
    return Desk(
        tmp_path / "data",
        sources=str(sources),
        alerts={"retry_schedule": ("0s", *["50ms"] * 20)},
        channels=({"name": "desk", "type": "webhook", "url": press.url("/hook"), "secret": SECRET},),
        policies=({"name": "all", "query": "topic: *", "channels": ("desk",)},),
    )


def test_every_alert_arrives_signed_and_under_one_id_although_three_tries_in_ten_fail(tmp_path: Path) -> None:
    chance = random.Random(7)
    with Press(refuses=lambda _: chance.random() < 0.3) as press, desk_with_hook(tmp_path, press) as desk:
        wait_for(lambda: sum(bool(feed["last_success"]) for feed in desk.feeds().values()) == FEEDS, 30, "the baseline")
        assert not press.deliveries, "a first import alerts nobody"
        press.release(0, ARTICLES)
        hits = {f"Report {n}" for n in range(ARTICLES) if is_hit(n)}
        wait_for(lambda: len(press.deliveries) >= len(hits), 60, f"{len(hits)} alerts")
        wait_for(lambda: all(row["status"] == "delivered" for row in desk.alerts()), 30, "all recorded as delivered")
        assert set(press.titles.values()) == hits
        assert set(press.deliveries) == {row["id"] for row in desk.alerts()}
        assert set(press.deliveries.values()) == {1}
        assert sum(press.refused.values()) > len(hits) // 5, "the receiver did not fail: the test does not bite"
        assert press.refused.keys() <= press.deliveries.keys(), "a refused message came back under another id"
        for headers, body in press.requests:
            Webhook(SECRET).verify(body, {name.lower(): value for name, value in headers.items()})


def test_a_restart_polls_on_where_it_was_and_alerts_nothing_twice(tmp_path: Path) -> None:
    with Press() as press, desk_with_hook(tmp_path, press) as desk:
        wait_for(lambda: sum(bool(feed["last_success"]) for feed in desk.feeds().values()) == FEEDS, 30, "the baseline")
        press.release(0, 20)
        wait_for(lambda: len(press.deliveries) >= 10, 30, "10 alerts")
        wait_for(lambda: desk.search(limit=1)["total"] == FEEDS + 20, 30, "all indexed")
        desk.stop()
        press.release(20, 20)
        desk.start()
        wait_for(lambda: len(press.deliveries) >= 20, 30, "the alerts of what came while it was down")
        wait_for(lambda: desk.search(limit=1)["total"] == FEEDS + 40, 30, "all indexed")
        assert set(press.deliveries.values()) == {1}
