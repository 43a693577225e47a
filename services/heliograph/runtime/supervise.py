"""Supervised tasks: each in a thread of its own; one that dies is started again, said and counted."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from heliograph.errors import Unavailable
from heliograph.runtime.metrics import Metrics
from heliograph.runtime.retry import Backoff

Run = Callable[[threading.Event], None]
"""A task: runs until the event is set, and returns soon after."""

_log = structlog.get_logger("supervise")
_CALM = 60.0
"""Seconds after which a task that runs again counts as well, so that its next failure starts a new back-off."""


@dataclass
class Task:
    """One supervised task and how it is doing."""

    name: str
    run: Run
    alive: bool = False
    restarts: int = 0
    last_error: str = ""
    thread: threading.Thread | None = field(default=None, repr=False)


class Supervisor:
    """Starts tasks, restarts those that die, stops them all.

    A task that returns although nobody asked it to stop counts as dead too. Restarts wait, longer each time, and never
    end: a task that keeps dying shows in `/readyz`, in the logs and in `heliograph_task_restarts_total`.
    """

    def __init__(self, metrics: Metrics, backoff: Backoff | None = None) -> None:
        self._metrics = metrics
        self._backoff = backoff or Backoff()
        self._stop = threading.Event()
        self.tasks: list[Task] = []

    def add(self, name: str, run: Run) -> None:
        """Register a task; it starts with `start`."""
        self.tasks.append(Task(name, run))

    def start(self) -> None:
        """Start every task."""
        for task in self.tasks:
            task.thread = threading.Thread(target=self._keep_running, args=(task,), name=task.name, daemon=True)
            task.thread.start()

    def stop(self, timeout: float = 5.0) -> list[str]:
        """Ask every task to end and wait `timeout` seconds in all; return the names of those that did not."""
        self._stop.set()
        deadline = time.monotonic() + timeout
        for task in self.tasks:
            if task.thread is not None:
                task.thread.join(max(0.0, deadline - time.monotonic()))
        return [task.name for task in self.tasks if task.thread is not None and task.thread.is_alive()]

    def _keep_running(self, task: Task) -> None:
        failures = 0
        while not self._stop.is_set():
            started = time.monotonic()
            task.alive = True
            self._metrics.task_up.labels(task.name).set(1)
            try:
                task.run(self._stop)
                if self._stop.is_set():
                    break
                task.last_error = "returned without being asked to stop"
                _log.error("task ended", task=task.name)
            except Unavailable as error:
                # Known, and told apart by its line: a traceback a minute for a server that is away hides the rest.
                task.last_error = str(error)
                _log.warning("task waits for what it needs", task=task.name, error=task.last_error)
            except Exception as error:  # noqa: BLE001 - a supervisor outlives whatever its tasks die of; it is said and counted
                task.last_error = f"{type(error).__name__}: {error}"
                _log.exception("task died", task=task.name)
            failures = 1 if time.monotonic() - started > _CALM else failures + 1
            task.alive = False
            task.restarts += 1
            self._metrics.task_up.labels(task.name).set(0)
            self._metrics.task_restarts.labels(task.name).inc()
            self._stop.wait(self._backoff.delay(failures, random.random()))  # noqa: S311 - jitter, not a secret
        task.alive = False
        self._metrics.task_up.labels(task.name).set(0)
