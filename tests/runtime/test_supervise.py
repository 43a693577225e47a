from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from heliograph.errors import LogUnavailable
from heliograph.runtime.metrics import Metrics
from heliograph.runtime.retry import Backoff
from heliograph.runtime.supervise import Supervisor

SOON = Backoff(first=0.001, most=0.01)
PATIENCE = 20.0


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def supervisor(metrics: Metrics) -> Iterator[Supervisor]:
    supervisor = Supervisor(metrics, SOON)
    yield supervisor
    assert supervisor.stop(PATIENCE) == []


class Flaky:
    """Ends as it is told, once for each ending, and then runs until it is asked to stop."""

    def __init__(self, *endings: Exception | None) -> None:
        self._endings = iter(endings)
        self.runs = threading.Event()

    def __call__(self, stop: threading.Event) -> None:
        for ending in self._endings:
            if ending is not None:
                raise ending
            return
        self.runs.set()
        stop.wait()


def restarts(metrics: Metrics, task: str) -> float:
    return metrics.registry.get_sample_value("heliograph_task_restarts_total", {"task": task}) or 0.0


def test_a_task_that_dies_runs_again_and_is_counted(supervisor: Supervisor, metrics: Metrics) -> None:
    task = Flaky(ValueError("one"), KeyError("two"))
    supervisor.add("flaky", task)
    with capture_logs() as lines:
        supervisor.start()
        assert task.runs.wait(PATIENCE)
    (state,) = supervisor.tasks
    assert (state.alive, state.restarts, state.last_error) == (True, 2, "KeyError: 'two'")
    assert restarts(metrics, "flaky") == 2
    assert [(line["event"], line.get("exc_info")) for line in lines] == [("task died", True)] * 2


def test_a_task_that_returns_unasked_counts_as_dead(supervisor: Supervisor, metrics: Metrics) -> None:
    task = Flaky(None)
    supervisor.add("brief", task)
    supervisor.start()
    assert task.runs.wait(PATIENCE)
    assert restarts(metrics, "brief") == 1
    assert supervisor.tasks[0].last_error == "returned without being asked to stop"


def test_a_server_that_is_away_is_one_line_and_no_traceback(supervisor: Supervisor, metrics: Metrics) -> None:
    task = Flaky(LogUnavailable("Kafka at 127.0.0.1:9 does not answer"))
    supervisor.add("reader", task)
    with capture_logs() as lines:
        supervisor.start()
        assert task.runs.wait(PATIENCE)
    (line,) = lines
    assert line["log_level"] == "warning"
    assert line["error"] == "Kafka at 127.0.0.1:9 does not answer"
    assert "exc_info" not in line
    assert restarts(metrics, "reader") == 1


def test_a_stop_names_the_tasks_that_do_not_end(metrics: Metrics) -> None:
    supervisor, released = Supervisor(metrics, SOON), threading.Event()
    supervisor.add("obstinate", lambda _: assert_set(released))
    supervisor.add("polite", Flaky())
    supervisor.start()
    assert supervisor.stop(0.05) == ["obstinate"]
    released.set()
    assert supervisor.stop(PATIENCE) == []


def assert_set(event: threading.Event) -> None:
    assert event.wait(PATIENCE)
