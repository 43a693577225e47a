"""The way in: bytes of a feed to records."""

from __future__ import annotations

import re

from heliograph.errors import FeedError
from heliograph.parse.assemble import Assembler
from heliograph.parse.encoding import decode
from heliograph.parse.html import without_controls
from heliograph.parse.jsonfeed import looks_like_json, read_json
from heliograph.parse.port import ParsedFeed, ParseOptions, RawFeed
from heliograph.parse.quick import read_quick
from heliograph.parse.reference import read_reference

_ROOT = re.compile(
    r"<(?:\?xml|!DOCTYPE\s+(?!html)|(?:[A-Za-z][\w.-]*:)?(?:rss|feed|RDF|channel)(?=[\s>]))", re.IGNORECASE
)
_HTML = re.compile(r"\s*(?:<!--.{0,2000}?-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL)
_DECLARED_ENCODING = re.compile(r"(<\?xml[^>]{0,200}?)\s+encoding\s*=\s*(\"[^\"]*\"|'[^']*')", re.IGNORECASE)
_ITEM_START = re.compile(r"<(?:[A-Za-z][\w.-]*:)?(?:item|entry)(?=[\s/>])")
_ITEM_END = re.compile(r"</(?:[A-Za-z][\w.-]*:)?(?:item|entry)\s*>")
_JUNK_BEFORE_ROOT = 5000

DEFAULTS = ParseOptions()


def parse_feed(
    body: bytes, *, url: str = "", content_type: str = "", language_hint: str = "", options: ParseOptions = DEFAULTS
) -> ParsedFeed:
    """Return what the feed in `body` says.

    `url` is where it came from: the base of relative links that no `xml:base` governs. `content_type` is the
    transport's header, of which the charset counts. `language_hint` helps where the feed declares no language. RSS
    0.9x, 1.0 and 2.0, Atom 0.3 and 1.0, and JSON Feed 1 and 1.1 are read.

    A feed that is one but has no items is returned with `items` empty and a line in `problems`: it is no error of a
    poll. Raises FeedError with the reason `empty` (no bytes but white space), `html-page` or `not-a-feed`.
    """
    decoded = decode(body, content_type)
    # XML forbids them, and parsers refuse them or stop there (XML 1.0, section 2.2).
    text = without_controls(decoded.text).strip("\ufeff \t\r\n")
    if not text:
        raise FeedError("the body is empty", reason="empty")
    dropped = 0
    quick = False
    if looks_like_json(text):
        raw = read_json(text, options.max_items)
        dropped = raw.dropped
    else:
        text = _without_junk(text)
        declared = _DECLARED_ENCODING.match(text)
        if declared:
            text = f'{declared.group(1)} encoding="utf-8"{text[declared.end() :]}'
        text, dropped = _cut_items(text, options.max_items)
        found = None if options.reference_only else read_quick(text, options.max_items)
        quick = found is not None
        raw = found if found is not None else _second_reading(text, options)
        if not raw.items and not raw.recognised:
            raise _no_feed(text)
    raw.problems[:0] = decoded.problems
    # The text is big, and what is made of it too: one at a time.
    del decoded, text
    return Assembler(raw, base=url, hint=language_hint, options=options).feed(quick=quick, dropped=dropped)


def _second_reading(text: str, options: ParseOptions) -> RawFeed:
    try:
        return read_reference(text)
    except Exception as error:
        # The reference raises what it happens to trip over, such as ValueError for one bad address among a hundred
        # items.
        found = read_quick(text, options.max_items, believe=True)
        if found is None:
            raise FeedError(f"cannot be read as a feed: {' '.join(str(error).split())[:120]}") from error
        found.problems.append("read by the quick path alone: the reference cannot read it")
        return found


def _no_feed(text: str) -> FeedError:
    if _HTML.match(text):
        return FeedError("an HTML page, not a feed: look for the feed's own address", reason="html-page")
    shown = " ".join(text[:60].split())
    return FeedError(f"no RSS, Atom or JSON Feed; it begins with: {shown}", reason="not-a-feed")


def _without_junk(text: str) -> str:
    """Return `text` from its root or XML declaration on, where something else, such as a warning of PHP, stands before.

    An HTML page stays as it is: what is in it is not its root.
    """
    if text.startswith("<?xml") or _HTML.match(text):
        return text
    found = _ROOT.search(text, 0, _JUNK_BEFORE_ROOT)
    return text[found.start() :] if found else text


def _cut_items(text: str, limit: int) -> tuple[str, int]:
    """Return `text` without the items beyond `limit`, well-formed where it was so, and how many they were.

    The limit has to act before the parsers do: the reference needs seconds for a hundred thousand items.
    """
    if text.count("item") + text.count("entry") <= limit:
        return text, 0
    starts = [found.start() for found in _ITEM_START.finditer(text)]
    if len(starts) <= limit:
        return text, 0
    ends = [found.end() for found in _ITEM_END.finditer(text, starts[-1])]
    tail = text[ends[-1] :] if ends else ""
    return text[: starts[limit]] + tail, len(starts) - limit
