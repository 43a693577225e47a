"""OPML (2.0, http://opml.org/spec2.opml) in and out. Pure.

A list from a stranger is hostile input: a DOCTYPE is refused before any entity can be declared, size, depth and number
are capped, only http and https are taken, and a list is imported whole or not at all.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn
from xml.parsers import expat
from xml.sax.saxutils import quoteattr

from heliograph.errors import FeedError, UsageError
from heliograph.fetch.port import Subscription
from heliograph.fetch.urls import require_web_url

MAX_BYTES = 5_000_000
MAX_FEEDS = 20_000
MAX_DEPTH = 64
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class Outline:
    """One feed of an OPML list."""

    url: str
    title: str = ""
    folder: str = ""
    """Titles of the outlines around it, joined by `/`."""
    language: str = ""


def read(data: bytes) -> tuple[Outline, ...]:
    """Return the feeds of an OPML document in its order, each address once.

    Raises FeedError (`bad-opml`) naming the line for anything wrong anywhere in it: then nothing is to be imported.
    """
    if len(data) > MAX_BYTES:
        _refuse(f"the file is {len(data):,} bytes long, at most {MAX_BYTES:,} are read")
    return _Reader().read(data)


def write(subscriptions: Sequence[Subscription], title: str = "Heliograph") -> bytes:
    """Return the subscriptions as an OPML 2.0 document in UTF-8, grouped by outlet.

    Addresses are written with the credentials they hold: without them the list could not be imported again.
    """
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<opml version="2.0">',
        f"  <head><title>{_text(title)}</title></head>",
        "  <body>",
    ]
    groups: dict[str, list[Subscription]] = {}
    for one in subscriptions:
        groups.setdefault(one.source_title or one.source, []).append(one)
    for group, members in groups.items():
        indent = "    "
        if group:
            lines.append(f"    <outline text={_attribute(group)} title={_attribute(group)}>")
            indent = "      "
        lines += [f"{indent}{_outline(one)}" for one in members]
        if group:
            lines.append("    </outline>")
    lines += ["  </body>", "</opml>", ""]
    return "\n".join(lines).encode("utf-8")


class _Reader:
    def __init__(self) -> None:
        self._parser = expat.ParserCreate()
        self._parser.StartDoctypeDeclHandler = self._doctype
        self._parser.EntityDeclHandler = self._doctype
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        # Attributes come in one piece and no text is read, so that no buffer can grow.
        self._open: list[str] = []
        self._folders: list[str] = []
        self._found: dict[str, Outline] = {}

    def read(self, data: bytes) -> tuple[Outline, ...]:
        try:
            # Handed over whole: expat before 2.6 takes quadratic time over a large token in small pieces.
            self._parser.Parse(data, True)
        except expat.ExpatError as error:
            _refuse(f"line {error.lineno}: no well-formed XML: {expat.errors.messages.get(error.code, 'damaged')}")
        except (LookupError, ValueError, UnicodeError) as error:
            # An encoding that Python does not know, or that is none of text.
            _refuse(f"the encoding cannot be read: {error}")
        return tuple(self._found.values())

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if not self._open and name.lower() != "opml":
            self._refuse_here(f"the document is <{name[:40]}>, not <opml>")
        if len(self._open) >= MAX_DEPTH:
            self._refuse_here(f"outlines lie more than {MAX_DEPTH} deep")
        self._open.append(name.lower())
        if name.lower() != "outline":
            return
        values = {key.lower(): value.strip() for key, value in attributes.items()}
        title = values.get("title") or values.get("text", "")
        self._folders.append(title[:200])
        url = values.get("xmlurl", "")
        if not url:
            return
        try:
            url = require_web_url(url)
        except UsageError as error:
            self._refuse_here(str(error))
        if len(self._found) >= MAX_FEEDS:
            self._refuse_here(f"more than {MAX_FEEDS:,} feeds")
        folder = "/".join(one for one in self._folders[:-1] if one)
        self._found.setdefault(url, Outline(url, title[:200], folder, values.get("language", "")[:35]))

    def _end(self, _: str) -> None:
        if self._open.pop() == "outline":
            self._folders.pop()

    def _doctype(self, *_: object) -> None:
        self._refuse_here("a DOCTYPE and entities are not taken: remove them")

    def _refuse_here(self, message: str) -> NoReturn:
        _refuse(f"line {self._parser.CurrentLineNumber}: {message}")


def _outline(one: Subscription) -> str:
    title = _attribute(one.title or one.id)
    language = f" language={_attribute(one.language)}" if one.language else ""
    return f'<outline type="rss" text={title} title={title} xmlUrl={_attribute(one.url)}{language}/>'


def _attribute(value: str) -> str:
    return quoteattr(_printable(value))


def _text(value: str) -> str:
    return _printable(value).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _printable(value: str) -> str:
    """Return the value without what XML 1.0, 2.2 does not allow even as a reference."""
    return _NOT_XML.sub("", value)


def _refuse(message: str) -> NoReturn:
    raise FeedError(f"OPML: {message}; nothing was imported", reason="bad-opml")
