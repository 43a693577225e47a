"""Every promise of `heliograph.alert.port.AlertStore`, kept by Elasticsearch."""

from __future__ import annotations

import pytest
from tests.contract import test_history as suite
from tests.stack.contract import claims

from heliograph.alert.history_elastic import ElasticHistory
from heliograph.alert.port import AlertStore

globals().update(claims(suite, "store"))


@pytest.fixture
def store(history: ElasticHistory) -> AlertStore:
    return history
