"""Hostile HTML to safe HTML, and safe HTML to text.

Sanitising is nh3's (Ammonia: parsed by html5ever as browsers parse, then rebuilt from an allow-list), since every
sanitiser that edits text has been got round. What is added here happens before it, so it cannot undo it, or to its
output, which has one spelling: lower-case tags, double quotes, `<` in text always escaped.

What stays: paragraphs, headings, lists, tables, quotations, emphasis, links to http, https and mailto. Images go, their
`alt` text stays as text: a page of ours asks no other server for anything. No `style`, `class`, `id`, no form, no
media.
"""

from __future__ import annotations

import re
from functools import lru_cache
from html import escape, unescape
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

if TYPE_CHECKING:
    import nh3

LINK_REL: Final = "noopener noreferrer nofollow"
"""`rel` of every link: the target learns nothing, gains no handle on our page, and we vouch for nothing."""

_INLINE = (
    "a abbr b bdi bdo cite code del dfn em i img ins kbd mark q rp rt ruby s samp small span strong sub sup time u "
    "var wbr"
)
_BLOCKS = (
    "p br div h2 h3 h4 h5 h6 ul ol li dl dt dd blockquote pre hr figure figcaption table caption thead tbody tfoot tr"
)
_CELLS = "td th"
_ATTRIBUTES: Final = {
    "*": {"dir", "lang"},
    "a": {"href"},
    "abbr": {"title"},
    "img": {"alt"},
    "time": {"datetime"},
    "ol": {"start", "reversed"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
}
_DROPPED_WITH_CONTENT: Final = (
    "script style template noscript iframe frame frameset noframes noembed object embed applet svg math head title "
    "textarea select button audio video canvas map xmp"
)
# Elements that part text but may not stay: after sanitising they become `div` (and `h1`, of which a page has one,
# `h2`), so that no two words are glued where a tag goes.
_PARTING = (
    "main nav header footer aside section article form fieldset legend details summary dialog menu dir center address "
    "hgroup option optgroup marquee"
)
_TAGS: Final = frozenset(f"{_INLINE} {_BLOCKS} {_CELLS} {_PARTING} h1".split())
_RENAMED = re.compile(rf"<(/?)(?:{'|'.join(_PARTING.split())})(?=[\s>])")
_TOP_HEADING = re.compile(r"<(/?)h1(?=[\s>])")

_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff\ud800-\udfff]")
_ASCII_CONTROLS: Final = {code: None for code in (*range(32), 127) if chr(code) not in "\t\n\r"}
_MARKUP = re.compile(r"<[a-zA-Z/!?]")
_ESCAPED_TAG = re.compile(
    r"&lt;/?(?:p|br|div|a|b|i|em|strong|span|ul|ol|li|h[1-6]|img|blockquote|table|tr|td|figure)(?:\s|/|&gt;)",
    re.IGNORECASE,
)
_TWICE_ESCAPED = re.compile(
    r"&amp;((?:amp|lt|gt|quot|apos|nbsp|laquo|raquo|[lr][sd]quo|[bs]dquo|bdquo|sbquo|[mn]dash|hellip|bull|middot|copy"
    r"|#\d{1,7}|#[xX][0-9a-fA-F]{1,6});)"
)

# In nh3's output `<` and `>` stand for tags alone: in text and in values they are escaped (a test holds it to that).
_BREAK: Final = "\x00"
_TAG = re.compile(r"</?([a-z][a-z0-9]*)[^>]*>")
_PARTED_BY: Final = {
    **dict.fromkeys(_INLINE.split(), ""),
    **dict.fromkeys(_BLOCKS.split(), _BREAK),
    **dict.fromkeys(_CELLS.split(), " "),
}
_IMAGE = re.compile(r'<img(?: (?:dir|lang)="[^"]*")*(?: alt="([^"]*)")?(?: (?:dir|lang)="[^"]*")*>')
_SAYS_MORE = re.compile(r"<(?!/|(?:p|br|div|span)[ >])")

MAX_TAGS: Final = 20_000
MAX_DEPTH: Final = 200
"""Signs `<` and nested elements beyond which an article is no article: its markup is cut out by pattern and only text
is kept, since the rules by which browsers repair nesting cost the square of the depth."""


class Cleaned(NamedTuple):
    """Safe HTML, and the same as plain text."""

    html: str
    text: str


NOTHING: Final = Cleaned("", "")


def clean(html: str, base: str = "") -> Cleaned:
    """Return safe HTML and its text; see `clean_html` and `html_to_text`, which this does in one pass."""
    if not html:
        return NOTHING
    html = repair_escapes(without_controls(html))
    if not _MARKUP.search(html):
        text = collapse(unescape(html))
        return Cleaned(escape(text, quote=False), text)
    if is_excessive(html):
        text = collapse(unescape(_RUDE_TAG.sub(" ", html)))
        return Cleaned(escape(text, quote=False), text)
    safe = _cleaner(base).clean(html)
    if "<img" in safe:
        safe = _IMAGE.sub(_alternative, safe)
    text, renames = _text_of(safe)
    if not text:
        return NOTHING
    if renames:
        safe = _TOP_HEADING.sub(r"<\1h2", _RENAMED.sub(r"<\1div", safe))
    return Cleaned(safe, text)


def clean_html(html: str, base: str = "") -> str:
    """Return `html` with nothing left that runs, loads or styles; relative links resolved against `base`, else dropped.

    The result is a well-formed fragment; every link carries LINK_REL. Markup that was escaped once too often is read as
    markup (and then sanitised).
    """
    return clean(html, base).html


