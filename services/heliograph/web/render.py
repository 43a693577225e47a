"""Jinja2, autoescaped and strict: an unknown name in a template is an error, never an empty string."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import nh3
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.responses import HTMLResponse

from heliograph.web.chart import HEIGHT, WIDTH
from heliograph.web.present import ago, clock, country_name, iso

HERE: Final = Path(__file__).parent
STATIC: Final = HERE / "static"
_TEXT_TAGS = "a abbr b blockquote br cite code del em hr i ins kbd p pre q s samp small span strong sub sup u var"
_LIST_TAGS = "dd dl dt figcaption figure h1 h2 h3 h4 h5 h6 li ol ul"
_TABLE_TAGS = "caption table tbody td tfoot th thead tr"
_TAGS = set(f"{_TEXT_TAGS} {_LIST_TAGS} {_TABLE_TAGS}".split())
_HEADING = re.compile(r"<(/?)h[1-6]>")
_QUOTED = re.compile(r"`([^`]+)`")
_EMPTY_LINK = re.compile(r"<a[^>]*>\s*</a>")


class Renderer:
    """Templates by name. Safe to use from many threads."""

    def __init__(self) -> None:
        self._env = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._env.filters.update(
            clock=clock,
            iso=iso,
            country=country_name,
            article_html=article_html,
            query_string=query_string,
            coded=coded,
        )
        self._env.globals.update(ago=ago, chart_width=WIDTH, chart_height=HEIGHT)
        self._static = {name: _digest(STATIC / name) for name in ("style.css", "app.js", "complete.js")}
        self._env.globals["static"] = self.address

    def text(self, template: str, values: Mapping[str, Any]) -> str:
        """Return the rendered template."""
        return self._env.get_template(template).render(values)

    def page(self, template: str, values: Mapping[str, Any], status: int = 200) -> HTMLResponse:
        """Return the rendered template as an HTML answer."""
        return HTMLResponse(self.text(template, values), status)

    def address(self, name: str) -> str:
        """Return the address of a static file; it changes with the file's content."""
        return f"/static/{name}?{self._static[name]}"


def article_html(html: str) -> Markup:
    """Clean article HTML once more, for the page it is shown on.

    Only text-level and table elements stay, without images (a page makes no request off its origin), attributes or
    headings (they would stand among the page's own); links open without referrer and vouch for nothing.
    """
    cleaned = nh3.clean(
        html,
        tags=_TAGS,
        clean_content_tags={"script", "style", "template", "noscript", "iframe", "object", "svg", "math", "textarea"},
        attributes={"a": {"href"}},
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
    )
    cleaned = _HEADING.sub(lambda found: f"<{found[1]}p>" if found[1] else '<p class="h">', cleaned)
    return Markup(_EMPTY_LINK.sub("", cleaned))  # noqa: S704 - cleaned by nh3 two lines above


def coded(message: str) -> Markup:
    """Return a message with what it quotes in backticks as code, the way the terminal's words read on a page."""
    return Markup(_QUOTED.sub(r"<code>\1</code>", str(escape(message))))  # noqa: S704 - escaped before


def query_string(values: Mapping[str, object]) -> str:
    """Return `?a=b&…` of the values that are not empty."""
    return f"?{urlencode({name: value for name, value in values.items() if value not in ('', None)})}"


def _digest(path: Path) -> str:
    return hashlib.blake2b(path.read_bytes(), digest_size=4).hexdigest()
