"""Every promise of `heliograph.fetch.port.Ledger`, kept by Kafka."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.contract import test_ledger as suite
from tests.stack.contract import claims
from tests.stack.kafka_feeds import feeds_topic

from heliograph.fetch.ledger_kafka import KafkaLedger
from heliograph.fetch.port import Ledger

globals().update(claims(suite, "ledger"))


@pytest.fixture
def ledger(kafka_bootstrap: str) -> Iterator[Ledger]:
    with feeds_topic(kafka_bootstrap) as access:
        ledger = KafkaLedger(access)
        yield ledger
        ledger.close()
