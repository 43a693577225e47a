"""The Makefile calls what there is: a target whose command is gone fails at a user's first try."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from heliograph.cli import verbs

CALLS = re.compile(r"^\t@?\$\(BIN\)/(\S+) (.*)$", re.MULTILINE)


def calls(root: Path) -> list[tuple[str, str]]:
    """Return (program, arguments) of every call of the environment's programs."""
    return CALLS.findall((root / "Makefile").read_text())


def test_every_verb_that_make_calls_is_one(root: Path) -> None:
    called = [arguments.split()[0] for program, arguments in calls(root) if program == "heliograph"]
    assert {"run", "demo"} <= set(called) <= set(verbs())


def test_every_script_that_make_runs_is_there(root: Path) -> None:
    scripts = [arguments.split()[0] for program, arguments in calls(root) if program == "python"]
    scripts = [script for script in scripts if not script.startswith("-")]
    assert scripts
    assert [script for script in scripts if not (root / script).is_file()] == []


@pytest.mark.parametrize(
    "target", ["setup", "run", "demo", "check", "test", "test-stack", "bench", "up", "down", "clean"]
)
def test_a_promised_target_is_explained_by_help(target: str, root: Path) -> None:
    make = shutil.which("make")
    assert make, "make is what everything here is called by"
    shown = subprocess.run([make, "help"], cwd=root, capture_output=True, text=True, check=True).stdout
    assert re.search(rf"^\s*make .*\b{target}\b", shown, re.MULTILINE), f"make {target} is not in the help"
