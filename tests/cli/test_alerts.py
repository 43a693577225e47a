"""`heliograph alerts`."""

from __future__ import annotations

import json
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from heliograph.alert.port import Attempt, Status

if TYPE_CHECKING:
    from tests.cli.conftest import Desk, Make, Run, Site


SETTINGS = """
[[channels]]
name = "desk"
type = "webhook"
url = "{url}/hook"
secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
[[policies]]
name = "tea-time"
query = "topic: tea"
channels = ["desk"]
"""


@pytest.fixture
def alerted(desk: Desk, site: Site, folder: Path, make: Make) -> Desk:
    """Two alerts of the topic `tea`: a1 was delivered at the second try, a2 was given up."""
    (folder / "heliograph.toml").write_text(SETTINGS.format(url=site.url), encoding="utf-8")
    desk.take(make("a1", "tea is drunk in the mountains", hours=2), make("a2", "an auction of tea ended", hours=1))
    here = desk.open()
    now = datetime.now(UTC)
    try:
        for delivery in here.alerts.take("desk", now, 10, 60.0).deliveries:
            first = Attempt(number=1, time=now, outcome="http-503", status=503, error="the receiver answers 503")
            if delivery.alert.article == "a1":
                here.alerts.record(delivery.id, first, Status.PENDING, now)
                second = Attempt(number=2, time=now, outcome="delivered", status=204, seconds=0.25)
                here.alerts.record(delivery.id, second, Status.DELIVERED, None)
            else:
                here.alerts.record(delivery.id, first, Status.FAILED, None)
    finally:
        here.close()
    return desk


def listed(hg: Run, *options: str) -> Any:
    return {row["article"]: row for row in hg("alerts", "list", *options, "--format", "json").json}


@pytest.mark.usefixtures("alerted")
def test_deliveries_are_listed_newest_first(hg: Run) -> None:
    answer = hg("alerts", "list", "--format", "json")
    assert answer.status == 0
    assert [(row["article"], row["status"]) for row in answer.json] == [("a2", "failed"), ("a1", "delivered")]
    table = hg("alerts", "list")
    assert "2 of 2 deliveries" in table.err
    assert "An auction of tea ended" in table.out


@pytest.mark.usefixtures("alerted")
def test_the_list_is_narrowed(hg: Run) -> None:
    assert listed(hg, "--status", "failed").keys() == {"a2"}
    assert listed(hg, "--topic", "coffee") == {}
    assert listed(hg, "--channel", "desk", "--limit", "1").keys() == {"a2"}


@pytest.mark.usefixtures("alerted")
def test_one_delivery_is_shown_with_every_attempt(hg: Run) -> None:
    found = hg("alerts", "show", listed(hg)["a1"]["id"], "--format", "json").json
    assert found["status"] == "delivered"
    assert [(a["number"], a["outcome"], a["status"]) for a in found["attempts"]] == [
        (1, "http-503", 503),
        (2, "delivered", 204),
    ]
    table = hg("alerts", "show", found["id"]).out
    assert "tea-time" in table
    assert "http-503" in table


@pytest.mark.usefixtures("alerted")
def test_an_unknown_alert_is_wrong_use(hg: Run) -> None:
    for arguments in (["show", "nonesuch"], ["retry", "nonesuch"]):
        answer = hg("alerts", *arguments)
        assert answer.status == 2
        assert answer.err == "heliograph: no alert has the id 'nonesuch': `heliograph alerts list` names them\n"


@pytest.mark.usefixtures("alerted")
def test_what_was_given_up_is_made_due_again(hg: Run) -> None:
    answer = hg("alerts", "retry", "--failed")
    assert (answer.status, answer.out) == (0, "1 to be sent again\n")
    again = listed(hg)["a2"]
    assert (again["status"], again["tries"]) == ("pending", 0)
    assert hg("alerts", "retry", "--failed").status == 1


@pytest.mark.usefixtures("alerted")
def test_a_delivery_is_retried_by_its_id(hg: Run) -> None:
    assert hg("alerts", "retry", listed(hg)["a2"]["id"]).status == 0
    assert listed(hg)["a2"]["status"] == "pending"


@pytest.mark.usefixtures("alerted")
def test_what_was_delivered_is_not_sent_twice(hg: Run) -> None:
    answer = hg("alerts", "retry", listed(hg)["a1"]["id"])
    assert answer.status == 1
    assert "is delivered" in answer.err
    assert listed(hg)["a1"]["status"] == "delivered"


@pytest.mark.usefixtures("alerted")
def test_one_unknown_id_retries_none(hg: Run) -> None:
    assert hg("alerts", "retry", listed(hg)["a2"]["id"], "nonesuch").status == 2
    assert listed(hg)["a2"]["status"] == "failed"


@pytest.mark.parametrize(
    "arguments",
    [["retry"], ["retry", "x", "--failed"], ["retry", "x", "--channel", "desk"], ["silence", "--topic", "tea"]],
)
@pytest.mark.usefixtures("alerted")
def test_wrong_use_is_one_line(hg: Run, arguments: list[str]) -> None:
    answer = hg("alerts", *arguments)
    assert answer.status == 2
    assert len(answer.err.splitlines()) == 1


def test_before_the_first_start_nothing_is_listed_and_nothing_made(hg: Run, folder: Path) -> None:
    assert hg("alerts", "list", "--format", "json").json == []
    assert hg("alerts", "show", "x").status == 2
    assert hg("alerts", "retry", "--failed").status == 1
    assert list(folder.iterdir()) == []


@pytest.mark.usefixtures("alerted")
def test_channels_are_listed_without_their_secrets(hg: Run) -> None:
    answer = hg("alerts", "channels", "list", "--format", "json")
    (row,) = answer.json
    assert (row["name"], row["type"], row["policies"]) == ("desk", "webhook", ["tea-time"])
    assert "whsec" not in answer.out
    assert "/hook" not in answer.out


@pytest.mark.usefixtures("alerted")
def test_a_channel_is_tested_with_a_message_that_says_so(hg: Run, site: Site) -> None:
    answer = hg("alerts", "channels", "test", "desk")
    assert (answer.status, answer.out) == (0, "desk took the test message (HTTP 200)\n")
    (body,) = site.posted
    assert "test" in json.loads(body)["data"]["topic"]


@pytest.mark.usefixtures("alerted")
def test_a_channel_that_refuses_is_a_negative_answer(hg: Run, site: Site) -> None:
    site.pages["/hook"] = (500, "text/plain", b"")
    answer = hg("alerts", "channels", "test", "desk")
    assert answer.status == 1
    assert "500" in answer.err
    assert len(answer.err.splitlines()) == 1


@pytest.mark.usefixtures("site")
def test_a_channel_that_is_away_is_a_negative_answer(hg: Run, folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    (folder / "heliograph.toml").write_text(SETTINGS.format(url=url), encoding="utf-8")
    answer = hg("alerts", "channels", "test", "desk")
    assert answer.status == 1
    assert "desk" in answer.err or "127.0.0.1" in answer.err


@pytest.mark.usefixtures("alerted")
def test_an_unknown_channel_names_those_there_are(hg: Run) -> None:
    answer = hg("alerts", "channels", "test", "dsek")
    assert answer.status == 2
    assert "desk" in answer.err


def test_a_wrong_channel_in_the_settings_is_named(hg: Run, folder: Path) -> None:
    (folder / "heliograph.toml").write_text('[[channels]]\nname = "x"\ntype = "pigeon"\n', encoding="utf-8")
    answer = hg("alerts", "channels", "list")
    assert answer.status == 2
    assert "pigeon" in answer.err
