"""An outlet and the articles that have appeared -> the bytes of its feed. Pure: the time is an argument.

Formats: RSS 2.0 (rssboard.org/rss-specification), RSS 1.0 (web.resource.org/rss/1.0/spec), Atom (RFC 4287) and JSON
Feed 1.1 (jsonfeed.org/version/1.1).
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from xml.sax.saxutils import escape, quoteattr

from heliograph.demo.content import Item, Outlet, published
from heliograph.demo.spell import spell_date, spell_html, spell_title, xml_bytes

_TYPES = {
    "rss2": "application/rss+xml",
    "rss1": "application/rdf+xml",
    "atom": "application/atom+xml",
    "json": "application/feed+json",
}
_DC = "http://purl.org/dc/elements/1.1/"
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_TAG = re.compile(r"<[^>]+>")


class Rendered(NamedTuple):
    """A feed as it goes over the wire."""

    body: bytes
    content_type: str


class _Place(NamedTuple):
    """Where and when a feed stands: its server and the start of its world."""

    base: str
    started: datetime


def feed_path(outlet: Outlet) -> str:
    """Return the path of the outlet's feed on the demo server."""
    return f"/feeds/{outlet.id}.{'json' if outlet.format == 'json' else 'xml'}"


def render(outlet: Outlet, items: Sequence[Item], base: str, started: datetime) -> Rendered:
    """Return the feed of `outlet` with `items`, newest first, its links under `base`.

    The same arguments give the same bytes, so that a conditional request can be answered by comparing them.
    """
    place = _Place(base, started)
    ordered = sorted(items, key=lambda item: (published(item, started), item.guid), reverse=True)
    content_type = _TYPES[outlet.format] + (f"; charset={outlet.charset}" if outlet.charset else "")
    if outlet.format == "json":
        return Rendered(_json(outlet, ordered, place), content_type)
    document = {"rss2": _rss2, "rss1": _rss1, "atom": _atom}[outlet.format](outlet, ordered, place)
    return Rendered(xml_bytes(outlet, document), content_type)


def _link(item: Item, place: _Place) -> str:
    return f"{place.base}/articles/{item.guid}"


def _date(outlet: Outlet, item: Item, place: _Place) -> str:
    return spell_date(outlet.dates, published(item, place.started), outlet.country)


def _summary(item: Item) -> str:
    first = item.body.split("</p>")[0]
    return " ".join(_TAG.sub("", first).split())


def _rss2(outlet: Outlet, items: Sequence[Item], place: _Place) -> str:
    rows = [
        f'<rss version="2.0" xmlns:dc="{_DC}" xmlns:content="http://purl.org/rss/1.0/modules/content/">',
        f"<channel><title>{escape(outlet.title)}</title><link>{place.base}/</link>",
        f"<description>{escape(outlet.title)}</description><language>{outlet.language}</language>",
    ]
    for item in items:
        html = spell_html(outlet.escaping, item.body)
        rows.append(f"<item><title>{spell_title(outlet.escaping, item.title)}</title>")
        rows.append(f'<link>{_link(item, place)}</link><guid isPermaLink="false">{item.guid}</guid>')
        rows.append(f"<pubDate>{_date(outlet, item, place)}</pubDate>")
        rows += [f"<dc:creator>{escape(author)}</dc:creator>" for author in item.authors]
        rows += [f"<category>{escape(category)}</category>" for category in item.categories]
        if outlet.escaping == "cdata":
            summary = spell_html("cdata", _summary(item))
            rows.append(f"<description>{summary}</description><content:encoded>{html}</content:encoded></item>")
        else:
            rows.append(f"<description>{html}</description></item>")
    return "\n".join([*rows, "</channel></rss>\n"])


def _rss1(outlet: Outlet, items: Sequence[Item], place: _Place) -> str:
    rows = [
        f'<rdf:RDF xmlns="http://purl.org/rss/1.0/" xmlns:rdf="{_RDF}" xmlns:dc="{_DC}">',
        f'<channel rdf:about="{place.base}{feed_path(outlet)}"><title>{escape(outlet.title)}</title>',
        f"<link>{place.base}/</link><description>{escape(outlet.title)}</description>",
        f"<dc:language>{outlet.language}</dc:language><items><rdf:Seq>",
        *(f'<rdf:li rdf:resource="{_link(item, place)}"/>' for item in items),
        "</rdf:Seq></items></channel>",
    ]
    for item in items:
        rows.append(f'<item rdf:about="{_link(item, place)}">')
        rows.append(f"<title>{spell_title(outlet.escaping, item.title)}</title><link>{_link(item, place)}</link>")
        rows.append(f"<description>{spell_html(outlet.escaping, item.body)}</description>")
        rows += [f"<dc:creator>{escape(author)}</dc:creator>" for author in item.authors]
        rows += [f"<dc:subject>{escape(category)}</dc:subject>" for category in item.categories]
        rows.append(f"<dc:date>{_date(outlet, item, place)}</dc:date></item>")
    return "\n".join([*rows, "</rdf:RDF>\n"])


def _atom(outlet: Outlet, items: Sequence[Item], place: _Place) -> str:
    newest = _date(outlet, items[0], place) if items else spell_date("iso", place.started, "")
    rows = [
        f'<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="{outlet.language}">',
        f"<title>{escape(outlet.title)}</title><id>tag:{outlet.id}.example,2026:feed</id>",
        f'<link rel="self" href="{place.base}{feed_path(outlet)}"/><link href="{place.base}/"/>',
        f"<updated>{newest}</updated>",
    ]
    for item in items:
        stamp = _date(outlet, item, place)
        rows.append(f'<entry><title type="text">{spell_title(outlet.escaping, item.title)}</title>')
        rows.append(f"<id>tag:{outlet.id}.example,2026:{item.guid}</id><link href={quoteattr(_link(item, place))}/>")
        rows.append(f"<published>{stamp}</published><updated>{stamp}</updated>")
        rows += [f"<author><name>{escape(author)}</name></author>" for author in item.authors or (outlet.title,)]
        rows += [f"<category term={quoteattr(category)}/>" for category in item.categories]
        rows.append(f'<content type="html">{spell_html(outlet.escaping, item.body)}</content></entry>')
    return "\n".join([*rows, "</feed>\n"])


def _json(outlet: Outlet, items: Sequence[Item], place: _Place) -> bytes:
    document = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": outlet.title,
        "home_page_url": f"{place.base}/",
        "feed_url": f"{place.base}{feed_path(outlet)}",
        "language": outlet.language,
        "items": [
            {
                "id": item.guid,
                "url": _link(item, place),
                "title": item.title,
                "content_html": item.body,
                "date_published": _date(outlet, item, place),
                "authors": [{"name": author} for author in item.authors],
                "tags": list(item.categories),
            }
            for item in items
        ],
    }
    return json.dumps(document, ensure_ascii=False, indent=1).encode("utf-8")
