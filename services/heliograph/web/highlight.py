"""From evidence offsets to safe HTML: marks, and snippets cut at word boundaries.

Offsets count code points in the text as published. Whatever they say, nothing is lost, repeated or left unescaped: the
text content of the result is exactly the part of the published text that it shows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup, escape

from heliograph.core.article import Evidence

TOPIC: Final = 1
QUERY: Final = 2
_CLASSES = {TOPIC: "t", QUERY: "q", TOPIC | QUERY: "t q"}


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open range of code points to mark, and for whom: TOPIC, QUERY or both."""

    start: int
    end: int
    kind: int = TOPIC


@dataclass(frozen=True, slots=True)
class Snippet:
    """A window on a text; `head` says whether something was left out before it, `tail` whether the text goes on."""

    start: int
    end: int
    html: Markup
    head: bool
    tail: bool


def spans_of(evidence: Iterable[Evidence], field: str, kind: int = TOPIC) -> list[Span]:
    """Return the spans of the evidence that stands in `field`."""
    return [Span(e.start, e.end, kind) for e in evidence if e.field == field]


def merge(spans: Iterable[Span], length: int) -> list[Span]:
    """Return the spans within [0, length), rising and apart: those that overlap or touch become one.

    A merged span has the kinds of all its parts.
    """
    inside = [Span(max(0, s.start), min(length, s.end), s.kind) for s in spans]
    merged: list[Span] = []
    for span in sorted((s for s in inside if s.start < s.end), key=lambda s: (s.start, s.end)):
        if merged and span.start <= merged[-1].end:
            last = merged[-1]
            merged[-1] = Span(last.start, max(last.end, span.end), last.kind | span.kind)
        else:
            merged.append(span)
    return merged


def mark(text: str, spans: Iterable[Span], start: int = 0, end: int | None = None) -> Markup:
    """Return `text[start:end]` as HTML with the spans in `<mark>` elements."""
    end = len(text) if end is None else end
    parts: list[Markup] = []
    position = start
    for span in merge(spans, len(text)):
        first, last = max(span.start, start), min(span.end, end)
        if first >= last:
            continue
        parts.append(escape(text[position:first]))
        parts.append(Markup('<mark class="{}">{}</mark>').format(_CLASSES[span.kind], text[first:last]))
        position = last
    parts.append(escape(text[position:end]))
    return Markup("").join(parts)


def snippets(text: str, spans: Iterable[Span], *, width: int = 260, count: int = 2) -> list[Snippet]:
    """Return up to `count` windows of about `width` code points around the spans, in order; without spans, the start.

    Windows begin and end at spaces where one is near, and never cut a mark that fits.
    """
    merged = merge(spans, len(text))
    if not merged:
        return [_snippet(text, [], 0, _word_end(text, width), head=False)] if text else []
    found: list[Snippet] = []
    position = 0
    for window in _windows(merged, width)[:count]:
        spare = max(0, width - (window[-1].end - window[0].start))
        start = max(position, _word_start(text, window[0].start - spare // 3))
        if start - position <= _REACH:
            start = position
        end = _word_end(text, max(window[-1].end, start + width))
        found.append(_snippet(text, merged, start, end, head=start > position))
        position = end
        if end == len(text):
            break
    return found


def _windows(merged: Sequence[Span], width: int) -> list[list[Span]]:
    """Group spans that fit into one window of `width`."""
    groups: list[list[Span]] = []
    for span in merged:
        if groups and span.end - groups[-1][0].start <= width:
            groups[-1].append(span)
        else:
            groups.append([span])
    return groups


def _snippet(text: str, merged: Sequence[Span], start: int, end: int, *, head: bool) -> Snippet:
    return Snippet(start, end, mark(text, merged, start, end), head, tail=end < len(text))


_REACH = 32
"""How far to look for a space (a longer unbroken run is cut), and the gap between windows not worth leaving out."""


def _word_start(text: str, position: int) -> int:
    if position <= 0:
        return 0
    for candidate in range(position, max(0, position - _REACH), -1):
        if text[candidate - 1].isspace():
            return candidate
    return position


def _word_end(text: str, position: int) -> int:
    if position >= len(text):
        return len(text)
    for candidate in range(position, min(len(text), position + _REACH)):
        if text[candidate].isspace():
            return candidate
    return position


def paragraphs(text: str, spans: Iterable[Span]) -> list[Markup]:
    """Return the non-empty lines of `text`, each as HTML with its marks."""
    merged = merge(spans, len(text))
    found: list[Markup] = []
    start = 0
    for line in text.split("\n"):
        end = start + len(line)
        if line.strip():
            found.append(mark(text, merged, start, end))
        start = end + 1
    return found
