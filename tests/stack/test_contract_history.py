"""Every promise of `heliograph.alert.port.AlertStore`, kept by Elasticsearch."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest

from heliograph.alert.history_elastic import ElasticHistory
from heliograph.alert.port import AlertStore
from heliograph.runtime.elastic import connect
from heliograph.schemas import load_schema
from heliograph.settings import ElasticsearchSettings
from tests.contract import test_history as suite
from tests.stack.contract import claims

globals().update(claims(suite, "store"))


@pytest.fixture
def store(elasticsearch_url: str) -> Iterator[AlertStore]:
    access, prefix = ElasticsearchSettings(url=elasticsearch_url), f"test-{uuid4().hex}-"
    store = ElasticHistory(access, prefix=prefix, replicas=0, schema=load_schema("elasticsearch/alerts.json"))
    yield store
    store.close()
    client = connect(access)
    client.indices.delete(index=f"{prefix}alerts")
    client.indices.delete_index_template(name=f"{prefix}alerts")
    client.close()
