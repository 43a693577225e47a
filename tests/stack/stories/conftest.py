"""The end-to-end stories of the embedded tier, told again on Kafka, Faust and Elasticsearch: only settings differ."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.stack.elastic import Cluster
from tests.stack.kafka import drop_topics, kafka_settings


@pytest.fixture(autouse=True)
def servers(kafka_bootstrap: str, elasticsearch_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Set the distributed tier, on topics and indices of this test's own, in the environment of what it starts."""
    kafka, cluster = kafka_settings(kafka_bootstrap), Cluster(elasticsearch_url)
    for name, value in {
        "TIER": "distributed",
        "KAFKA__BOOTSTRAP": kafka.bootstrap,
        "KAFKA__TOPIC_PREFIX": kafka.topic_prefix,
        "ELASTICSEARCH__URL": cluster.url,
        "ELASTICSEARCH__INDEX_PREFIX": cluster.prefix,
    }.items():
        monkeypatch.setenv(f"HELIOGRAPH_{name}", value)
    yield
    drop_topics(kafka)
    cluster.clean()
