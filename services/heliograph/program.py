"""The running program: what was composed, started together, watched, and stopped within five seconds."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import structlog

from heliograph.errors import Unavailable
from heliograph.runtime.stage import Runner, StepHealth
from heliograph.runtime.supervise import Supervisor
from heliograph.web.server import WebServer

_log = structlog.get_logger("heliograph")
STOP_WITHIN = 5.0
"""Seconds that a stop takes at most."""


class Program:
    """Tasks, steps and pages of one process.

    `start` returns once pages are served; `stop` first ends what brings work in, then what works on it, then closes
    the stores. What a stop cuts off is done again at the next start.
    """

    def __init__(
        self,
        supervisor: Supervisor,
        runner: Runner,
        server: WebServer | None,
        close: Callable[[], None],
        probes: WebServer | None = None,
    ) -> None:
        self._supervisor, self._runner, self._server, self._close = supervisor, runner, server, close
        self._probes = probes

    @property
    def url(self) -> str:
        """Address of the pages; empty where this process serves none."""
        return self._server.url if self._server is not None else ""

    @property
    def probes_url(self) -> str:
        """Address of the probes and metrics; empty where they have no port of their own."""
        return self._probes.url if self._probes is not None else ""

    def start(self) -> None:
        """Start everything. Raises UsageError where a port is taken."""
        # Servers first, because a taken port is the one thing that only a person can mend.
        if self._probes is not None:
            self._probes.start()
        if self._server is not None:
            self._server.start()
        self._runner.start()
        self._supervisor.start()

    def stop(self) -> None:
        """Stop everything; say in the log what did not end in time."""
        deadline = time.monotonic() + STOP_WITHIN

        def left() -> float:
            return max(0.2, deadline - time.monotonic() - 0.5)

        late = self._supervisor.stop(left())
        self._runner.stop(left())
        for name, server in (("web", self._server), ("probes", self._probes)):
            # The probes last: whoever asks while the rest ends is told that it lives.
            if server is not None and not server.stop(left()):
                late.append(name)
        if late:
            _log.warning("did not end in time", tasks=late)
        self._close()

    def health(self) -> Sequence[StepHealth]:
        """Return how each step and task is doing."""
        tasks = [
            StepHealth(task.name, task.alive, 0, 0.0, "" if task.alive else task.last_error, task.restarts)
            for task in self._supervisor.tasks
        ]
        return [*self._runner.health(), *tasks]


def all_alive(health: Callable[[], Sequence[StepHealth]]) -> str:
    """Return a line where every step and task runs. Raises Unavailable naming those that do not."""
    found = health()
    down = [f"{step.name} ({step.waiting or 'not running'})" for step in found if not step.alive]
    waiting = [f"{step.name}: {step.waiting}" for step in found if step.alive and step.waiting]
    if down or waiting:
        raise Unavailable("; ".join(down + waiting))
    return f"{len(found)} running"
