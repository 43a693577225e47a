"""What may stand where a query is being written: fields, their values, concepts, operators. Pure.

The part before the place is cut by the query's own lexer, so that what is proposed is what the parser would take.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from heliograph.core.text import fold
from heliograph.errors import QueryError
from heliograph.query.lexer import terminals
from heliograph.query.tree import FIELDS, KEYWORD_FIELDS, NAME_FIELDS, TIME_FIELDS

Kind = Literal["field", "value", "concept", "operator"]
Values = Callable[[str], Iterable[tuple[str, str, str]]]
"""Takes a field, gives its values, the most wanted first: as written in a query, their name for people or an empty
text, and a word on it such as how many articles."""

MOST = 20
"""Suggestions at most."""
MOMENTS = (
    ("now-1d", "the last 24 hours"),
    ("now-7d", "the last week"),
    ("now-30d", "the last 30 days"),
    ("now/d", "today"),
)
OPERATORS = (
    ("and", "both sides"),
    ("or", "either side"),
    ("near/10", "within 10 words of each other"),
    ("before/10", "in this order, within 10 words"),
)
_FRAGMENT = re.compile(r'[^\s()"“”„‟«»:<>=]*\Z')
_PLAIN = re.compile(r"[^\s()\"“”„‟«»:<>=\\*@~]+")
_FIELD = re.compile(r"[\w.@-]+")
_OPEN = frozenset({"", "_AND", "_OR", "NOT", "NEAR", "LPAR"})
"""Terminals behind which something to look for is expected."""
_ABOUT = {
    **dict.fromkeys(("title", "text"), "words in it"),
    **dict.fromkeys(KEYWORD_FIELDS, "one of its values"),
    **dict.fromkeys(NAME_FIELDS, "words of a name"),
    **dict.fromkeys(TIME_FIELDS, "a date, a time or now-7d"),
}


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One text that may stand there."""

    text: str
    kind: Kind
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Completion:
    """Suggestions, each to be put in place of the code points from `start` to before `end`."""

    start: int
    end: int
    items: tuple[Suggestion, ...] = ()


def complete(text: str, at: int, *, concepts: Mapping[str, str], values: Values) -> Completion:
    """Return what may stand at `at`, a number of code points, given what stands before it.

    `concepts` are names by id. Nothing is proposed inside a quotation, nor behind something that is wrong: the parser's
    own error says more. Raises nothing.
    """
    at = max(0, min(at, len(text)))
    begun = _FRAGMENT.search(text, 0, at)
    start = begun.start() if begun else at
    try:
        before = list(terminals(text[:start]))
    except QueryError:
        return Completion(at, at)
    fragment, last = text[start:at], before[-1] if before else None
    kind = last.type if last is not None else ""
    if kind in ("FIELD", "COMPARE"):
        field = _FIELD.match(str(last))
        found = _of_field(field.group().lower() if field else "", fragment, concepts, values)
    elif fragment.startswith("@"):
        found = _concepts(fragment[1:], concepts)
    elif kind in _OPEN:
        found = _operands(fragment, concepts, begins=not before)
    else:
        found = (Suggestion(name, "operator", about) for name, about in OPERATORS if name.startswith(fragment.lower()))
    return Completion(start, at, tuple(found)[:MOST])


def _of_field(field: str, fragment: str, concepts: Mapping[str, str], values: Values) -> Iterator[Suggestion]:
    if field in TIME_FIELDS:
        yield from (Suggestion(name, "value", about) for name, about in MOMENTS if name.startswith(fragment.lower()))
    elif field in (*KEYWORD_FIELDS, *NAME_FIELDS):
        wanted = fold(fragment)
        listed = [row for row in values(field) if wanted in fold(row[0]) or wanted in fold(row[1])]
        # Those that begin as what is written come first; each group stays in its order.
        for value, name, about in sorted(listed, key=lambda row: not fold(row[0]).startswith(wanted)):
            yield Suggestion(_quoted(value), "value", ", ".join(part for part in (name, about) if part))
    elif fragment.startswith("@"):
        yield from _concepts(fragment[1:], concepts)


def _operands(fragment: str, concepts: Mapping[str, str], *, begins: bool) -> Iterator[Suggestion]:
    written = fragment.lower()
    yield from (Suggestion(f"{field}: ", "field", _ABOUT[field]) for field in FIELDS if field.startswith(written))
    if not begins and "not".startswith(written):
        yield Suggestion("not", "operator", "what must not be there")
    if not fragment:
        yield from _concepts("", concepts)


def _concepts(fragment: str, concepts: Mapping[str, str]) -> Iterator[Suggestion]:
    wanted = fragment.lower()
    by_id = [name for name in sorted(concepts) if name.startswith(wanted)]
    others, words = sorted(concepts.keys() - by_id), fold(fragment)
    by_name = [name for name in others if wanted in name or words in fold(concepts[name])]
    yield from (Suggestion(f"@{name}", "concept", concepts[name]) for name in (*by_id, *by_name))


def _quoted(value: str) -> str:
    """Return a value as it is written in a query."""
    if _PLAIN.fullmatch(value) and value.lower() not in ("and", "or", "not"):
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
