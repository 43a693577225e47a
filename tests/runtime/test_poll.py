"""What is PollRunner's own; its promises as a runner stand in tests/contract/test_runner.py."""

from __future__ import annotations

import pytest
from tests.contract.runners import QUICK, Under, copy_of, entry, run

from heliograph.eventlog.memory import MemoryLog
from heliograph.eventlog.port import Message
from heliograph.runtime.poll import PollRunner
from heliograph.runtime.retry import Backoff


def test_a_reader_that_breaks_is_opened_anew_and_loses_nothing() -> None:
    class Broken(MemoryLog):
        deaths = 2

        def after(self, topic: str, offset: int, limit: int, timeout: float) -> list[Message]:
            if self.deaths:
                self.deaths -= 1
                raise RuntimeError("reader broke")
            return super().after(topic, offset, limit, timeout)

    under = Under(Broken(), lambda log, steps, metrics: PollRunner(log, steps, metrics, backoff=QUICK))
    bench = run(under, copy_of, entry("a"))
    assert bench.sunk() == ["out-a"]
    assert bench.metric("heliograph_task_restarts_total", task="scripted") == 2


@pytest.mark.parametrize("failures", [1, 2, 10, 10_000])
def test_back_off_grows_but_never_past_its_cap(failures: int) -> None:
    backoff = Backoff(first=0.5, most=30)
    assert 0 < backoff.delay(failures, 0.99) <= backoff.delay(failures, 0.0) <= 30
