"""`heliograph doctor` of the distributed tier: what the servers lack, and what to do about it."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from deploy.stack.stack import Stack
from tests.cli import conftest as person
from tests.stack.moving import Servers, servers

from heliograph.assembly.doctor_stores import GROUPS
from heliograph.compose import program, world
from heliograph.core.event import ARTICLES
from heliograph.eventlog.kafka import KafkaLog
from heliograph.eventlog.kafka_topics import declared
from heliograph.eventlog.port import Entry
from heliograph.runtime import kafka as clients
from heliograph.settings import load_settings

if TYPE_CHECKING:
    from tests.cli.conftest import Answer, Run

globals().update({name: getattr(person, name) for name in ("folder", "hg")})

STORES = {"event log", "clock", "ledger", "feeds", "alert history", "index flagged", "index archive"}
SERVERS = {"clients", "brokers", "topics", "Elasticsearch", "shards"}
REST = {"settings", "versions", "data folder", "disk", "definitions", "sources", "channels", "parser", "web"}
STEPS = {f"step {group}" for group, _ in GROUPS}


@pytest.fixture
def there(kafka_bootstrap: str, elasticsearch_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Servers]:
    """Servers of which the settings in the environment speak, without a topic or an index of ours."""
    with servers(kafka_bootstrap, elasticsearch_url) as named:
        present = named.environment(HELIOGRAPH_TIER="distributed", HELIOGRAPH_WEB__PORT="0")
        for name, value in present.items():
            if name.startswith("HELIOGRAPH_"):
                monkeypatch.setenv(name, value)
        yield named


@pytest.fixture
def prepared(there: Servers) -> Servers:
    """The same with everything that a start makes."""
    prepare()
    return there


@pytest.fixture
def nobody() -> Iterator[str]:
    """An address that refuses connections: somebody holds it and does not listen."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{held.getsockname()[1]}"


def prepare() -> None:
    here = world(load_settings())
    try:
        assert list(here.tier.prepare(here.log)) == []
        here.indexes_answer()
        assert not here.alerts.known(["none"])
    finally:
        here.close()


def look(hg: Run, status: int) -> dict[str, Any]:
    """Return what the doctor says, by check; of several findings of one check, the last."""
    answer: Answer = hg("doctor", "--format", "json")
    assert answer.status == status, answer.out + answer.err
    assert all(row.keys() == {"check", "status", "what", "to_do"} for row in answer.json)
    assert [row for row in answer.json if (row["status"] == "ok") is not (row["to_do"] == "")] == [], (
        "advice for the ill"
    )
    return {row["check"]: row for row in answer.json}


def topics(access: clients.Access) -> set[str]:
    admin = clients.admin(access)
    try:
        return {name for name in admin.list_topics() if name.startswith(access.topic_prefix)}
    finally:
        admin.close()


@pytest.mark.usefixtures("prepared")
def test_a_prepared_installation_is_well(hg: Run) -> None:
    found = look(hg, 0)
    assert found.keys() == STORES | SERVERS | REST | STEPS
    assert {row["status"] for row in found.values()} == {"ok"}
    assert {found[step]["what"] for step in STEPS} == {"up to date"}
    assert found["shards"]["what"].startswith("green")


def test_before_the_first_start_the_topics_are_missing_and_stay_so(hg: Run, there: Servers) -> None:
    answer = hg("doctor", "--format", "json")
    missing = {row["what"]: row for row in answer.json if row["check"] == "topics"}
    assert answer.status == 0
    assert missing.keys() == {f"{there.kafka.topic_prefix}{name}: missing" for name in declared()}
    assert {(row["status"], row["to_do"]) for row in missing.values()} == {("warn", "a service that starts makes it")}
    assert topics(there.kafka) == set(), "asking makes nothing"
    assert there.cluster.ask("GET", f"{there.cluster.prefix}*") == {}


def test_a_topic_that_was_deleted_is_named(hg: Run, prepared: Servers) -> None:
    admin = clients.admin(prepared.kafka)
    admin.delete_topics([f"{prepared.kafka.topic_prefix}flagged"])
    admin.close()
    row = look(hg, 0)["topics"]
    assert (row["status"], row["what"]) == ("warn", f"{prepared.kafka.topic_prefix}flagged: missing")
    assert "makes it" in row["to_do"]


