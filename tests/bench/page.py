"""docs/reference/benchmarks.md: written from figures, and read back, so that one benchmark can be measured anew.

A section holds its figures whole, as JSON, and says when and where they were taken; `parse(page(benches, s)) == s`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Figures = dict[str, Any]

_HEAD = """\
# Benchmarks

Written by `make bench`. Ratios are taken in one run and carry over; absolute figures are those of the machine that a \
section names. `python tests/bench/run.py NAME` measures one anew and keeps the others.
"""
_SECTION = re.compile(r"^## (\S+)\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
_JSON = re.compile(r"^```json\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Bar:
    """What a figure is held to."""

    what: str
    limit: str
    figure: Callable[[Figures], str]
    holds: Callable[[Figures], bool]


@dataclass(frozen=True, slots=True)
class Bench:
    """One benchmark: its name, the call that measures it, what it shows, and its bars.

    `servers` says that it needs Kafka and Elasticsearch: the call may then name `kafka` (HOST:PORT) and `elasticsearch`
    (a URL).
    """

    name: str
    call: str
    about: str
    bars: tuple[Bar, ...] = ()
    servers: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """What is known of one benchmark; each part may be missing."""

    measured: str = ""
    """When, and on what machine."""
    figures: Figures = field(default_factory=dict)
    left_out: str = ""
    """When it was left out since, and why."""


def page(benches: Iterable[Bench], sections: Mapping[str, Section]) -> str:
    """Return the page; benches that nothing is known of are left out, and so is what no bench is behind."""
    known = [(bench, sections[bench.name]) for bench in benches if bench.name in sections]
    lines = [_HEAD, "| bar | limit | measured | holds |", "| --- | --- | --- | --- |"]
    for bench, section in known:
        lines += [_row(bar, section.figures) for bar in bench.bars]
    for bench, section in known:
        lines += ["", f"## {bench.name}", "", bench.about, "", f"`python tests/bench/run.py {bench.name}`"]
        if section.measured:
            lines += ["", f"Measured {section.measured}"]
        if section.left_out:
            lines += ["", f"Left out {section.left_out}"]
        if section.figures:
            lines += ["", "```json", json.dumps(section.figures, indent=2, ensure_ascii=False), "```"]
    return "\n".join(lines) + "\n"


def _row(bar: Bar, figures: Figures) -> str:
    try:
        figure, holds = bar.figure(figures), "yes" if bar.holds(figures) else "**no**"
    except KeyError:
        # Not measured yet, or before there was this bar.
        figure = holds = "-"
    return f"| {bar.what} | {bar.limit} | {figure} | {holds} |"


def parse(text: str) -> dict[str, Section]:
    """Return what a page says, by bench. Raises ValueError where a block is not JSON."""
    return {name: _section(body) for name, body in _SECTION.findall(text)}


def _section(body: str) -> Section:
    found = _JSON.search(body)
    said = dict.fromkeys(("Measured", "Left out"), "")
    for line in body[: found.start() if found else None].splitlines():
        for word in said:
            if line.startswith(f"{word} "):
                said[word] = line.removeprefix(f"{word} ")
    return Section(said["Measured"], json.loads(found[1]) if found else {}, said["Left out"])
