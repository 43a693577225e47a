"""Feeds that are broken, or that attack their reader, and what each is made of. Pure, apart from the work of packing.

Each is an address under `/trouble/` of the demo server. A reader passes when it says what is wrong with the feed,
keeps its memory and its time, and goes on with the others.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from datetime import datetime
from email.utils import format_datetime
from html import escape
from typing import NamedTuple

BOMB_BYTES = 48 * 1024 * 1024
"""Size of the gzip bomb once inflated; it travels as about 50 kB."""
CANARY = "/trouble/canary"
"""The address that only a reader of external entities asks for."""


class Reply(NamedTuple):
    """An HTTP answer; `endless` asks the server to drip bytes after `body` until the reader hangs up."""

    status: int
    headers: dict[str, str]
    body: bytes
    endless: bool = False


class Trouble(NamedTuple):
    """One hostile feed: its slug under `/trouble/`, what it is, and how it answers given the server's URL and time."""

    slug: str
    about: str
    reply: Callable[[str, datetime], Reply]


def troubles() -> tuple[Trouble, ...]:
    """Return every hostile feed, in the order in which the index page lists them."""
    return (
        Trouble("truncated", "XML that breaks off in the middle of its second item", _truncated),
        Trouble("html-page", "an HTML page where the feed used to be", _html_page),
        Trouble("empty", "an answer of no bytes at all", lambda _base, _now: _xml(b"")),
        Trouble("xxe", "external entities: a local file and an address on this server", _xxe),
        Trouble("entity-bomb", "entities that expand to three gigabytes", _entity_bomb),
        Trouble("gzip-bomb", "a small gzip that inflates to 48 MiB", _gzip_bomb),
        Trouble("script", "scripts and handlers in every place where text can stand", _script),
        Trouble("not-found", "404", lambda _base, _now: _status(404)),
        Trouble("gone", "410: the feed is gone for good", lambda _base, _now: _status(410)),
        Trouble("server-error", "500 with an error page", lambda _base, _now: _status(500)),
        Trouble("too-many", "429 with Retry-After", lambda _base, _now: _status(429, {"Retry-After": "10"})),
        Trouble("loop", "two addresses that redirect to each other", _redirect_to("/trouble/loop-back")),
        Trouble("slow", "a body that drips one byte a second and never ends", _slow),
    )


def hidden() -> tuple[Trouble, ...]:
    """Return the helpers of `troubles`: addresses that are no subscription."""
    return (Trouble("loop-back", "the other half of the loop", _redirect_to("/trouble/loop")),)


def _xml(body: bytes, **headers: str) -> Reply:
    return Reply(200, {"Content-Type": "application/rss+xml", **headers}, body)


def _rss(items: str, *, prolog: str = "", title: str = "Trouble Corner") -> bytes:
    text = f"""<?xml version="1.0" encoding="utf-8"?>
{prolog}<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/"><channel><title>{title}</title>
<link>http://trouble.example/</link><description>Nothing here is well</description>
{items}
</channel></rss>
"""
    return text.encode("utf-8")


def _truncated(base: str, now: datetime) -> Reply:
    date = format_datetime(now)
    whole = _rss(
        f"<item><title>Port clock repaired</title><link>{base}/trouble/clock</link><pubDate>{date}</pubDate>"
        "<description>The hands move again.</description></item>\n"
        f"<item><title>Ferry whistle tuned</title><link>{base}/trouble/whistle</link><pubDate>{date}</pubDate>"
        "<description>It sounds a B flat.</description></item>"
    )
    return _xml(whole[: whole.index(b"It sounds")])


def _html_page(_base: str, _now: datetime) -> Reply:
    page = (
        "<!doctype html><html><head><title>Domain parked</title></head>"
        "<body><h1>This name may be for sale</h1><p>Ask the broker.<br>No feed lives here.</body></html>"
    )
    return Reply(200, {"Content-Type": "text/html; charset=utf-8"}, page.encode("utf-8"))


def _xxe(base: str, _now: datetime) -> Reply:
    prolog = (
        '<!DOCTYPE rss [<!ENTITY file SYSTEM "file:///etc/passwd">'
        f'<!ENTITY web SYSTEM "{base}{CANARY}"><!ENTITY % dtd SYSTEM "{base}{CANARY}?dtd"> %dtd;]>\n'
    )
    item = "<item><title>Entities &file;</title><guid>xxe</guid><description>&web; and &file;</description></item>"
    return _xml(_rss(item, prolog=prolog))


def _entity_bomb(_base: str, _now: datetime) -> Reply:
    levels = ['<!ENTITY e0 "lol">'] + [f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10)]
    prolog = f"<!DOCTYPE rss [{''.join(levels)}]>\n"
    return _xml(_rss("<item><title>&e9;</title><guid>bomb</guid></item>", prolog=prolog))


def _gzip_bomb(_base: str, _now: datetime) -> Reply:
    head, tail = _rss("<item><title>@</title><guid>gzip</guid></item>").split(b"@")
    packer = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    block = b"A" * (1024 * 1024)
    parts = [packer.compress(head)]
    parts += [packer.compress(block) for _ in range(BOMB_BYTES // len(block))]
    parts += [packer.compress(tail), packer.flush()]
    return _xml(b"".join(parts), **{"Content-Encoding": "gzip"})


def _script(base: str, now: datetime) -> Reply:
    """Return a feed whose every text is an attack; `window.pwned` would be set by any that ran."""
    attacks = (
        "<script>window.pwned=1</script>",
        '<img src=x onerror="window.pwned=1">',
        '<svg/onload="window.pwned=1">',
        '<iframe srcdoc="<script>parent.pwned=1</script>"></iframe>',
        '<a href="javascript:window.pwned=1">more</a>',
        '<math><mtext></form><form><mglyph><style></math><img src onerror="window.pwned=1">',
    )
    links = (
        "javascript:window.pwned=1",
        "data:text/html,<script>window.pwned=1</script>",
        f'{base}/trouble/a?q="onmouseover=window.pwned=1 x="',
        "vbscript:msgbox(1)",
        " java\tscript:window.pwned=1",
        "//trouble.example/<script>",
    )
    items = [
        f"<item><title>{escape(f'Zangezur corridor: tunnel talk {n} {attack}')}</title><link>{escape(link)}</link>"
        f"<guid>script-{n}</guid><pubDate>{format_datetime(now)}</pubDate>"
        f"<dc:creator>{escape(attack)}</dc:creator><category>{escape(attack)}</category>"
        f"<description>{escape(f'<p>Surveyors of the Zangezur corridor met again. {attack}</p>')}</description></item>"
        for n, (attack, link) in enumerate(zip(attacks, links, strict=True), 1)
    ]
    return _xml(_rss("\n".join(items), title=escape(attacks[0])))


def _status(status: int, headers: dict[str, str] | None = None) -> Reply:
    page = f"<!doctype html><title>{status}</title><p>{status} <script>window.pwned=1</script></p>".encode()
    return Reply(status, {"Content-Type": "text/html; charset=utf-8", **(headers or {})}, page)


def _redirect_to(path: str) -> Callable[[str, datetime], Reply]:
    return lambda base, _now: Reply(302, {"Location": f"{base}{path}"}, b"")


def _slow(_base: str, _now: datetime) -> Reply:
    return Reply(200, {"Content-Type": "application/rss+xml"}, _rss("")[:-18], endless=True)
