"""Terms: what stands between spaces or quotation marks in a query, or on a line of a concept file."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from heliograph.core.text import fold
from heliograph.errors import QueryError
from heliograph.query.morphology import prefix_of, stem_key, stem_languages
from heliograph.query.render import shown
from heliograph.query.tree import Atom, Mode, Term

MIN_PREFIX = 2
MAX_LENGTH = 1_000
MAX_WORDS = 50
"""Words in one phrase: no phrase of the press is longer, and each costs a position to check."""

# An asterisk that means a prefix, and a sign that was escaped: both are no letters, so they part words as signs do.
_WILD, _ESCAPED = "\ue000", "\ue001"
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)|\*|[\ue000\ue001]", re.DOTALL)
_CONTROLS = {"t": "\t", "n": "\n", "r": "\r"}
_QUOTES = '"“”„‟«»'
_FUZZY = re.compile(r"\w~\d*$")


class ConceptTerm(NamedTuple):
    """One term of a concept file: a word, words side by side (a phrase), `prefix*` or `~stem`."""

    language: str
    """Primary language subtag such as `ru`; decides the stemmer of `~stem`. Empty where it may be any."""
    written: str


def parse_term(written: str, language: str = "") -> Term:
    """Return the term that a concept file writes on one line.

    Where `language` is empty and the term has a stem in a script of several languages, it is the first of them; see
    `parse_terms` for all. Raises QueryError, with the position in `written`, for a term without letters or digits, a
    wildcard that does not end a word, or a prefix of fewer than two characters.
    """
    terms = parse_terms(written, language)
    if not terms:
        raise QueryError(
            f"the term `{shown(written)}` has neither letters nor digits",
            query=written,
            expected=("a word", "a phrase"),
        )
    return terms[0]


def parse_terms(written: str, language: str = "", *, position: int = 0) -> tuple[Term, ...]:
    """Return the term that `written` is, once for each language whose stems may be meant; empty if it has no letters.

    `position` is where it stands in a query. Raises as `parse_term` does, with the position in `written`.
    """
    if len(written) > MAX_LENGTH:
        raise _wrong(f"a term has at most {MAX_LENGTH} characters", written)
    return tuple([Term(atoms, written, position) for atoms in _spelt(written, language)])


@lru_cache(maxsize=1 << 14)
def _spelt(written: str, language: str) -> tuple[tuple[Atom, ...], ...]:
    words = _words(written)
    if not words:
        return ()
    stems = [word.token for word in words if word.stem]
    languages = (stem_languages(stems[0], language) if stems else ()) or (language,)
    return tuple([tuple([_atom(word, each) for word in words]) for each in languages])


@lru_cache(maxsize=4096)
def concept_terms(terms: tuple[ConceptTerm, ...]) -> tuple[Term, ...]:
    """Return the terms of a concept; one object for all the queries that name it."""
    found: dict[Term, None] = {}
    for term in terms:
        parse_term(term.written, term.language)  # refuses a term without letters
        found.update(dict.fromkeys(parse_terms(term.written, term.language)))
    return tuple(found)


class _Word(NamedTuple):
    token: str
    prefix: bool
    stem: bool


def unescape(raw: str) -> str:
    """Return the text that `raw` stands for, without its quotation marks and escapes, asterisks as they are."""
    return _marked(raw).replace(_WILD, "*").replace(_ESCAPED, "")


def is_prefix(raw: str) -> bool:
    """Whether `raw` ends in an asterisk that is not escaped."""
    return _marked(raw).rstrip().endswith(_WILD)


def _marked(raw: str) -> str:
    return _ESCAPE.sub(_replace, raw.strip(_QUOTES) if len(raw) > 1 else raw)


def _replace(found: re.Match[str]) -> str:
    sign = found.group()
    if sign == "*":
        return _WILD
    if sign in {_WILD, _ESCAPED}:
        return " "
    escaped = found.group(1)
    if len(escaped) > 1:
        return chr(int(escaped[1:], 16))
    if escaped in _CONTROLS:
        return _CONTROLS[escaped]
    return _ESCAPED if escaped in "*~" else escaped


def _words(written: str) -> list[_Word]:
    """Return the folded words of a term, each with what its signs ask for."""
    whole = written.startswith('~"')
    marked = _marked(written[1:] if whole else written)
    words: list[_Word] = []
    for raw in marked.split():
        stem = whole or raw.startswith("~")
        bare = raw.lstrip("~")
        prefix = bare.endswith(_WILD)
        bare = bare.rstrip(_WILD)
        _check_signs(written, bare)
        tokens = fold(bare).split()
        if not tokens:
            if prefix or stem:
                raise _wrong("there is no word to go by", written)
            continue
        words += [_Word(token, prefix=False, stem=stem) for token in tokens]
        if prefix:
            if len(tokens[-1]) < MIN_PREFIX:
                raise _wrong(f"a prefix needs at least {MIN_PREFIX} characters", written)
            words[-1] = _Word(tokens[-1], prefix=True, stem=False)
    if len(words) > MAX_WORDS:
        raise _wrong(f"a phrase has at most {MAX_WORDS} words", written)
    return words


def _check_signs(written: str, bare: str) -> None:
    if _WILD in bare:
        where = "before" if bare.startswith(_WILD) else "inside"
        raise _wrong(
            f"an asterisk cannot stand {where} a word",
            written,
            hint="only word endings can be left open, as in corridor*; write \\* for the sign itself",
        )
    if _FUZZY.search(bare):
        raise _wrong(
            "there is no fuzzy search",
            written,
            hint="for inflected forms write ~word or word*, for distance a near/5 b",
        )


def _wrong(message: str, written: str, hint: str = "") -> QueryError:
    return QueryError(f"{message}: `{shown(written)}`", query=written, hint=hint)


def _atom(word: _Word, language: str) -> Atom:
    if word.prefix:
        return Atom(word.token, Mode.PREFIX)
    if not word.stem or word.token[:1].isdigit():
        return Atom(word.token)
    # A phrase may mix scripts: each of its words goes by a stemmer of its own script.
    for each in stem_languages(word.token, language):
        if key := stem_key(word.token, each):
            return Atom(key, Mode.STEM, each)
    prefix = prefix_of(word.token, language)
    return Atom(prefix, Mode.PREFIX) if len(prefix) >= MIN_PREFIX else Atom(word.token)
