"""What a feed says, as plain records.

Promises of every function that returns these: times are aware and in UTC; `link` is absolute wherever a base was known;
`guid` is what the feed states; `html` and everything named HTML here is sanitised; plain text holds no markup, no
control characters and no run of spaces. Nothing depends on the clock, the network or an earlier call.
"""

from __future__ import annotations

from datetime import datetime

import msgspec


class ParseOptions(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Limits and switches of one parse."""

    max_items: int = 2000
    """Items read from one body; the rest is counted in `ParsedFeed.dropped`."""
    max_item_bytes: int = 256 * 1024
    """Bytes of UTF-8 that one item's summary and content may have each; what is beyond is cut off and said."""
    reference_only: bool = False
    """Skip the quick path: the switch for a feed that it gets wrong."""


class ParsedItem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One item of a feed."""

    title: str
    """Plain text; the beginning of the text where the feed gives none (see `titled_from_text`)."""
    link: str = ""
    guid: str = ""
    """As the feed states it (RSS `guid`, Atom `id`, JSON Feed `id`, RDF `rdf:about`); empty where it states none."""
    summary: str = ""
    """Sanitised HTML of the summary; empty where the feed has none besides the content."""
    content: str = ""
    """Sanitised HTML of the body; empty where the feed has none."""
    html: str = ""
    """What to show: `content`, else `summary`; empty where it says no more than `text`."""
    text: str = ""
    """The body, else the summary, as plain text; paragraphs are parted by a line feed."""
    language: str = ""
    """Primary language subtag, or empty."""
    authors: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    published: datetime | None = None
    """When the feed says it was published, else when updated, else created; may lie in the future."""
    updated: datetime | None = None
    titled_from_text: bool = False


class ParsedFeed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One feed, items in feed order."""

    title: str = ""
    link: str = ""
    language: str = ""
    """Primary language subtag as declared, which is a hint only: wrong ones are normal."""
    items: tuple[ParsedItem, ...] = ()
    dropped: int = 0
    """Items beyond `ParseOptions.max_items`."""
    problems: tuple[str, ...] = ()
    """What was repaired, cut or not understood, a line each, such as a date with its text; at most 50."""
    quick: bool = False
    """True where the quick path's reading was taken."""


Dates = list[tuple[str, datetime | None]]
"""Dates as stated and, where a reader understood them, as moments; in falling order of trust."""


class RawText(msgspec.Struct, frozen=True):
    """A text as a reader found it: `plain` says that it is no HTML, `base` resolves what is relative in it."""

    value: str = ""
    plain: bool = False
    base: str = ""


class RawItem(msgspec.Struct, kw_only=True):
    """An item as one of the readers found it, before limits, cleaning and dates."""

    title: RawText = RawText()
    link: str = ""
    guid: str = ""
    summary: RawText = RawText()
    content: RawText = RawText()
    language: str = ""
    authors: list[str] = []
    categories: list[str] = []
    published: Dates = []
    updated: Dates = []


class RawFeed(msgspec.Struct, kw_only=True):
    """A feed as one of the readers found it."""

    title: RawText = RawText()
    link: str = ""
    language: str = ""
    items: list[RawItem] = []
    dropped: int = 0
    problems: list[str] = []
    recognised: bool = True
    """False where no root element of a known format was seen."""
