"""A query error as a compiler would show it: the message, the line, a caret under the place, and what would help."""

from __future__ import annotations

import unicodedata

from heliograph.errors import QueryError

_BEFORE, _AFTER = 60, 30
_SHOWN = 60


def shown(written: str) -> str:
    """Return what a message quotes of a query: on one line, and no more than tells which part is meant."""
    line = " ".join(_plain(written[: 4 * _SHOWN]).split())
    return line if len(line) <= _SHOWN else line[: _SHOWN - 1] + "…"


def render_error(error: QueryError) -> str:
    """Return the error over several lines, for a terminal or a `<pre>`: plain text, nothing escaped.

    Long lines are cut around the place. Where the error knows no query text it is its message, and advice if any.
    """
    lines = [str(error)]
    if error.query:
        lines += _pointed(error.query, min(error.position, len(error.query)))
    if error.expected:
        *most, last = error.expected
        lines.append(f"expected: {', '.join(most)} or {last}" if most else f"expected: {last}")
    if error.hint:
        lines.append(f"hint: {error.hint}")
    return "\n".join(lines)


def _pointed(query: str, position: int) -> list[str]:
    start = query.rfind("\n", 0, position) + 1
    end = query.find("\n", position)
    line, column = query[start : end if end >= 0 else len(query)], position - start
    cut = max(0, column - _BEFORE)
    head = ("…" if cut else "") + _plain(line[cut:column])
    tail = _plain(line[column : column + _AFTER]) + ("…" if len(line) > column + _AFTER else "")
    number = f"{query.count(chr(10), 0, position) + 1} | " if "\n" in query else "  "
    return [number + head + tail, " " * len(number) + " " * _width(head) + "^"]


def _plain(text: str) -> str:
    """Replace what would move the cursor: controls, tabs, and marks that turn the direction of writing."""
    return "".join(" " if unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"} else char for char in text)


def _width(text: str) -> int:
    """Cells that a terminal gives to `text`: none for a combining mark, two for wide characters."""
    return sum(
        0 if unicodedata.category(char) in {"Mn", "Me"} else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
    )
