"""Several runners as one: each step under the runner that suits it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from heliograph.eventlog.port import EventLog
from heliograph.runtime.metrics import Metrics
from heliograph.runtime.stage import Runner, Step, StepHealth

MakeRunner = Callable[[EventLog, Sequence[Step], Metrics], Runner]


class Runners:
    """Keeps the promises of `Runner` by those it is made of; they start in order and stop together."""

    def __init__(self, runners: Sequence[Runner]) -> None:
        self._runners = tuple(runners)

    def start(self) -> None:
        for runner in self._runners:
            runner.start()

    def stop(self, timeout: float = 5.0) -> None:
        """Stop each within what is left of the time; the last ones get 0.2 s at least."""
        deadline = time.monotonic() + timeout
        for runner in self._runners:
            runner.stop(max(0.2, deadline - time.monotonic()))

    def health(self) -> list[StepHealth]:
        return [step for runner in self._runners for step in runner.health()]


def by_sink(stream: MakeRunner, others: MakeRunner, log: EventLog, steps: Sequence[Step], metrics: Metrics) -> Runners:
    """Return one runner: steps that write to the log run under `stream`, those that act elsewhere under `others`."""
    inside = [step for step in steps if step.sink]
    outside = [step for step in steps if not step.sink]
    pairs = ((stream, inside), (others, outside))
    return Runners([make(log, some, metrics) for make, some in pairs if some])
