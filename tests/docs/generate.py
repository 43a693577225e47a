"""Writes the pages of docs/reference that come from the code; `--check` only tells whether they are up to date.

    markdown.py    tables, headings, and the documentation that stands in the code
    pages_use.py   settings, notifiers, the command line
    pages_code.py  events, errors, metrics
    pages_web.py   what is served over HTTP

The same code gives the same bytes on every machine: nothing depends on the terminal, the clock or the environment.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "reference"
COMMAND = "python tests/docs/generate.py"


def pages() -> dict[str, Callable[[], str]]:
    """Return what makes each page, by file name."""
    if str(ROOT) not in sys.path:
        # As a script this file stands in its own folder; as a test's neighbour it stands in the checkout.
        sys.path.insert(0, str(ROOT))
    from tests.docs import pages_code, pages_use, pages_web

    return {
        "cli.md": pages_use.command_line,
        "errors.md": pages_code.error_page,
        "events.md": pages_code.events,
        "http.md": pages_web.http,
        "metrics.md": pages_code.metrics,
        "notifiers.md": pages_use.notifiers,
        "settings.md": pages_use.settings,
    }


def rendered() -> dict[Path, str]:
    """Return the full text of every generated page."""
    return {FOLDER / name: make() for name, make in pages().items()}


def main() -> int:
    """Write the pages, or with `--check` compare them."""
    check = "--check" in sys.argv[1:]
    stale = [path for path, text in rendered().items() if not path.is_file() or path.read_text("utf-8") != text]
    if not check:
        FOLDER.mkdir(parents=True, exist_ok=True)
        for path in stale:
            path.write_text(rendered()[path], "utf-8")
        return 0
    if stale:
        print(f"out of date: {', '.join(path.name for path in stale)}; run `{COMMAND}`", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
