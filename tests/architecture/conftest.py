"""What the checks of the house look at."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def tracked() -> list[Path]:
    """Every text file that is under version control, or would be: new files count before they are added."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout: nothing says which files belong to the product")
    listed = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, capture_output=True, check=True).stdout.decode().split("\0")
    paths = [ROOT / name for name in names if name]
    return [path for path in paths if path.is_file() and b"\0" not in path.read_bytes()[:8192]]


@pytest.fixture
def fresh(tmp_path: Path) -> Callable[[str], str]:
    """Run code in an interpreter of its own, in an empty folder; return what it printed, or fail with its errors."""

    def run(code: str) -> str:
        command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(ROOT / 'services')!r})\n{code}"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
