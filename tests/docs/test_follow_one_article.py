"""docs/follow-one-article.md is run from its first block to its last, and prints what it says it prints."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "follow-one-article.md"
_BLOCK = re.compile(r"^```(python|output)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINES_OF_A_SCREEN = 60


def steps(text: str) -> Iterator[tuple[str, int, str]]:
    """Yield each block of code with its line in the page and what the block below says it prints."""
    blocks = list(_BLOCK.finditer(text))
    for number, found in enumerate(blocks):
        if found[1] != "python":
            continue
        below = blocks[number + 1] if number + 1 < len(blocks) else None
        said = below[2] if below is not None and below[1] == "output" else ""
        yield found[2], text.count("\n", 0, found.start(2)), said


def printed(code: str, line: int, names: dict[str, Any]) -> str:
    """Run a block in the names of those before it; return what it printed."""
    # Blank lines in front make a traceback name the line of the page.
    compiled = compile("\n" * line + code, PAGE.name, "exec")
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compiled, names)
    return out.getvalue()


def test_every_block_runs_and_prints_what_the_page_says() -> None:
    names: dict[str, Any] = {"__name__": "article"}
    for code, line, said in steps(PAGE.read_text("utf-8")):
        assert printed(code, line, names) == said, f"{PAGE.name}, line {line}"


def test_a_page_that_says_something_else_would_fail() -> None:
    [(code, line, said)] = steps("```python\nprint(1)\n```\n\n```output\n2\n```\n")
    assert printed(code, line, {}) != said


def test_each_step_fits_a_screen() -> None:
    for part in PAGE.read_text("utf-8").split("\n## ")[1:]:
        assert part.count("\n") <= LINES_OF_A_SCREEN, part.splitlines()[0]


@pytest.mark.parametrize(
    "room", ["fetch", "parse", "eventlog", "detect", "stories", "index", "alert", "runtime", "core"]
)
def test_the_walk_passes_through_every_room(room: str) -> None:
    assert f"from heliograph.{room}" in PAGE.read_text("utf-8")
