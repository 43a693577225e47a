"""The demo world's outlets and articles, read from the YAML files beside this module."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Literal, TypeVar

import msgspec

from heliograph.errors import DefinitionError

TOPICS = ("russia-iran-agreement", "south-caucasus-corridors")
_DURATION = re.compile(r"(-?\d+)([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}

T = TypeVar("T")
Format = Literal["rss2", "rss1", "atom", "json"]
Kind = Literal["hit", "near-miss", "background", "copy"]
Escaping = Literal["cdata", "escaped", "twice", "nested"]
DateStyle = Literal["rfc822", "rfc822-2digit", "iso", "wrong-zone", "ru-months", "az-months", "tr-months"]


class Item(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One article as its file states it; `body` is HTML, and `label` names the topics that should flag it."""

    guid: str
    title: str
    body: str
    published_ago: str
    """How long before it appears it was published: `90s`, `25m`, `3h`, `2d`; negative for a date in the future."""
    kind: Kind
    label: tuple[str, ...]
    appears_after: int = 0
    """Seconds after the start of the server; 0 is there from the start."""
    wire: str = ""
    """Id of an agency text in `wire.yaml` that follows the outlet's own lead, word for word."""
    categories: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()


class Outlet(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One outlet with its one feed, and the habits of that feed."""

    id: str
    title: str
    country: str
    ownership: Literal["state", "public", "private", "independent", "unknown"]
    language: str
    format: Format
    articles: tuple[Item, ...]
    dates: DateStyle = "rfc822"
    escaping: Escaping = "escaped"
    encoding: str = "utf-8"
    """The codec that the bytes are really in."""
    declared: str = ""
    """What the XML declaration says: empty for the truth, `none` for nothing at all, else this."""
    charset: str = ""
    """What the Content-Type header says; empty for nothing."""
    bom: bool = False
    """Put a byte order mark before UTF-8."""
    moved_from: str = ""
    """A former path, which is the subscribed one and redirects to the feed for good."""


class World(msgspec.Struct, frozen=True):
    """All outlets, by id, with the agency texts already set into the articles."""

    outlets: tuple[Outlet, ...]

    def items(self) -> dict[str, tuple[Outlet, Item]]:
        """Return every article with its outlet, by guid."""
        return {item.guid: (outlet, item) for outlet in self.outlets for item in outlet.articles}


def duration(text: str) -> timedelta:
    """Return the time span that `text` such as `25m` or `-9h` states.

    Raises `DefinitionError` when it is not a whole number and one of `s m h d`.
    """
    found = _DURATION.fullmatch(text)
    if found is None:
        raise DefinitionError(f"demo: {text!r} is no time span; write a number and s, m, h or d, such as 3h")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def published(item: Item, started: datetime) -> datetime:
    """Return the moment that the feed states for `item` in a world that began at `started`."""
    return started + timedelta(seconds=item.appears_after) - duration(item.published_ago)


def visible(outlet: Outlet, elapsed: float) -> tuple[Item, ...]:
    """Return the articles that have appeared `elapsed` seconds after the start, in the file's order."""
    return tuple(item for item in outlet.articles if item.appears_after <= elapsed)


def load(folder: Traversable | None = None) -> World:
    """Read and check the world in `folder`, by default the one shipped with the package.

    Raises `DefinitionError`, naming the file, for anything that does not fit `Outlet`, an unknown topic or agency
    text, a guid used twice, or a label that contradicts the kind.
    """
    folder = folder if folder is not None else resources.files("heliograph.demo")
    wires = _decode(folder / "wire.yaml", dict[str, str])
    outlets: list[Outlet] = []
    seen: set[str] = set()
    for entry in sorted((folder / "feeds").iterdir(), key=lambda entry: entry.name):
        if not entry.name.endswith(".yaml"):
            continue
        outlet = _decode(entry, Outlet)
        for item in outlet.articles:
            _check(entry.name, item, wires, seen)
        whole = tuple(
            msgspec.structs.replace(item, body=item.body + wires.get(item.wire, "")) for item in outlet.articles
        )
        outlets.append(msgspec.structs.replace(outlet, articles=whole))
    return World(tuple(outlets))


def _decode(entry: Traversable, kind: type[T]) -> T:
    try:
        return msgspec.yaml.decode(entry.read_bytes(), type=kind)
    except msgspec.DecodeError as error:
        raise DefinitionError(f"demo/{entry.name}: {error}; mend the file") from error


def _check(where: str, item: Item, wires: dict[str, str], seen: set[str]) -> None:
    duration(item.published_ago)
    fault = ""
    if item.guid in seen:
        fault = "its guid is used twice; choose another"
    elif item.wire and item.wire not in wires:
        fault = f"wire.yaml has no text {item.wire!r}"
    elif set(item.label) - set(TOPICS):
        fault = f"its label names an unknown topic; known are {', '.join(TOPICS)}"
    elif item.kind == "copy" and not item.wire:
        fault = "a copy needs a `wire`"
    elif (item.kind in {"hit", "copy"}) != bool(item.label):
        fault = "a hit or copy needs a label, and nothing else may have one"
    if fault:
        raise DefinitionError(f"demo/feeds/{where}: article {item.guid}: {fault}")
    seen.add(item.guid)
