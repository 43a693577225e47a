"""The program where nobody installed the clients of the distributed tier: `pip install heliograph`, without extras."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

# Read by every interpreter that is started with its folder in PYTHONPATH, children of the program included.
ABSENT = """
import sys
from importlib import metadata

PACKAGES = {"kafka", "aiokafka", "faust", "mode", "elasticsearch", "elastic_transport"}
DISTRIBUTIONS = {"kafka-python", "aiokafka", "faust-streaming", "mode-streaming", "elasticsearch", "elastic-transport"}


class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in PACKAGES:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def from_name(name, found=metadata.Distribution.from_name):
    if name in DISTRIBUTIONS:
        raise metadata.PackageNotFoundError(name)
    return found(name)


sys.meta_path.insert(0, Absent())
metadata.Distribution.from_name = from_name
"""
TOLD = "tier distributed needs kafka-python: pip install 'heliograph[distributed]'"


@pytest.fixture
def bare(tmp_path: Path) -> dict[str, str]:
    """An environment in which the clients are not there."""
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / "sitecustomize.py").write_text(ABSENT)
    return {**os.environ, "PYTHONPATH": str(tmp_path / "bare")}  # noqa: TID251 - handed on, not read


def python(environment: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def heliograph(environment: dict[str, str], *words: str, **more: Any) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "heliograph", *words]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)


@pytest.mark.parametrize("package", ["kafka", "aiokafka", "faust", "elasticsearch"])
def test_the_clients_are_hidden_from_what_is_tested_here(bare: dict[str, str], package: str) -> None:
    assert "ModuleNotFoundError" in python(bare, "-c", f"import {package}").stderr


@pytest.mark.parametrize("name", ["kafka-python", "faust-streaming", "elasticsearch"])
def test_so_is_what_pip_knows_of_them(bare: dict[str, str], name: str) -> None:
    found = python(bare, "-c", f"from importlib.metadata import version; version({name!r})")
    assert "PackageNotFoundError" in found.stderr


def test_the_embedded_tier_starts_answers_and_stops(bare: dict[str, str]) -> None:
    with heliograph(bare, "run", "--port", "0") as program:
        assert program.stdout is not None
        said = program.stdout.readline()
        assert said.startswith("Heliograph is ready on http://127.0.0.1:"), program.communicate(timeout=20)[1]
        with urllib.request.urlopen(said.split()[4].rstrip(";"), timeout=20) as answer:
            assert answer.status == 200
            assert "Heliograph" in answer.read().decode()
        program.send_signal(signal.SIGTERM)
        _, errors = program.communicate(timeout=20)
    assert program.returncode == 0
    assert "Traceback" not in errors


@pytest.mark.parametrize("words", [["run", "--tier", "distributed"], ["run", "detect", "--tier", "distributed"]])
def test_the_distributed_tier_says_in_one_line_what_to_install(bare: dict[str, str], words: list[str]) -> None:
    with heliograph(bare, *words) as program:
        out, errors = program.communicate(timeout=60)
    assert (program.returncode, out) == (2, "")
    assert errors == f"heliograph: {TOLD}\n"


@pytest.mark.usefixtures("filled")
def test_so_does_a_migration(bare: dict[str, str]) -> None:
    with heliograph(bare, "migrate", "--to", "distributed") as program:
        out, errors = program.communicate(timeout=60)
    assert (program.returncode, out) == (2, "")
    assert errors == f"heliograph: {TOLD}\n"


def test_so_does_the_demo(bare: dict[str, str]) -> None:
    with heliograph(bare, "demo", "--tier", "distributed") as program:
        out, errors = program.communicate(timeout=60)
    assert (program.returncode, out) == (2, "")
    assert errors.splitlines()[-1] == f"heliograph: {TOLD}"
    assert "Traceback" not in errors


def test_the_doctor_finds_it_where_the_settings_ask_for_that_tier(bare: dict[str, str]) -> None:
    with heliograph({**bare, "HELIOGRAPH_TIER": "distributed"}, "doctor", "--format", "csv") as program:
        out, _ = program.communicate(timeout=60)
    assert program.returncode == 1
    assert f"settings,fail,{TOLD},correct the settings" in out.splitlines()
