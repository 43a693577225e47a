"""`heliograph run` as a process: ready, answering, stopped by a signal; wrong use is one line."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest


def run(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    (folder / "heliograph.toml").write_text('sources = "none"\n')
    command = [sys.executable, "-m", "heliograph", "run", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_program_says_when_it_is_ready_answers_and_stops_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    program = run(tmp_path, "--port", "0", "--data", "here")
    assert program.stdout is not None
    said = program.stdout.readline()
    assert said.startswith("Heliograph is ready on http://127.0.0.1:")
    with urllib.request.urlopen(said.split()[4].rstrip(";") + "/readyz", timeout=20) as answer:
        assert json.load(answer)["ready"]
    program.send_signal(number)
    out, errors = program.communicate(timeout=20)
    assert (program.returncode, out) == (0, "")
    assert "Traceback" not in errors
    assert (tmp_path / "here" / "log.sqlite").is_file()


def test_a_taken_port_is_one_line_and_exit_2(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        program = run(tmp_path, "--port", str(taken.getsockname()[1]))
        _, errors = program.communicate(timeout=30)
    assert program.returncode == 2
    assert len(errors.strip().splitlines()) == 1
    assert str(taken) not in errors


@pytest.mark.parametrize(
    ("arguments", "status", "expected"),
    [
        (["bogus"], 2, "no service 'bogus'; known: ingest, detect"),
        (["--tier", "cloud"], 2, "setting 'tier'"),
        (["--config", "nowhere.toml"], 2, "no such settings file"),
    ],
)
def test_wrong_use_is_one_line(tmp_path: Path, arguments: list[str], status: int, expected: str) -> None:
    program = run(tmp_path, *arguments)
    out, errors = program.communicate(timeout=30)
    assert program.returncode == status
    assert expected in errors
    assert len(errors.strip().splitlines()) == 1
    assert out == ""


def test_a_second_program_on_the_same_folder_is_refused_and_says_why(tmp_path: Path) -> None:
    first = run(tmp_path, "--port", "0")
    assert first.stdout is not None
    assert "ready" in first.stdout.readline()
    second = run(tmp_path, "--port", "0")
    _, errors = second.communicate(timeout=30)
    first.send_signal(signal.SIGTERM)
    first.communicate(timeout=20)
    assert second.returncode == 1
    assert "lock" in errors or "another process" in errors
    assert len(errors.strip().splitlines()) == 1


def test_services_can_run_as_processes_of_their_own(tmp_path: Path) -> None:
    workers = [run(tmp_path, "detect", "stories"), run(tmp_path, "index"), run(tmp_path, "web", "--port", "0")]
    for worker in workers:
        assert worker.stdout is not None
        assert "ready" in worker.stdout.readline()
    for worker in workers:
        worker.send_signal(signal.SIGTERM)
        _, errors = worker.communicate(timeout=20)
        assert worker.returncode == 0, errors
