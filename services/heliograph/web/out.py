"""Searches as feeds: RSS 2.0, Atom (RFC 4287) and JSON Feed 1.1.

Entries link to the outlet's page where there is one, else to the article's page here; their ids are the articles' own
and stay the same. Content is the excerpt and the reasons as plain text, so that no markup of an outlet travels on.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from typing import Final
from xml.etree.ElementTree import Element, SubElement, register_namespace, tostring

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from heliograph.web.ask import Asker
from heliograph.web.decide import Params
from heliograph.web.deps import WebDeps
from heliograph.web.port import Found
from heliograph.web.present import Card, card_of, iso
from heliograph.web.render import query_string
from heliograph.web.shapes import EXCERPT

ATOM: Final = "http://www.w3.org/2005/Atom"
DC: Final = "http://purl.org/dc/elements/1.1/"
# What XML 1.0 (section 2.2) forbids in a document, escaped or not.
_NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Channel:
    """What stands above the entries."""

    title: str
    home: str
    self: str
    updated: datetime
    base: str


@dataclass(frozen=True, slots=True)
class FeedsOut:
    """The handlers."""

    deps: WebDeps
    asker: Asker

    def routes(self) -> list[BaseRoute]:
        """Return the routes."""
        return [
            Route("/feed.rss", self.rss),
            Route("/feed.atom", self.atom),
            Route("/feed.json", self.json),
        ]

    def rss(self, request: Request) -> Response:
        channel, cards = self._read(request)
        return _xml(write_rss(channel, cards), "application/rss+xml")

    def atom(self, request: Request) -> Response:
        channel, cards = self._read(request)
        return _xml(write_atom(channel, cards), "application/atom+xml")

    def json(self, request: Request) -> Response:
        channel, cards = self._read(request)
        body = json.dumps(write_json(channel, cards), ensure_ascii=False).encode("utf-8", "replace")
        return Response(body, media_type="application/feed+json")

    def _read(self, request: Request) -> tuple[Channel, list[Card]]:
        params = self.asker.params(request.query_params)
        found: Found = self.asker.search(params)
        names = {row.id: row.name for row in self.deps.topics()}
        cards = [card_of(hit.document, hit.evidence, names) for hit in found.items]
        base = f"{request.url.scheme}://{request.url.netloc}"
        updated = max((card.article.sorted for card in cards), default=self.deps.now())
        home = base + "/" + query_string(_asked(params))
        return Channel(_title(params), home, str(request.url), updated, base), cards


def write_rss(channel: Channel, cards: list[Card]) -> Element:
    """Return an RSS 2.0 document."""
    root = Element("rss", version="2.0")
    head = SubElement(root, "channel")
    _text(head, "title", channel.title)
    _text(head, "link", channel.home)
    _text(head, "description", f"{channel.title}: newest first, each with the reasons why it is listed.")
    SubElement(head, f"{{{ATOM}}}link", href=_legal(channel.self), rel="self", type="application/rss+xml")
    _text(head, "lastBuildDate", format_datetime(channel.updated))
    for card in cards:
        item = SubElement(head, "item")
        _text(item, "title", _heading(card))
        _text(item, "link", _target(channel, card))
        _text(item, "guid", card.article.id).set("isPermaLink", "false")
        _text(item, "pubDate", format_datetime(card.article.sorted))
        _text(item, f"{{{DC}}}creator", card.source)
        for reason in card.reasons:
            _text(item, "category", reason.name)
        _text(item, "description", _escape(content_of(card)))
    return root


def write_atom(channel: Channel, cards: list[Card]) -> Element:
    """Return an Atom document."""
    root = Element(f"{{{ATOM}}}feed")
    _text(root, f"{{{ATOM}}}id", channel.self)
    _text(root, f"{{{ATOM}}}title", channel.title)
    _text(root, f"{{{ATOM}}}updated", iso(channel.updated))
    SubElement(root, f"{{{ATOM}}}link", rel="self", href=_legal(channel.self))
    SubElement(root, f"{{{ATOM}}}link", rel="alternate", href=_legal(channel.home))
    for card in cards:
        entry = SubElement(root, f"{{{ATOM}}}entry")
        _text(entry, f"{{{ATOM}}}id", f"urn:heliograph:article:{card.article.id}")
        _text(entry, f"{{{ATOM}}}title", _heading(card))
        SubElement(entry, f"{{{ATOM}}}link", rel="alternate", href=_legal(_target(channel, card)))
        _text(entry, f"{{{ATOM}}}updated", iso(card.article.sorted))
        _text(SubElement(entry, f"{{{ATOM}}}author"), f"{{{ATOM}}}name", card.source or "unknown")
        for reason in card.reasons:
            SubElement(entry, f"{{{ATOM}}}category", term=_legal(reason.topic), label=_legal(reason.name))
        _text(entry, f"{{{ATOM}}}content", content_of(card)).set("type", "text")
    return root


def write_json(channel: Channel, cards: list[Card]) -> dict[str, object]:
    """Return a JSON Feed 1.1 document."""
    return {
        "version": "https://jsonfeed.org/version/1.1",
        "title": channel.title,
        "home_page_url": channel.home,
        "feed_url": channel.self,
        "items": [
            {
                "id": card.article.id,
                "url": _target(channel, card),
                "title": _heading(card),
                "content_text": content_of(card),
                "date_published": iso(card.article.sorted),
                "authors": [{"name": card.source or "unknown"}],
                "tags": [reason.name for reason in card.reasons],
                **({"language": card.lang} if card.lang else {}),
            }
            for card in cards
        ],
    }


def content_of(card: Card) -> str:
    """Return the excerpt and the reasons as plain text."""
    text = card.article.text
    lines = [text if len(text) <= EXCERPT else f"{text[:EXCERPT]}…"]
    for reason in card.reasons:
        found = "; ".join(f"{finding.name}: {', '.join(finding.forms)}" for finding in reason.findings)
        lines.append(f"{reason.name} ({reason.percent} %): {found}")
    return "\n\n".join(lines)


def _heading(card: Card) -> str:
    return card.article.title or "(untitled)"


def _target(channel: Channel, card: Card) -> str:
    return card.link or f"{channel.base}/articles/{card.article.id}"


def _title(params: Params) -> str:
    if not params.q:
        return "Heliograph: flagged articles" if params.scope == "flagged" else "Heliograph: all articles"
    return f"Heliograph: {params.q if len(params.q) <= 120 else params.q[:119] + '…'}"


def _asked(params: Params) -> dict[str, object]:
    scope = "" if params.scope == "flagged" else "all"
    times = {"since": params.since_text, "until": params.until_text, "time_zone": params.zone_text}
    return {"q": params.q, **times, "scope": scope}


def _text(parent: Element, name: str, text: str) -> Element:
    element = SubElement(parent, name)
    element.text = _legal(text)
    return element


def _legal(text: str) -> str:
    return _NO_XML.sub("\ufffd", text)


def _escape(text: str) -> str:
    """Escape for RSS, whose description is HTML to every reader."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return "".join(f"<p>{part}</p>" for part in escaped.split("\n\n") if part.strip())


def _xml(root: Element, media_type: str) -> Response:
    register_namespace("atom", ATOM)
    register_namespace("dc", DC)
    body = b'<?xml version="1.0" encoding="utf-8"?>\n' + tostring(root, encoding="utf-8")
    return Response(body, headers={"Content-Type": f"{media_type}; charset=utf-8"})
