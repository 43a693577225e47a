"""The tree of a query: what every engine evaluates, compiles or explains.

Text is already folded (`core.text`), concepts are already resolved to their terms, and relative times to moments, so an
engine needs nothing but the tree. Nodes compare equal whatever their positions in the query text. Operands of `near`
and `before` are flat by construction: words, prefixes, phrases, stems, concepts and or-groups of these.
"""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field as attribute
from datetime import datetime
from enum import Enum
from typing import Literal

TextField = Literal["", "title", "text"]
"""Where text is looked for; "" is title or text, each on its own: a phrase or chain never runs across."""

TEXT_FIELDS = ("title", "text")
KEYWORD_FIELDS = ("source", "feed", "country", "ownership", "language", "topic", "concept", "story", "url")
"""Compared whole, folded; prefixes allowed."""
NAME_FIELDS = ("author", "category")
"""Compared as a phrase of folded words anywhere in one of their values."""
TIME_FIELDS = ("published", "fetched")
FIELDS = (*TEXT_FIELDS, *KEYWORD_FIELDS, *NAME_FIELDS, *TIME_FIELDS)


class Mode(Enum):
    """How an atom is compared with a token."""

    EXACT = "exact"
    PREFIX = "prefix"
    STEM = "stem"


@dataclass(frozen=True, slots=True)
class Atom:
    """One position of a term: a folded token, a prefix of one, or the stem key of one (see `query.morphology`)."""

    text: str
    mode: Mode = Mode.EXACT
    language: str = ""
    """For stems: the language whose stemmer made `text`; empty otherwise."""


@dataclass(frozen=True, slots=True)
class Term:
    """A word, prefix, stem or phrase: its atoms hold at consecutive token positions of one field."""

    atoms: tuple[Atom, ...]
    written: str
    """As the query or concept file writes it."""
    position: int = attribute(default=0, compare=False)
    """Where it stands in the query text; 0 in a concept's term, which all queries share: `Concept.position` says it."""
    _hash: int = attribute(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Terms are keys of every memo of the matcher: their parts are hashed once.
        object.__setattr__(self, "_hash", hash((self.atoms, self.written)))

    def __hash__(self) -> int:
        return self._hash


@dataclass(frozen=True, slots=True)
class Concept:
    """`@id`: any of the terms that the concept's file lists."""

    id: str
    terms: tuple[Term, ...]
    position: int = attribute(default=0, compare=False)

    def __hash__(self) -> int:
        """By id alone: a concept has hundreds of terms, and two of one id are rarely different."""
        return hash(self.id)


@dataclass(frozen=True, slots=True)
class AnyOf:
    """An or-group inside a chain."""

    operands: tuple[Term | Concept, ...]


Operand = Term | Concept | AnyOf


@dataclass(frozen=True, slots=True)
class Chain:
    """`a near/N b near/N c` or `a before/N b before/N c`, within one field.

    There is a half-open span of tokens for each operand such that (end of the last - start of the first - sum of the
    lengths) <= distance. Spans may overlap when unordered; when ordered, each starts at or after the end of the one
    before. At least two operands, all different.
    """

    operands: tuple[Operand, ...]
    distance: int
    ordered: bool
    position: int = attribute(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Text:
    """A term, concept or chain, looked for in `field`."""

    what: Term | Concept | Chain
    field: TextField = ""


@dataclass(frozen=True, slots=True)
class Is:
    """`field: value` on a keyword or name field; `value` is folded, and a prefix where `prefix` is true."""

    field: str
    value: str
    prefix: bool = False
    written: str = ""
    """The whole clause as written, such as `topic: russia*`."""
    position: int = attribute(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Range:
    """`field >= value` and the like on a time field; a missing bound is open. Half-open: since <= time < until."""

    field: str
    since: datetime | None = None
    until: datetime | None = None
    written: str = ""
    """The whole clause as written, such as `published >= now-7d`."""
    position: int = attribute(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Exists:
    """`field: *`: the field has a value."""

    field: str
    position: int = attribute(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class All:
    """`*`: every document."""


@dataclass(frozen=True, slots=True)
class And:
    """Every node holds."""

    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """At least one node holds."""

    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The node does not hold."""

    node: Node


Node = Text | Is | Range | Exists | All | And | Or | Not
