"""`deploy/stack` itself: what it starts serves, keeps its data, loses a broker and takes it back."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from deploy.stack.jars import default_environment
from deploy.stack.process import await_that
from deploy.stack.stack import Stack, StackError
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.admin import NewTopic
from kafka.errors import KafkaError

SCRIPT = Path(__file__).resolve().parents[2] / "deploy" / "stack" / "stack.py"


class Shell:
    """The command line over a stack of its own; ports and folder as a person would set them."""

    def __init__(self, folder: Path) -> None:
        self.settings = {"STACK_STATE": str(folder)}

    def __call__(self, *verb: str, **settings: str) -> subprocess.CompletedProcess[str]:
        given = {name: value for name, value in default_environment().items() if not name.startswith("STACK_")}
        command = [sys.executable, str(SCRIPT), *verb]
        given |= {**self.settings, **settings}
        return subprocess.run(command, env=given, capture_output=True, text=True, check=False)

    def json(self, *verb: str) -> dict[str, Any]:
        done = self(*verb, "--json")
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    shell = Shell(tmp_path / "stack")
    yield shell
    assert shell("down").returncode == 0


def send(bootstrap: str, topic: str, values: range) -> None:
    """Write numbers, and return when every one is acknowledged by all replicas in sync."""
    producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True)
    try:
        sent = [producer.send(topic, str(value).encode()) for value in values]
        for future in sent:
            future.get(timeout=60)
    finally:
        producer.close(timeout=10)


def received(bootstrap: str, topic: str, count: int) -> list[int]:
    """Read a topic from its beginning until so many records have come."""
    consumer = KafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest", enable_auto_commit=False)
    values: list[int] = []
    try:
        while len(values) < count:
            got = consumer.poll(timeout_ms=20_000)
            assert got, f"{len(values)} of {count} records came"
            values += [int(record.value) for records in got.values() for record in records]
    finally:
        consumer.close()
    return sorted(values)


def create(bootstrap: str, topic: str, replication: int) -> None:
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        admin.create_topics([NewTopic(name=topic, num_partitions=1, replication_factor=replication)])
        admin.wait_for_topics([topic])
    finally:
        admin.close()


def call(url: str, body: object = None) -> dict[str, Any]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"content-type": "application/json"}, method="PUT" if data else "GET")
    with urllib.request.urlopen(request, timeout=60) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def test_two_ups_at_once_start_one_stack_and_its_data_survive_down_and_up(shell: Shell) -> None:
    with ThreadPoolExecutor() as pool:
        first, second = pool.map(lambda _: shell.json("up"), range(2))
    assert first == second, "both tell of the same processes"
    assert {name: node["state"] for name, node in first["nodes"].items()} == {
        "kafka-1": "running",
        "elasticsearch": "running",
    }
    settings = first["settings"]
    bootstrap, url = settings["HELIOGRAPH_KAFKA__BOOTSTRAP"], settings["HELIOGRAPH_ELASTICSEARCH__URL"]
    create(bootstrap, "kept", 1)
    send(bootstrap, "kept", range(100))
    call(f"{url}/kept/_doc/1", {"text": "kept"})

    assert "ended kafka-1, elasticsearch" in shell("down").stderr
    assert "nothing runs" in shell("down").stderr
    assert shell("status").returncode == 1

    again = shell.json("up")
    assert again["settings"] == settings, "who was told an address can go on using it"
    assert {node["pid"] for node in again["nodes"].values()}.isdisjoint(node["pid"] for node in first["nodes"].values())
    assert received(bootstrap, "kept", 100) == list(range(100))
    assert call(f"{url}/kept/_doc/1")["_source"] == {"text": "kept"}


def test_up_prints_the_settings_for_a_shell_and_takes_no_port_of_another(shell: Shell) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = str(server.getsockname()[1])
        refused = shell("up", "--only", "kafka", STACK_KAFKA_PORT=taken)
        assert refused.returncode == 2
        assert (
            refused.stderr
            == f"stack: port {taken} (STACK_KAFKA_PORT) is in use; end what listens there, or choose another\n"
        )
    port = shell("up", "--only", "kafka").stdout.strip().rpartition(":")[2]
    assert shell("down").returncode == 0
    with socket.create_server(("127.0.0.1", int(port))):
        moved = shell("up", "--only", "kafka").stdout.strip()
    assert moved.startswith("export HELIOGRAPH_KAFKA__BOOTSTRAP=127.0.0.1:")
    assert not moved.endswith(f":{port}"), "its port of before was taken meanwhile"


def test_a_node_that_cannot_start_is_told_with_its_last_words(shell: Shell) -> None:
    failed = shell("up", "--only", "elasticsearch", STACK_ELASTICSEARCH_HEAP="1k")
    assert failed.returncode == 2
    assert "elasticsearch ended while it started: " in failed.stderr
    assert "output.log" in failed.stderr


@pytest.fixture(scope="module")
def cluster(make_module_stack: Callable[..., Stack]) -> Stack:
    cluster = make_module_stack(brokers=3)
    cluster.up(only="kafka")
    return cluster


def in_sync(bootstrap: str, topic: str) -> set[int]:
    """Return the brokers whose copy of the topic is complete; none where a broker that is away was asked."""
    try:
        admin = KafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=5_000)
    except KafkaError:
        return set()
    try:
        (described,) = admin.describe_topics([topic])
        return set(described["partitions"][0]["isr_nodes"])
    except KafkaError:
        return set()
    finally:
        admin.close()


def test_a_killed_broker_costs_nothing_that_was_acknowledged_and_rejoins(cluster: Stack) -> None:
    topic = "rejoin"
    create(cluster.bootstrap, topic, 3)
    assert await_that(lambda: in_sync(cluster.bootstrap, topic) == {1, 2, 3}, within=60)
    send(cluster.bootstrap, topic, range(1000))
    cluster.kill("kafka-2")
    assert cluster.status()["kafka-2"]["state"] == "stopped"
    send(cluster.bootstrap, topic, range(1000, 2000))
    assert await_that(lambda: in_sync(cluster.bootstrap, topic) == {1, 3}, within=60)

    cluster.start("kafka-2")
    assert await_that(lambda: in_sync(cluster.bootstrap, topic) == {1, 2, 3}, within=60)
    # Only with what it caught up can two others be missed: the second, which never lagged, and the third.
    cluster.kill("kafka-3")
    send(cluster.bootstrap, topic, range(2000, 3000))
    assert received(cluster.address("kafka-2"), topic, 3000) == list(range(3000))
    cluster.start("kafka-3")


def test_a_paused_broker_is_missed_and_comes_back_by_itself(cluster: Stack) -> None:
    topic = "pause"
    create(cluster.bootstrap, topic, 3)
    assert await_that(lambda: in_sync(cluster.bootstrap, topic) == {1, 2, 3}, within=60)
    cluster.pause("kafka-3")
    awake = ",".join(cluster.address(name) for name in ("kafka-1", "kafka-2"))
    assert await_that(lambda: in_sync(awake, topic) == {1, 2}, within=90)
    send(awake, topic, range(100))
    cluster.resume("kafka-3")
    assert await_that(lambda: in_sync(awake, topic) == {1, 2, 3}, within=90)
    assert received(cluster.bootstrap, topic, 100) == list(range(100))


def test_a_broker_does_not_move_while_its_neighbours_look_for_it(cluster: Stack) -> None:
    cluster.stop("kafka-2")
    port = int(cluster.address("kafka-2").rpartition(":")[2])
    with socket.create_server(("127.0.0.1", port)), pytest.raises(StackError, match="cannot move from port"):
        cluster.start("kafka-2")
    cluster.start("kafka-2")
