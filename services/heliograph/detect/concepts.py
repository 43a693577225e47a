"""Concepts: one thing by all the names it has in any language, in a file of its own.

    id: zangezur-corridor
    name: Zangezur corridor
    terms:
      en: ["zangezur corridor*", "zangezour corridor*"]     # word, words side by side (a phrase), prefix*, ~stem
      ru: ["зангезурск* коридор*"]

The language a term stands under chooses the stemmer of `~stem` and nothing else: every term is looked for in every
article, since names travel untranslated.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from heliograph.core.languages import KNOWN, unknown
from heliograph.detect.yamlfile import KeyPath, Located
from heliograph.errors import QueryError
from heliograph.query.terms import ConceptTerm, parse_terms

MAX_TERMS = 1_000
_KEYS = ("id", "name", "description", "terms")


class ConceptFile(msgspec.Struct, frozen=True, kw_only=True):
    """A concept as its file states it."""

    id: str
    name: str
    terms: Mapping[str, tuple[str, ...]]
    """For each language the terms as written, in the order of the file."""
    description: str = ""
    place: str = ""
    """Where it was read, for errors."""
    places: Mapping[tuple[str, str], str] = {}
    """Where each term stands, by its language and how it is written."""

    @property
    def listed(self) -> tuple[ConceptTerm, ...]:
        """The terms as the query language takes them."""
        return tuple(ConceptTerm(language, term) for language, terms in self.terms.items() for term in terms)


def concept_from(file: Located) -> ConceptFile:
    """Return the concept in a file.

    Raises DefinitionError, with file and line, for an unknown key or language, and for a term that is no term, is
    empty, folds to nothing, or stands twice in its language.
    """
    check_keys(file, _KEYS, required=("id", "name", "terms"))
    terms = file.value["terms"]
    if not isinstance(terms, dict) or not terms:
        raise file.error("terms must map languages to lists, such as `en: [zangezur corridor*]`", "terms")
    found: dict[str, tuple[str, ...]] = {}
    places: dict[tuple[str, str], str] = {}
    for language, listed in terms.items():
        if language not in KNOWN:
            raise file.error(unknown(language), "terms", language)
        found[language] = read_terms(file, language, listed, language)
        places |= places_of(file, language, found[language], language)
    if not any(found.values()):
        raise file.error("there is no term in any language: nothing could ever match", "terms")
    if sum(map(len, found.values())) > MAX_TERMS:
        raise file.error(f"more than {MAX_TERMS} terms: split the concept", "terms")
    return ConceptFile(
        id=file.value["id"],
        name=file.value["name"],
        description=file.value.get("description", ""),
        terms=found,
        place=str(file.path),
        places=places,
    )


def read_terms(file: Located, language: str, listed: object, key: str) -> tuple[str, ...]:
    """Return the terms in `language` that stand under `terms.KEY`. Raises DefinitionError as `concept_from` does."""
    if not isinstance(listed, list):
        raise file.error(f"terms.{key} must be a list", "terms", key)
    seen: dict[object, str] = {}
    for index, term in enumerate(listed):
        at = ("terms", key, index)
        if not isinstance(term, str) or not term.strip():
            raise file.error(f"an empty term under `{key}`: remove it or quote it", *at)
        atoms = _atoms(file, term, language, at)
        if atoms in seen:
            raise file.error(f"term `{term}` says the same as `{seen[atoms]}` above: remove one", *at)
        seen[atoms] = term
    return tuple(term for term in listed if isinstance(term, str))


def places_of(file: Located, language: str, terms: tuple[str, ...], key: str) -> dict[tuple[str, str], str]:
    """Return where each of the terms that `read_terms` gave stands, by language and term."""
    return {(language, term): file.place("terms", key, index) for index, term in enumerate(terms)}


def _atoms(file: Located, term: str, language: str, at: KeyPath) -> object:
    try:
        parsed = parse_terms(term, language)
    except QueryError as error:
        raise file.error(f"term `{term}`: {error}", *at) from error
    if not parsed:
        raise file.error(f"term `{term}` folds to nothing: it has neither letters nor digits", *at)
    return parsed[0].atoms


def check_keys(file: Located, known: tuple[str, ...], *, required: tuple[str, ...]) -> None:
    """Raise DefinitionError for a key that is not known, one that is missing, and texts that are no text."""
    for key in file.value:
        if key not in known:
            raise file.error(f"unknown key `{key}`: known are {', '.join(known)}", key)
    for key in required:
        if not file.value.get(key):
            raise file.error(f"key `{key}` is missing or empty")
    for key in ("id", "name", "description"):
        if not isinstance(file.value.get(key, ""), str):
            raise file.error(f"`{key}` must be a text", key)
    if file.value["id"] != file.path.stem:
        raise file.error(
            f"id `{file.value['id']}` is not the file's name `{file.path.stem}`: rename one of the two", "id"
        )
