"""How verbs answer: a table or colour where a person looks, clean JSON or CSV where a program reads."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from io import TextIOWrapper
from typing import Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
# Controls would move the cursor or recolour the terminal, directional overrides would reorder the line: titles come
# from strangers. Joiners stay, Persian needs them.
_NOT_PRINTED = dict.fromkeys(
    [*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A)], " "
)


_WHOLE = 12
"""Characters up to which a column is not folded."""


_AROUND = 24
"""Characters shown on each side of what was found in a text."""


_LONGEST = 300
"""Characters of a cell that a table shows; JSON and CSV have all."""


class Format(StrEnum):
    """Forms that a listing verb can answer in."""

    table = "table"
    json = "json"
    csv = "csv"


FORMAT_OPTION = typer.Option(Format.table, "--format", help="How to print the answer.")


def show(rows: Iterable[Mapping[str, Any]], columns: Sequence[str], form: Format, *, title: str = "") -> None:
    """Print rows: JSON holds every key of a row, table and CSV the named columns.

    CSV cells that a spreadsheet would take for a formula are quoted with an apostrophe (OWASP, CSV injection).
    """
    listed = list(rows)
    if form is Format.json:
        sys.stdout.write(_json(listed, indent=2))
    elif form is Format.csv:
        _never_stumble()
        writer = csv.writer(sys.stdout)
        writer.writerow(columns)
        writer.writerows([_safe_cell(_cell(row.get(column))) for column in columns] for row in listed)
    else:
        _table(listed, columns, title)


def show_one(value: Mapping[str, Any], columns: Sequence[str], form: Format) -> None:
    """Print one thing: as one JSON object with every key, as one CSV row, or as `details` of what is not zero."""
    if form is Format.json:
        sys.stdout.write(_json(value, indent=2))
    elif form is Format.csv:
        show([value], columns, form)
    else:
        details({key: value[key] for key in columns if value[key]})


def details(values: Mapping[str, Any]) -> None:
    """Print one thing as `name  value` lines, a value of several parts over several lines."""
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in values.items():
        parts = value if isinstance(value, (list, tuple)) else [value]
        for number, part in enumerate(parts):
            table.add_row("" if number else name.replace("_", " "), _printed(part))
    console().print(table)


def write_line(value: Mapping[str, Any]) -> None:
    """Print one line of JSON."""
    sys.stdout.write(_json(value))


def console() -> Console:
    """Return a console on stdout: colour and width of the terminal, or plain text for a pipe."""
    _never_stumble()
    if sys.stdout.isatty():
        return Console(highlight=False)
    # Nothing is folded for a pipe, so that a line found by grep is a whole row.
    return Console(highlight=False, soft_wrap=True, width=10_000)


def notes() -> Console:
    """Return a console on stderr, for progress and remarks that must not mix with the answer."""
    return Console(stderr=True, highlight=False)


@contextmanager
def progress(doing: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show a bar on stderr where a person looks; gives what is to be told how many more are done."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=notes(), transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(doing, total=total)
        yield lambda more: bar.advance(task, more)


def _never_stumble() -> None:
    """Let what the terminal's charset lacks be shown as `?`: better a gap than no answer."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")


def _json(value: object, indent: int | None = None) -> str:
    text = json.dumps(value, ensure_ascii=False, indent=indent, default=_plain) + "\n"
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        # Half a surrogate pair, or a terminal of another charset: escaped, it is still the same JSON.
        return json.dumps(value, indent=indent, default=_plain) + "\n"
    return text


def _table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], title: str) -> None:
    if not rows:
        notes().print(f"nothing to list{f': {title}' if title else ''}", style="dim")
        return
    table = Table(title=title or None, title_justify="left", header_style="bold", box=None, pad_edge=False)
    cells = [[_printed(row.get(column), _LONGEST) for column in columns] for row in rows]
    for number, column in enumerate(columns):
        # On a narrow screen long columns are folded; words and numbers stay whole.
        longest = max(line[number].cell_len for line in cells)
        table.add_column(column.replace("_", " "), overflow="fold", no_wrap=longest <= _WHOLE)
    for line in cells:
        table.add_row(*line)
    console().print(table)


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_cell, value))
    return str(value)


def ago(moment: datetime | None, now: datetime) -> str:
    """Return a moment as people say it: `3 min ago`, `in 5 h`; empty for None."""
    if moment is None:
        return ""
    seconds = int((now - moment).total_seconds())
    size, unit = next(((s, u) for s, u in ((86_400, "d"), (3600, "h"), (60, "min")) if abs(seconds) >= s), (1, "s"))
    span = f"{abs(seconds) // size} {unit}"
    return f"in {span}" if seconds < 0 else f"{span} ago"


def printable(text: str) -> str:
    """Return a stranger's text without what moves the cursor, recolours the terminal or reorders the line."""
    return text.translate(_NOT_PRINTED)


def show_excerpt(screen: Console, published: str, start: int, end: int, *, head: str = "", tail: str = "") -> None:
    """Write one line: what stands at [start, end) of a stranger's text, with a little of the text around it.

    What a narrow terminal has no room for is left out: a second line would hide which place is which.
    """
    before, after = published[max(0, start - _AROUND) : start], published[end : end + _AROUND]
    found = (printable(published[start:end]), "bold yellow")
    line = Text.assemble(f"    {head}", (printable(before), "dim"), found, (printable(after), "dim"), f"  {tail}")
    screen.print(line, no_wrap=True, overflow="ellipsis")


def _printed(value: object, longest: int | None = None) -> Text:
    cell = _cell(value)
    shown = cell if longest is None or len(cell) <= longest else f"{cell[: longest - 1]}…"
    return Text(printable(shown))


def _safe_cell(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA_STARTS) else cell


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return str(value)