def test_a_topic_that_somebody_made_otherwise_is_compared_with_what_is_declared(hg: Run, there: Servers) -> None:
    name, admin = f"{there.kafka.topic_prefix}articles", clients.admin(there.kafka)
    made = {"num_partitions": 2, "replication_factor": 1, "configs": {"retention.ms": "60000"}}
    admin.create_topics({name: made})
    admin.wait_for_topics([name])
    admin.close()
    here = world(load_settings())
    here.tier.prepare(here.log)
    here.close()
    answer = hg("doctor", "--format", "json")
    said = [row for row in answer.json if row["check"] == "topics"]
    assert answer.status == 0
    assert {row["status"] for row in said} == {"warn"}
    assert {row["to_do"] for row in said} == {"change it by hand, or accept it"}
    lines = [row["what"] for row in said]
    assert f"{name}: 2 partitions instead of 12" in lines
    assert f"{name}: retention.ms is 60000, less than 1209600000" in lines
    assert any("max.message.bytes" in line for line in lines)
    assert "event log" in {row["check"] for row in answer.json}, "what is there is looked at all the same"


def test_fewer_brokers_than_copies_asked_for_fail(hg: Run, prepared: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HELIOGRAPH_KAFKA__REPLICATION", "3")
    row = look(hg, 1)["brokers"]
    assert (row["status"], row["what"]) == ("fail", f"1 at {prepared.kafka.bootstrap}")
    assert row["to_do"] == "start 3 brokers, or set kafka.replication to 1"


@pytest.mark.usefixtures("prepared")
def test_brokers_that_do_not_answer_fail_and_elasticsearch_is_looked_at(
    hg: Run, nobody: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HELIOGRAPH_KAFKA__BOOTSTRAP", nobody)
    found = look(hg, 1)
    assert found.keys() == REST | {"clients", "brokers", "Elasticsearch", "shards"}, "stores would say it once more"
    assert found["brokers"]["status"] == "fail"
    assert f"Kafka at {nobody}" in found["brokers"]["what"]
    assert "kafka.bootstrap" in found["brokers"]["what"]
    assert found["Elasticsearch"]["status"] == "ok"


@pytest.mark.usefixtures("prepared")
def test_an_elasticsearch_that_does_not_answer_fails_and_the_brokers_are_looked_at(
    hg: Run, nobody: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HELIOGRAPH_ELASTICSEARCH__URL", f"http://{nobody}")
    found = look(hg, 1)
    assert found.keys() == REST | {"clients", "brokers", "topics", "Elasticsearch"}
    assert found["Elasticsearch"]["status"] == "fail"
    assert f"http://{nobody} is away" in found["Elasticsearch"]["what"]
    assert found["topics"]["status"] == "ok"


def test_copies_that_no_node_holds_are_a_warning(hg: Run, there: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HELIOGRAPH_ELASTICSEARCH__REPLICAS", "1")
    prepare()
    row = look(hg, 0)["shards"]
    assert row["status"] == "warn"
    assert row["what"].startswith("yellow")
    assert there.cluster.prefix in row["what"]
    assert "elasticsearch.replicas" in row["to_do"]


def test_a_group_that_is_far_behind_is_a_warning(hg: Run, prepared: Servers) -> None:
    log = KafkaLog(prepared.kafka, now=lambda: datetime.now(UTC) - timedelta(hours=2))
    log.append(ARTICLES, [Entry("1", "1", b"{}")])
    reader = log.reader(ARTICLES, "index-archive")
    reader.commit(reader.read(10, 60.0))
    log.close()
    found = look(hg, 0)
    assert found["step detect"]["status"] == "warn"
    assert found["step detect"]["what"].startswith("events waiting: 1, the oldest for 7,2")
    assert "heliograph run" in found["step detect"]["to_do"]
    assert found["step index-archive"]["status"] == "ok"


@pytest.mark.usefixtures("prepared")
def test_the_service_is_recognised_although_nothing_of_it_lies_in_the_folder(
    hg: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = program(load_settings(), ["web"])
    running.start()
    try:
        monkeypatch.setenv("HELIOGRAPH_WEB__PORT", running.url.rpartition(":")[2].strip("/"))
        row = look(hg, 0)["web"]
    finally:
        running.stop()
    assert row["status"] == "ok"
    assert "runs and is ready" in row["what"]


@pytest.mark.usefixtures("there")
def test_a_broker_that_has_just_started_is_given_the_moment_it_needs(
    hg: Run, make_stack: Callable[..., Stack], monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = make_stack()
    mine.up(only="kafka")
    monkeypatch.setenv("HELIOGRAPH_KAFKA__BOOTSTRAP", mine.bootstrap)
    prepare()
    try:
        # The first question for a group makes the broker's own topic of groups.
        found = look(hg, 0)
    finally:
        mine.down(grace=2)
    assert {row["status"] for row in found.values()} == {"ok"}
