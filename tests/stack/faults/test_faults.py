"""Faults while articles flow: nothing that was acknowledged is lost, nothing is doubled, and work was cut off.

Few of each; `faults.py` does as many as it is told to.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from deploy.stack.stack import Stack
from tests.stack.faults.faults import run
from tests.stack.faults.kinds import VICTIMS

pytestmark = pytest.mark.timeout(1200)


@pytest.fixture(scope="module")
def cluster(make_module_stack: Callable[..., Stack]) -> Stack:
    """Three brokers and an Elasticsearch that these tests may kill."""
    made = make_module_stack(brokers=3)
    made.up()
    return made


@pytest.fixture
def shared(kafka_bootstrap: str, elasticsearch_url: str, tmp_path: Path) -> dict[str, Any]:
    return {"bootstrap": kafka_bootstrap, "url": elasticsearch_url, "folder": tmp_path}


@pytest.fixture
def own(cluster: Stack, tmp_path: Path) -> dict[str, Any]:
    return {"bootstrap": cluster.bootstrap, "url": cluster.url, "stack": cluster, "folder": tmp_path}


def held(figures: dict[str, Any]) -> dict[str, Any]:
    """Return the figures of a run in which every promise was kept, and which had work to do again."""
    print(figures)
    assert figures["wrong"] == []
    assert figures["reprocessed"] > 0, "nothing was cut off: the fault does not bite"
    return figures


def test_services_killed_in_turn_lose_and_double_nothing(shared: dict[str, Any]) -> None:
    figures = held(run("kill-service", times=2, articles=1500, **shared))
    assert figures["kills"] == 2 * len(VICTIMS)


def test_replies_lost_on_the_way_from_elasticsearch_double_nothing(shared: dict[str, Any]) -> None:
    figures = held(run("lose-replies", times=6, articles=900, **shared))
    assert min(figures["lost_replies"].values()) >= 2


def test_work_waits_while_elasticsearch_is_away(shared: dict[str, Any]) -> None:
    figures = held(run("elasticsearch-away", times=1, articles=1000, away=8.0, **shared))
    assert min(figures["refused_requests"].values()) > 0


def test_members_that_come_and_go_lose_and_double_nothing(shared: dict[str, Any]) -> None:
    figures = held(run("rebalance", times=4, articles=1000, **shared))
    assert figures["noted"]["rebalances"] >= 8


def test_brokers_killed_in_turn_lose_and_double_nothing(own: dict[str, Any]) -> None:
    assert run("kill-broker", times=2, articles=1000, **own)["wrong"] == []


def test_brokers_that_stand_still_in_turn_lose_and_double_nothing(own: dict[str, Any]) -> None:
    assert run("stop-broker", times=2, articles=1000, **own)["wrong"] == []


def test_elasticsearch_killed_loses_and_doubles_nothing(own: dict[str, Any]) -> None:
    held(run("kill-elasticsearch", times=1, articles=1000, **own))
