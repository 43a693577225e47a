"""One more language in a file of its own: its terms for concepts that are there.

id: uk                             # languages/uk.yaml
name: Ukrainian
terms:
  zangezur: ["зангезур*"]          # concept: terms, as in the concept's own file
  corridor: ["коридор*"]
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from msgspec.structs import replace

from heliograph.core.languages import KNOWN, unknown
from heliograph.detect.concepts import ConceptFile, check_keys, places_of, read_terms
from heliograph.detect.yamlfile import Located
from heliograph.errors import DefinitionError


@dataclass(frozen=True, slots=True)
class LanguageFile:
    """A language as its file states it."""

    id: str
    """Primary subtag, such as `uk`."""
    terms: Mapping[str, tuple[str, ...]]
    """For each concept its terms in the language, as written."""
    file: Located

    @property
    def place(self) -> str:
        """Where it was read, for errors."""
        return str(self.file.path)


def language_from(file: Located) -> LanguageFile:
    """Return the language in a file. Raises DefinitionError with file and line, as `concept_from` does."""
    check_keys(file, ("id", "name", "terms"), required=("id", "name", "terms"))
    language, terms = file.value["id"], file.value["terms"]
    if language not in KNOWN:
        raise file.error(unknown(language), "id")
    if not isinstance(terms, dict):
        raise file.error("terms must map concepts to lists, such as `corridor: [коридор*]`", "terms")
    read = {concept: read_terms(file, language, listed, concept) for concept, listed in terms.items()}
    return LanguageFile(language, read, file)


def add_language(concepts: dict[str, ConceptFile], language: LanguageFile, errors: list[DefinitionError]) -> None:
    """Add a language's terms to the concepts; what a concept has already is not added twice.

    A concept that is not there is an error of its own, and stops nothing else.
    """
    for name, terms in language.terms.items():
        if (concept := concepts.get(name)) is None:
            nearest = get_close_matches(name, concepts, 1)
            hint = f": did you mean `{nearest[0]}`?" if nearest else ""
            errors.append(language.file.error(f"there is no concept `{name}`{hint}", "terms", name))
            continue
        there = concept.terms.get(language.id, ())
        new = tuple(term for term in terms if term not in there)
        places = places_of(language.file, language.id, terms, name)
        concepts[name] = replace(
            concept,
            terms={**concept.terms, language.id: (*there, *new)},
            places={**places, **concept.places},
        )