def html_to_text(html: str) -> str:
    """Return what a reader sees of `html`, as plain text.

    Blocks and `br` part lines, table cells part words, inline tags do neither (`<b>Zan</b>gezur` is one word); scripts,
    styles, forms' fields and media are left out; white space is collapsed; entities are characters.
    """
    return clean(html).text


def plain_to_html(text: str) -> Cleaned:
    """Return `text` that is stated to be no HTML, as HTML and as text; its line breaks stay."""
    lines = [line for line in map(collapse, without_controls(text).splitlines()) if line]
    return Cleaned("<br>".join(escape(line, quote=False) for line in lines), "\n".join(lines))


def is_excessive(html: str) -> bool:
    """Tell whether `html` has too many tags, or nests them too deeply, to be parsed as browsers do."""
    tags = html.count("<")
    if tags <= MAX_DEPTH:
        return False
    depth = deepest = 0
    for found in _NESTING.finditer(html):
        depth = depth + 1 if found.group(1) == "" else max(0, depth - 1)
        deepest = max(deepest, depth)
    return tags > MAX_TAGS or deepest > MAX_DEPTH


def title_text(value: str, *, plain: bool = False) -> str:
    """Return a title on one line, its markup (unless `plain`) and its entities resolved."""
    value = without_controls(value)
    if plain or not ("&" in value or "<" in value):
        return collapse(value)
    value = repair_escapes(value)
    if _MARKUP.search(value):
        return collapse(clean(value).text)
    return collapse(unescape(value)) if "&" in value else collapse(value)


def says_more(safe: str) -> bool:
    """Tell whether sanitised HTML shows anything that its text does not, such as a link or a list."""
    return _SAYS_MORE.search(safe) is not None


def without_controls(text: str) -> str:
    """Return `text` without control characters, lone surrogates and non-characters; tab and line breaks stay."""
    if text.isascii():
        return text.translate(_ASCII_CONTROLS)
    return text if text.isprintable() else _CONTROLS.sub("", text)


def collapse(text: str) -> str:
    """Return `text` with every run of white space as one space, and none at the ends."""
    return " ".join(text.split())


def repair_escapes(html: str) -> str:
    """Return `html` one level less escaped where it was plainly escaped once too often.

    That is where it holds no tag but escaped ones (`&lt;p&gt;`), for `&amp;` before the name of another entity, and for
    the marks of a CDATA section inside another.
    """
    if "<![CDATA[" in html:
        # A section within a section: the inner marks came through as text.
        html = html.replace("<![CDATA[", "").replace("]]>", "")
    if "&" not in html:
        return html
    if not _MARKUP.search(html) and _ESCAPED_TAG.search(html):
        html = unescape(html)
    return _TWICE_ESCAPED.sub(r"&\1", html) if _TWICE_ESCAPED.search(html) else html


_RUDE_TAG = re.compile(r"<[^<>]*>?")
# Every tag that can nest; void elements and those that end each other cannot.
_NESTING = re.compile(
    r"<(/?)(?!(?:area|base|br|col|dd|dt|embed|hr|img|input|li|link|meta|option|p|param|source|td|th|tr|track|wbr)[\s/>])"
    r"[a-zA-Z]",
    re.IGNORECASE,
)


def _alternative(found: re.Match[str]) -> str:
    text = collapse(unescape(found.group(1) or ""))
    return f" {escape(text, quote=False)} " if text else ""


def _text_of(safe: str) -> tuple[str, bool]:
    """Return the text of sanitised HTML, and whether it has tags that are to be renamed."""
    renames = False
    if "<" in safe:
        parts: list[str | None] = [*_TAG.split(safe)]
        marks = [_PARTED_BY.get(name or "") for name in parts[1::2]]
        renames = None in marks
        parts[1::2] = [_BREAK if mark is None else mark for mark in marks] if renames else marks
        safe = "".join(part for part in parts if part)
    if "&" in safe:
        # The four references that an HTML serialiser writes (HTML, 13.3, escaping a string).
        safe = safe.replace("&nbsp;", " ").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    lines = " ".join(safe.split()).split(_BREAK)
    return "\n".join([line for line in map(_line, lines) if line]), renames


def _line(text: str) -> str:
    text = text.strip()
    return text if text.isprintable() else collapse(_CONTROLS.sub("", text))


@lru_cache(maxsize=64)
def _cleaner(base: str) -> nh3.Cleaner:
    import nh3

    def build(relative: Literal["deny"] | tuple[Literal["rewrite_with_base"], str]) -> nh3.Cleaner:
        return nh3.Cleaner(
            tags=set(_TAGS),
            clean_content_tags=set(_DROPPED_WITH_CONTENT.split()),
            attributes={tag: set(names) for tag, names in _ATTRIBUTES.items()},
            url_schemes={"http", "https", "mailto"},
            link_rel=LINK_REL,
            url_relative=relative,
        )

    if is_web_address(base):
        try:
            return build(("rewrite_with_base", base))
        except ValueError:
            # A base that is no address, such as one with a bad port: as if there were none.
            return build("deny")
    return build("deny")


_WEB_ADDRESS = re.compile(r"https?://[^/\s]", re.IGNORECASE)


def is_web_address(url: str) -> bool:
    """Tell whether `url` is absolute and of a scheme that a link may have."""
    return _WEB_ADDRESS.match(url) is not None
