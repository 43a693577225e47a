"""Fenced blocks of a page, by language."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: str, language: str) -> list[str]:
    """Return the blocks of one language in the page at `page`, a path from the root of the checkout."""
    return [found[2] for found in _FENCE.finditer((ROOT / page).read_text("utf-8")) if found[1] == language]


def without_code(text: str) -> str:
    """Return a page's prose: what its fenced blocks hold is left out."""
    return _FENCE.sub("", text)


def pages() -> list[str]:
    """Return every page of documentation, as paths from the root of the checkout."""
    found = [
        *(ROOT / "docs").rglob("*.md"),
        ROOT / "README.md",
        ROOT / "services/README.md",
        ROOT / "schemas/README.md",
        ROOT / "deploy/README.md",
        ROOT / "deploy/kubernetes/README.md",
        ROOT / "deploy/kibana/README.md",
    ]
    return sorted(path.relative_to(ROOT).as_posix() for path in found)
