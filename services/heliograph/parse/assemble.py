"""What a reader found, made into the records of `port.py`: the same limits and repairs whoever read it."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final
from urllib.parse import urljoin, urlsplit

from heliograph.parse.dates import parse_date
from heliograph.parse.html import (
    NOTHING,
    Cleaned,
    clean,
    collapse,
    is_web_address,
    plain_to_html,
    says_more,
    title_text,
    without_controls,
)
from heliograph.parse.language import detect_language, primary_subtag
from heliograph.parse.port import Dates, ParsedFeed, ParsedItem, ParseOptions, RawFeed, RawItem, RawText

MAX_PROBLEMS: Final = 50
MAX_TITLE: Final = 1000
TITLE_FROM_TEXT: Final = 80
_MAX_ADDRESS: Final = 4096
_MAX_NAMES: Final = 50
_MAX_NAME: Final = 200
# Schemes that a browser runs; any other stays as the feed states it, for an identifier may be one (`urn:uuid:`).
_RUNNING_SCHEMES: Final = frozenset({"javascript", "vbscript", "data", "blob", "file", "about"})
_ORDINARY_ADDRESS = re.compile(r"https?://[A-Za-z0-9.-]+(?::\d+)?(?:/[!-~]{0,2000})?")
_ENTITY = re.compile(r"&(?:amp|lt|gt|quot|apos|nbsp|[lr][sd]quo|[lr]aquo|[mn]dash|hellip|#\d{2,6}|#x[0-9a-fA-F]{2,5});")


class Assembler:
    """Makes one feed's items; `base` is the feed's own address, `hint` the language it is expected to be in."""

    def __init__(self, raw: RawFeed, *, base: str, hint: str, options: ParseOptions) -> None:
        self._raw = raw
        self._base = base
        self._options = options
        self._problems = list(raw.problems)
        self.language = primary_subtag(raw.language)
        self._hint = self.language or primary_subtag(hint)
        self.link = self.address(raw.link, raw.title.base)

    def feed(self, *, quick: bool, dropped: int) -> ParsedFeed:
        """Return the whole feed."""
        waiting = self._raw.items[: self._options.max_items][::-1]
        dropped += len(self._raw.items) - len(waiting)
        self._raw.items.clear()
        made: list[ParsedItem] = []
        while waiting:
            # Each raw item is let go once it is read: a feed of megabytes is not held twice.
            made.append(self._item(waiting.pop()))
        items = tuple(made)
        if dropped:
            self._problems.append(f"{dropped} items beyond the limit of {self._options.max_items} are left out")
        if not items:
            self._problems.append("the feed has no items")
        problems = self._problems
        if len(problems) > MAX_PROBLEMS:
            problems = [*problems[: MAX_PROBLEMS - 1], f"and {len(problems) - MAX_PROBLEMS + 1} more"]
        return ParsedFeed(
            title=self._title(self._raw.title),
            link=self.link,
            language=self.language,
            items=items,
            dropped=dropped,
            problems=tuple(problems),
            quick=quick,
        )

    def _item(self, raw: RawItem) -> ParsedItem:
        content = self._clean(raw, raw.content)
        # One reader repeats the content as the summary where there is no other.
        summary = NOTHING if raw.summary.value == raw.content.value else self._clean(raw, raw.summary)
        shown = content if content.text else summary
        title = self._title(raw.title)
        stated = bool(title)
        if not stated:
            title = beginning(shown.text)
        hint = primary_subtag(raw.language) or self._hint
        return ParsedItem(
            title=title,
            link=self.address(raw.link),
            guid=collapse(without_controls(raw.guid))[:_MAX_ADDRESS],
            summary=summary.html,
            content=content.html,
            html=shown.html if says_more(shown.html) else "",
            text=shown.text,
            language=detect_language(f"{title} {shown.text[:500]}" if stated else shown.text[:500], hint),
            authors=self._names(raw.authors),
            categories=self._names(raw.categories),
            published=self._moment(raw.published, raw),
            updated=self._moment(raw.updated, raw),
            titled_from_text=not stated and bool(title),
        )

    def address(self, link: str, base: str = "") -> str:
        """Return an address resolved against its base; empty for one that would run in a browser or is no address."""
        if _ORDINARY_ADDRESS.fullmatch(link):
            return link
        link = "".join(without_controls(link).split())
        if not link or len(link) > _MAX_ADDRESS:
            return ""
        try:
            link = urljoin(urljoin(self._base, base), link)
            scheme = urlsplit(link).scheme.lower()
        except ValueError:
            self._problems.append(f"no web address: {link[:100]}")
            return ""
        if scheme in _RUNNING_SCHEMES:
            self._problems.append(f"link of the scheme {scheme} left out")
            return ""
        return link

    def _title(self, raw: RawText) -> str:
        # Cut before it is read as HTML, which costs; markup and entities are longer than what they show.
        return title_text(raw.value[: 8 * MAX_TITLE], plain=raw.plain and not _is_escaped(raw.value))[:MAX_TITLE]

    def _clean(self, item: RawItem, raw: RawText) -> Cleaned:
        if not raw.value:
            return NOTHING
        value = self._capped(raw.value)
        if raw.plain and not _is_escaped(value):
            return plain_to_html(value)
        return clean(value, self._base_of(item, raw))

    def _base_of(self, item: RawItem, raw: RawText) -> str:
        if raw.base:
            return urljoin(self._base, raw.base)
        if self._base or is_web_address(self.link):
            return self._base or self.link
        return item.link if is_web_address(item.link) else ""

    def _capped(self, value: str) -> str:
        limit = self._options.max_item_bytes
        if len(value) * 4 <= limit:
            return value
        encoded = value.encode("utf-8", "replace")
        if len(encoded) <= limit:
            return value
        self._problems.append(f"an item of {len(encoded)} bytes is cut at {limit}")
        return encoded[:limit].decode("utf-8", "ignore")

    def _names(self, names: list[str]) -> tuple[str, ...]:
        cleaned = (title_text(name[: 4 * _MAX_NAME])[:_MAX_NAME] for name in names[:_MAX_NAMES])
        return tuple(dict.fromkeys(name for name in cleaned if name))

    def _moment(self, dates: Dates, item: RawItem) -> datetime | None:
        for text, understood in dates:
            # Ours first: it is the stricter one, and knows the zones and months of the region.
            moment = parse_date(text) or understood
            if moment is not None:
                return moment
        if dates and dates is item.published:
            self._problems.append(f"date not understood: {collapse(dates[0][0])[:100]}")
        return None


def beginning(text: str) -> str:
    """Return the first 80 characters or so of `text` on one line, cut between words, as a title for what has none."""
    line = collapse(text[: 4 * TITLE_FROM_TEXT])
    if len(line) <= TITLE_FROM_TEXT:
        return line
    cut = line.rfind(" ", 0, TITLE_FROM_TEXT + 1)
    return line[: cut if cut >= TITLE_FROM_TEXT // 2 else TITLE_FROM_TEXT]


def _is_escaped(value: str) -> bool:
    """Tell whether text that is stated to be plain shows entities, as some publishers escape once too often."""
    return "&" in value and _ENTITY.search(value) is not None
