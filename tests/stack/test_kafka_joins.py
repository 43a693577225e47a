"""A member that polls for moments at a time joins all the same: a poll goes on with what the last one began."""

from __future__ import annotations

import pytest
from tests.contract.test_eventlog import entries
from tests.stack.kafka import kafka_log


@pytest.mark.parametrize("moment", [0.001, 0.005, 0.02, 0.05])
def test_a_reader_joins_however_short_its_reads(kafka_bootstrap: str, moment: float) -> None:
    with kafka_log(kafka_bootstrap) as log:
        log.append("articles", entries("a", "b", "c"))
        reader = log.reader("articles", "g")
        read: set[str] = set()
        for _ in range(int(20 / moment)):
            read |= {message.id for message in reader.read(10, moment)}
            if len(read) == 3:
                break
        assert read == {"a", "b", "c"}
