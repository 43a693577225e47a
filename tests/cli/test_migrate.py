"""`heliograph migrate` where nothing can be moved: one line that says why, and nothing is touched."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Answer, Desk, Run


@pytest.fixture
def nobody() -> Iterator[str]:
    """An address that refuses connections: somebody holds it and does not listen."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{held.getsockname()[1]}"


def refused(answer: Answer, status: int, *words: str) -> None:
    assert answer.status == status
    assert answer.out == ""
    assert len(answer.err.splitlines()) == 1, answer.err
    assert [word for word in words if word not in answer.err] == []


@pytest.mark.usefixtures("folder")
def test_there_is_one_way_alone(hg: Run) -> None:
    refused(hg("migrate", "--to", "embedded"), 2, "--to embedded", "going back is a restore")


def test_a_folder_without_an_installation_is_refused_and_stays_empty(hg: Run, folder: Path) -> None:
    refused(hg("migrate", "--to", "distributed", "--data", "elsewhere"), 2, "elsewhere holds no installation", "--data")
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("services", [[], ["ingest"], ["detect", "stories"], ["alert"], ["index"]])
def test_a_folder_that_a_program_uses_is_refused_whichever_of_its_services_run(
    hg: Run, filled: Desk, services: list[str]
) -> None:
    command = [sys.executable, "-m", "heliograph", "run", *services, "--port", "0", "--data", str(filled.data)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as program:
        assert program.stdout is not None
        assert "ready" in program.stdout.readline()
        try:
            answer = hg("migrate", "--to", "distributed", "--data", filled.data)
        finally:
            program.send_signal(signal.SIGTERM)
            program.communicate(timeout=20)
    refused(answer, 2, f"{filled.data} is in use", "stop `heliograph run` first")


def test_brokers_that_are_away_are_one_line(
    hg: Run, filled: Desk, nobody: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HELIOGRAPH_KAFKA__BOOTSTRAP", nobody)
    monkeypatch.setenv("HELIOGRAPH_KAFKA__APPEND_TIMEOUT", "1s")
    refused(hg("migrate", "--to", "distributed", "--data", filled.data), 1, f"Kafka at {nobody}", "kafka.bootstrap")


def test_a_damaged_store_is_named_and_not_taken_for_one_in_use(
    hg: Run, filled: Desk, nobody: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HELIOGRAPH_KAFKA__BOOTSTRAP", nobody)
    monkeypatch.setenv("HELIOGRAPH_KAFKA__APPEND_TIMEOUT", "1s")
    for beside in filled.data.glob("ledger.sqlite-*"):
        beside.unlink()
    (filled.data / "ledger.sqlite").write_bytes(b"SQLite format 3\x00" + b"\xa5" * 8192)
    answer = hg("migrate", "--to", "distributed", "--data", filled.data)
    refused(answer, 1, "ledger.sqlite")
    assert "in use" not in answer.err
