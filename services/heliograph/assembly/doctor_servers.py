"""What the doctor says of the servers of the distributed tier: do they answer, and are they set up as declared?"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version

from heliograph.assembly.doctor_stores import Finding
from heliograph.assembly.world import World
from heliograph.errors import HeliographError
from heliograph.runtime import elastic, kafka

_CLIENTS = ("kafka-python", "faust-streaming", "elasticsearch")
_OLDEST = (9, 0)
"""The Elasticsearch that the index's queries are held to."""
_PATIENCE_MS = 5_000
MISSING = ": missing"
"""How the line of a topic ends that is not there."""


def clients(_: World) -> Iterator[Finding]:
    """Say which clients are installed."""
    yield Finding("clients", "ok", ", ".join(f"{name} {version(name)}" for name in _CLIENTS))


def brokers(world: World) -> Iterator[Finding]:
    """Ask the brokers who they are, and compare the topics with what is declared."""
    access = world.settings.kafka
    with kafka.named(access, "be asked"):
        admin = kafka.admin(access, request_timeout_ms=_PATIENCE_MS, bootstrap_timeout_ms=_PATIENCE_MS)
        try:
            nodes = admin.describe_cluster()["brokers"]
        finally:
            admin.close()
    here = ", ".join(sorted(f"{node['host']}:{node['port']}" for node in nodes))
    few = len(nodes) < access.replication
    advice = f"start {access.replication} brokers, or set kafka.replication to {len(nodes)}" if few else ""
    yield Finding("brokers", "fail" if few else "ok", f"{len(nodes)} at {here}", advice)
    wrong = world.tier.differences(world.log)
    for line in wrong:
        advice = "a service that starts makes it" if line.endswith(MISSING) else "change it by hand, or accept it"
        yield Finding("topics", "warn", line, advice)
    if not wrong:
        yield Finding("topics", "ok", f"as schemas/kafka/topics.yaml declares them, named {access.topic_prefix}*")


def elasticsearch(world: World) -> Iterator[Finding]:
    """Ask Elasticsearch for its version and for the health of our indices."""
    access = world.settings.elasticsearch
    what = f"Elasticsearch at {elastic.place(access)}"
    client = elastic.connect(access, timeout=_PATIENCE_MS / 1000)
    try:
        with elastic.named(what):
            number = client.info()["version"]["number"]
            health = client.cluster.health(index=f"{access.index_prefix}*")
    finally:
        client.close()
    old = tuple(int(part) for part in number.split(".")[:2]) < _OLDEST
    advice = f"use Elasticsearch {_OLDEST[0]} or newer" if old else ""
    yield Finding("Elasticsearch", "fail" if old else "ok", f"{number} at {elastic.place(access)}", advice)
    status, lost = health["status"], health["unassigned_shards"]
    said = f"{status}, {health['active_primary_shards']} shards of {access.index_prefix}*"
    if status == "red":
        yield Finding("shards", "fail", said, "see GET _cluster/allocation/explain: some documents cannot be reached")
    elif status == "yellow":
        few = f"{said}, {lost} copies nowhere"
        yield Finding("shards", "warn", few, "add a node, or set elasticsearch.replicas to what the nodes can hold")
    else:
        yield Finding("shards", "ok", said)


def begun(world: World) -> bool:
    """Tell whether both answer and every topic is there: only then is there more to ask, and asking makes nothing."""
    try:
        found = [finding for check in (brokers, elasticsearch) for finding in check(world)]
    except HeliographError:
        return False
    return not any(finding.what.endswith(MISSING) for finding in found)
