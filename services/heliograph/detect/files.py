"""Finds topic, concept and language files: the shipped ones, then the user's own, which win by id.

    FOLDER/concepts/NAME.yaml    FOLDER/languages/CODE.yaml    FOLDER/topics/NAME.yaml

One bad file stops nothing but itself and the topics that name its concept: everything that is right is returned beside
the list of what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import TypeVar

from heliograph.detect.concepts import ConceptFile, concept_from
from heliograph.detect.languages import LanguageFile, add_language, language_from
from heliograph.detect.topic import CompiledTopic, Topic, compile_topic, topic_from
from heliograph.detect.yamlfile import Located, read
from heliograph.errors import DefinitionError
from heliograph.query.terms import ConceptTerm


@dataclass(frozen=True, slots=True)
class Definitions:
    """What the files define, by id, and what is wrong with those left out."""

    concepts: dict[str, ConceptFile] = field(default_factory=dict)
    topics: dict[str, Topic] = field(default_factory=dict)
    compiled: dict[str, CompiledTopic] = field(default_factory=dict)
    errors: tuple[DefinitionError, ...] = ()

    @property
    def terms(self) -> dict[str, tuple[ConceptTerm, ...]]:
        """The concepts as `query.parse.parse` takes them."""
        return {name: concept.listed for name, concept in self.concepts.items()}

    def strict(self) -> Definitions:
        """Return the definitions themselves, or raise the first error there is."""
        if self.errors:
            raise self.errors[0]
        return self


KINDS = ("topics", "concepts", "languages")
"""Subfolders that are read."""


def defaults_folder() -> Path:
    """Return the folder of the definitions that are shipped."""
    return Path(str(files("heliograph").joinpath("defaults")))


def load_definitions(folders: Sequence[Path]) -> Definitions:
    """Read every folder, the shipped one first; a later folder's file wins over an earlier one's of the same id.

    A folder or subfolder that does not exist counts as empty.
    Never raises for what stands in a file: see `Definitions.errors` and `Definitions.strict`.
    """
    errors: list[DefinitionError] = []
    concepts: dict[str, ConceptFile] = {}
    languages: dict[str, LanguageFile] = {}
    topics: dict[str, Topic] = {}
    for folder in folders:
        concepts.update(_read_all(folder / "concepts", concept_from, errors))
        languages.update(_read_all(folder / "languages", language_from, errors))
        topics.update(_read_all(folder / "topics", topic_from, errors))
    for language in languages.values():
        add_language(concepts, language, errors)
    compiled: dict[str, CompiledTopic] = {}
    for name, topic in topics.items():
        try:
            compiled[name] = compile_topic(topic, concepts)
        except DefinitionError as error:
            errors.append(error)
    return Definitions(concepts, topics, compiled, tuple(errors))


Defined = TypeVar("Defined", ConceptFile, LanguageFile, Topic)


def _read_all(folder: Path, make: Callable[[Located], Defined], errors: list[DefinitionError]) -> dict[str, Defined]:
    found: dict[str, Defined] = {}
    for path in sorted((*folder.glob("*.yaml"), *folder.glob("*.yml"))):
        try:
            defined = make(read(path))
            if defined.id in found:
                raise DefinitionError(
                    f"id `{defined.id}` stands in {found[defined.id].place} already: remove one", place=str(path)
                )
            found[defined.id] = defined
        except DefinitionError as error:
            errors.append(error)
    return found
