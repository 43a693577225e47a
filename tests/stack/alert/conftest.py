"""An alert history of the test's own on the shared node, directly and through a proxy that loses answers."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest
from tests.alert.conftest import Receiver
from tests.stack.alert.workers import open_history
from tests.stack.lossy import Lossy

from heliograph.alert.history_elastic import ElasticHistory
from heliograph.runtime.elastic import connect
from heliograph.settings import ElasticsearchSettings


@pytest.fixture
def prefix(elasticsearch_url: str) -> Iterator[str]:
    prefix = f"test-{uuid4().hex}-"
    yield prefix
    client = connect(ElasticsearchSettings(url=elasticsearch_url))
    client.indices.delete(index=f"{prefix}alerts", ignore_unavailable=True)
    client.indices.delete_index_template(name=f"{prefix}alerts")
    client.close()


@pytest.fixture
def history(elasticsearch_url: str, prefix: str) -> Iterator[ElasticHistory]:
    history = open_history(elasticsearch_url, prefix)
    yield history
    history.close()


@pytest.fixture
def lossy(elasticsearch_url: str) -> Iterator[Lossy]:
    proxy = Lossy(elasticsearch_url)
    yield proxy
    proxy.close()


@pytest.fixture
def remote(lossy: Lossy, prefix: str) -> Iterator[ElasticHistory]:
    """The same history through the proxy."""
    remote = open_history(lossy.url, prefix)
    yield remote
    remote.close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()
