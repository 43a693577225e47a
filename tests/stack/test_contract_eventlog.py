"""Every promise of `heliograph.eventlog.port.EventLog`, kept by Kafka."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.contract import test_eventlog as suite
from tests.contract.test_eventlog import Clock
from tests.stack.contract import claims
from tests.stack.kafka import kafka_log

from heliograph.eventlog.port import EventLog

globals().update(claims(suite, "log"))


@pytest.fixture
def log(kafka_bootstrap: str, clock: Clock) -> Iterator[EventLog]:
    # One partition each: the suite's keys are many, and its claims are of the order within a partition.
    with kafka_log(kafka_bootstrap, partitions=1, now=clock) as log:
        yield log


@pytest.fixture
def drops_repeats() -> bool:
    return False
