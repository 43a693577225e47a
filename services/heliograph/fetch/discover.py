"""The feeds that an HTML page names, and where feeds commonly are. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from urllib.parse import urljoin, urlsplit

from selectolax.lexbor import LexborHTMLParser

from heliograph.errors import UsageError
from heliograph.fetch.urls import host_of, require_web_url

FEED_TYPES = {
    "application/rss+xml": "rss",
    "application/atom+xml": "atom",
    "application/feed+json": "json",
    "application/rdf+xml": "rdf",
    "application/x.atom+xml": "atom",
    "application/x-atom+xml": "atom",
}
"""Content types by which a `link rel=alternate` names a feed; `application/json` and `text/xml` may be anything."""

COMMON_PATHS = (
    "/feed/",
    "/rss",
    "/rss.xml",
    "/feed.xml",
    "/atom.xml",
    "/index.xml",
    "/feed.json",
    "/feeds/posts/default",
)
_WORDS = frozenset(["feed", "feeds", "rss", "rss2", "atom", "xml", "rdf"])
_MAX_PAGE = 2_000_000
_MAX_FOUND = 50

Evidence = Literal["declared", "linked", "guessed"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """An address that may be a feed; only a fetch can tell."""

    url: str
    title: str
    kind: str
    """`rss`, `atom`, `json`, `rdf`, or empty where the page does not say."""
    evidence: Evidence
    """`declared` by a link element, `linked` from the page's text, or `guessed` from where feeds commonly are."""


def discover(html: bytes | str, base: str) -> tuple[Candidate, ...]:
    """Return the candidates of the page at `base`, the likeliest first, each address once.

    Declared ones come in the order of the page, then links of the same host whose path or text speaks of a feed, then
    the common places. Comments' feeds come last among the declared. Never raises for what a page holds.
    """
    tree = LexborHTMLParser(html[:_MAX_PAGE])
    found: dict[str, Candidate] = {}
    node = tree.css_first("base[href]")
    root = _joined(base, (node.attributes.get("href") or "") if node else "") or base
    declared: list[Candidate] = []
    for link in tree.css("link[href]"):
        attributes = link.attributes
        rels = (attributes.get("rel") or "").lower().split()
        kind = FEED_TYPES.get((attributes.get("type") or "").partition(";")[0].strip().lower(), "")
        if ("alternate" in rels and kind) or "feed" in rels:
            url = _joined(root, attributes.get("href") or "")
            if url:
                declared.append(Candidate(url, (attributes.get("title") or "").strip()[:200], kind, "declared"))
    for one in sorted(declared, key=lambda one: "comment" in (one.title + one.url).lower()):
        found.setdefault(one.url, one)
    for anchor in tree.css("a[href]"):
        url = _joined(root, anchor.attributes.get("href") or "")
        text = anchor.text(strip=True)[:200]
        if url and host_of(url) == host_of(base) and _speaks_of_a_feed(url, text):
            found.setdefault(url, Candidate(url, text, "", "linked"))
    for path in COMMON_PATHS:
        url = _joined(base, path)
        if url:
            found.setdefault(url, Candidate(url, "", "", "guessed"))
    return tuple(found.values())[:_MAX_FOUND]


def looks_like_html(body: bytes, content_type: str) -> bool:
    """Tell whether an answer is a page rather than a feed."""
    head = body[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if head.startswith((b"<!doctype html", b"<html")):
        return True
    if head.startswith((b"<?xml", b"<rss", b"<feed", b"<rdf")):
        return False
    return content_type.partition(";")[0].strip().lower() in ("text/html", "application/xhtml+xml")


def _joined(base: str, href: str) -> str:
    """Return the address that `href` means on the page, or "" where it is none that can be fetched."""
    if not href.strip():
        return ""
    try:
        return require_web_url(urljoin(base, href.strip())).partition("#")[0]
    except (UsageError, ValueError):
        return ""


def _speaks_of_a_feed(url: str, text: str) -> bool:
    words = urlsplit(url).path.lower().replace(".", "/").replace("-", "/").split("/")
    return not _WORDS.isdisjoint(words) or text.lower() in ("rss", "atom", "rss feed", "rss-лента")
