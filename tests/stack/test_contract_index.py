"""Every promise of `heliograph.index.port.Index`, kept by Elasticsearch."""

from collections.abc import Iterator

import pytest
from tests.contract import test_index as suite
from tests.stack.contract import claims
from tests.stack.elastic import Cluster

from heliograph.index.port import Index

globals().update(claims(suite, "index"))


@pytest.fixture
def index(elasticsearch_url: str) -> Iterator[Index]:
    cluster = Cluster(elasticsearch_url)
    yield cluster.index()
    cluster.clean()
