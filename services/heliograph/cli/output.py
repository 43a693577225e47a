"""How verbs answer: a table or colour where a person looks, clean JSON or CSV where a program reads."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


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
        json.dump(listed, sys.stdout, ensure_ascii=False, indent=2, default=_plain)
        sys.stdout.write("\n")
    elif form is Format.csv:
        writer = csv.writer(sys.stdout)
        writer.writerow(columns)
        writer.writerows([_safe_cell(_cell(row.get(column))) for column in columns] for row in listed)
    else:
        _table(listed, columns, title)


def write_line(value: Mapping[str, Any]) -> None:
    """Print one line of JSON."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, default=_plain) + "\n")


def console() -> Console:
    """Return a console on stdout: colour and width of the terminal, or plain text for a pipe."""
    return Console(highlight=False, soft_wrap=not sys.stdout.isatty())


def notes() -> Console:
    """Return a console on stderr, for progress and remarks that must not mix with the answer."""
    return Console(stderr=True, highlight=False)


def _table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], title: str) -> None:
    if not rows:
        notes().print(f"nothing to list{f': {title}' if title else ''}", style="dim")
        return
    table = Table(title=title or None, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for column in columns:
        table.add_column(column.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(Text(_cell(row.get(column))) for column in columns))
    console().print(table)


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_cell, value))
    return str(value)


def _safe_cell(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA_STARTS) else cell


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return str(value)
