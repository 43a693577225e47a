"""What an inverted index with positions can say exactly, as data: the vocabulary that plans are written in.

A clause names documents. The constructors `both`, `either` and `without` simplify as they build, so that an empty or
all-embracing part never reaches an engine.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass

from heliograph.query.tree import Atom, Mode

PATTERN_COST = 8
"""What a prefix costs where its positions are asked for, next to a look-up by itself."""


@dataclass(frozen=True, slots=True)
class Every:
    """All documents."""


@dataclass(frozen=True, slots=True)
class Nothing:
    """No document."""


@dataclass(frozen=True, slots=True)
class Word:
    """The field holds this token or value; with `prefix`, one that starts so."""

    field: str
    text: str
    prefix: bool = False


@dataclass(frozen=True, slots=True)
class Phrase:
    """The atoms (words and prefixes) hold at consecutive positions of the field."""

    field: str
    atoms: tuple[Atom, ...]


@dataclass(frozen=True, slots=True)
class Within:
    """A token of `right` stands `low` to `high` positions behind a token of `left`; negative means before it."""

    field: str
    left: tuple[Atom, ...]
    right: tuple[Atom, ...]
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Between:
    """The number in the field lies in [low, high); a missing bound is open, but not both."""

    field: str
    low: int | None = None
    high: int | None = None


@dataclass(frozen=True, slots=True)
class OneOf:
    """The document's id is among these."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Both:
    """Every clause names the document."""

    clauses: tuple[Clause, ...]


@dataclass(frozen=True, slots=True)
class Either:
    """At least one clause names the document."""

    clauses: tuple[Clause, ...]


@dataclass(frozen=True, slots=True)
class Without:
    """The clause does not name the document."""

    clause: Clause


Clause = Every | Nothing | Word | Phrase | Within | Between | OneOf | Both | Either | Without


def both(clauses: Iterable[Clause]) -> Clause:
    """Return the intersection; of none, every document."""
    kept: dict[Clause, None] = {}
    for clause in clauses:
        if isinstance(clause, Nothing):
            return clause
        if not isinstance(clause, Every):
            kept.update(dict.fromkeys(clause.clauses if isinstance(clause, Both) else (clause,)))
    parts = tuple(kept)
    return parts[0] if len(parts) == 1 else Both(parts) if parts else Every()


def either(clauses: Iterable[Clause]) -> Clause:
    """Return the union; of none, no document. What names nothing beyond another part is left out."""
    kept: dict[Clause, None] = {}
    for clause in clauses:
        if isinstance(clause, Every):
            return clause
        if not isinstance(clause, Nothing):
            kept.update(dict.fromkeys(clause.clauses if isinstance(clause, Either) else (clause,)))
    parts = tuple(clause for clause in kept if not _inside(clause, kept))
    return parts[0] if len(parts) == 1 else Either(parts) if parts else Nothing()


def _inside(clause: Clause, union: Container[Clause]) -> bool:
    """Whether it is plain that other parts of `union` name every document that `clause` names.

    `@a or (@a near/5 @b)` is `@a`: so the engine is not asked for distances that change nothing.
    """
    match clause:
        case Both(parts):
            return any(part in union or (isinstance(part, Either) and _all_in(part.clauses, union)) for part in parts)
        case Within(field, left, right):
            return any(_all_in((_word(field, atom) for atom in side), union) for side in (left, right))
        case Phrase(field, atoms):
            return any(_word(field, atom) in union for atom in atoms)
        case _:
            return False


def _all_in(clauses: Iterable[Clause], union: Container[Clause]) -> bool:
    return all(clause in union for clause in clauses)


def _word(field: str, atom: Atom) -> Word:
    return Word(field, atom.text, atom.mode is Mode.PREFIX)


def beyond(clause: Clause, known: Clause) -> Clause:
    """Return what `clause` names and `known` does not, without asking for parts of the one that the other names."""
    denied = set(known.clauses if isinstance(known, Either) else (known,))
    parts = clause.clauses if isinstance(clause, Either) else (clause,)
    return both([either(part for part in parts if part not in denied), without(known)])


def without(clause: Clause) -> Clause:
    """Return the complement."""
    match clause:
        case Every():
            return Nothing()
        case Nothing():
            return Every()
        case Without(inner):
            return inner
        case _:
            return Without(clause)


def cost(clause: Clause) -> int:
    """Return roughly how much work a clause is, in look-ups of a word; patterns and distances are dear."""
    match clause:
        case Both(parts) | Either(parts):
            return sum(map(cost, parts))
        case Without(inner):
            return cost(inner)
        case Phrase(_, atoms):
            patterns = sum(atom.mode is Mode.PREFIX for atom in atoms)
            return len(atoms) + PATTERN_COST * patterns
        case Within(_, left, right):
            return PATTERN_COST * (len(left) + len(right))
        case _:
            return 1


def describe(clause: Clause, indent: str = "") -> str:
    """Return the clause as indented lines for a person."""
    match clause:
        case Both(parts) | Either(parts):
            name = "all of" if isinstance(clause, Both) else "any of"
            return "\n".join([f"{indent}{name}", *(describe(part, indent + "  ") for part in parts)])
        case Without(inner):
            return f"{indent}without\n{describe(inner, indent + '  ')}"
        case Every():
            return f"{indent}every document"
        case Nothing():
            return f"{indent}no document"
        case Word(field, text, prefix):
            return f"{indent}{field}: {text}{'*' if prefix else ''}"
        case Phrase(field, atoms):
            return f'{indent}{field}: "{" ".join(map(_written, atoms))}"'
        case Within(field, left, right, low, high):
            return f"{indent}{field}: {_set(left)} then {_set(right)} at {low:+d} to {high:+d} tokens"
        case Between(field, low, high):
            return f"{indent}{field}: {'' if low is None else low} ..< {'' if high is None else high}"
        case OneOf(ids):
            return f"{indent}one of {len(ids)} checked documents"


def _written(atom: Atom) -> str:
    return atom.text + ("*" if atom.mode is Mode.PREFIX else "")


def _set(atoms: tuple[Atom, ...]) -> str:
    return "(" + " or ".join(map(_written, atoms)) + ")"
