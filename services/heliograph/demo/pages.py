"""The two HTML pages of the demo server: the index of feeds, and one page for each article. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from html import escape

from heliograph.demo.content import Item, Outlet, World, published, visible
from heliograph.demo.hostile import Trouble
from heliograph.demo.render import feed_path

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;width:100%}th,td{text-align:start;padding:.2rem .6rem;border-bottom:1px solid #ccc}"
)
_RIGHT_TO_LEFT = {"fa"}


def _page(title: str, body: str, language: str = "en", head: str = "") -> str:
    direction = "rtl" if language in _RIGHT_TO_LEFT else "ltr"
    return (
        f'<!doctype html><html lang="{language}" dir="{direction}"><head><meta charset="utf-8">'
        f"<title>{escape(title)}</title>{head}<style>{_STYLE}</style></head><body>{body}</body></html>\n"
    )


def subscribed_path(outlet: Outlet) -> str:
    """Return the path under which the outlet's feed is subscribed: the former one where it has moved."""
    return f"/{outlet.moved_from}" if outlet.moved_from else feed_path(outlet)


def index_page(world: World, trouble: Iterable[Trouble], elapsed: float) -> str:
    """Return the list of feeds, with how many of their articles have appeared after `elapsed` seconds."""
    rows = []
    for outlet in world.outlets:
        shown, kinds = visible(outlet, elapsed), Counter(item.kind for item in outlet.articles)
        rows.append(
            f'<tr><td><a href="{subscribed_path(outlet)}">{escape(outlet.title)}</a></td><td>{outlet.language}</td>'
            f"<td>{outlet.format}, {outlet.encoding}</td><td>{len(shown)} of {len(outlet.articles)}</td>"
            f"<td>{kinds['hit']} hits, {kinds['copy']} copies, {kinds['near-miss']} near misses</td></tr>"
        )
    hostile = "".join(f'<li><a href="/trouble/{t.slug}">{t.slug}</a>: {escape(t.about)}</li>' for t in trouble)
    return _page(
        "Heliograph demo feeds",
        "<h1>Heliograph demo feeds</h1><p>Outlets, people, quotes and events are invented. "
        f"{elapsed:.0f} seconds have passed; articles appear over the first ten minutes. "
        '<a href="/sources.yaml">sources.yaml</a></p>'
        "<table><tr><th>Feed</th><th>Language</th><th>Format</th><th>Appeared</th><th>In all</th></tr>"
        f"{''.join(rows)}</table><h2>Broken and hostile feeds</h2><ul>{hostile}</ul>",
    )


def article_page(outlet: Outlet, item: Item, base: str, started: datetime) -> str:
    """Return the page that the article's link leads to."""
    moment = published(item, started).isoformat(timespec="seconds")
    authors = escape(", ".join(item.authors) or outlet.title)
    return _page(
        f"{item.title} | {outlet.title}",
        f'<article><h1>{escape(item.title)}</h1><p>{authors}, <time datetime="{moment}">{moment}</time></p>'
        f'{item.body}</article><footer><a href="/">{escape(outlet.title)}</a>: an invented outlet</footer>',
        outlet.language,
        f'<link rel="canonical" href="{base}/articles/{item.guid}">',
    )
