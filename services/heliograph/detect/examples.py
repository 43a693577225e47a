"""Runs the examples of topics, and looks definitions over for what is legal but hardly meant."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from heliograph.core.article import Article, Evidence
from heliograph.detect.concepts import ConceptFile
from heliograph.detect.engine import Engine
from heliograph.detect.files import Definitions
from heliograph.detect.topic import CompiledTopic, Example, Topic
from heliograph.query.terms import parse_terms
from heliograph.query.tree import Atom, Mode

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ExampleResult:
    """What became of one example."""

    topic: str
    kind: Literal["match", "miss"]
    example: Example
    passed: bool
    evidence: tuple[Evidence, ...] = ()
    """Why it was flagged, wherever it was."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about a definition that a person should see."""

    place: str
    message: str
    severity: Literal["error", "warning"] = "warning"


def run_examples(topic: Topic, compiled: CompiledTopic) -> list[ExampleResult]:
    """Match each example of `topic` and return the results in the order of the file, `match` before `miss`."""
    engine = Engine([compiled])
    results = []
    kinds: tuple[tuple[Literal["match", "miss"], tuple[Example, ...]], ...] = (
        ("match", topic.match),
        ("miss", topic.miss),
    )
    for kind, examples in kinds:
        for example in examples:
            hits = engine.match(article_of(example))
            passed = bool(hits) == (kind == "match")
            results.append(ExampleResult(topic.id, kind, example, passed, hits[0].evidence if hits else ()))
    return results


def article_of(example: Example) -> Article:
    """Return an article that says what the example says."""
    return Article(
        id="example",
        revision="example",
        title=example.title,
        text=example.text,
        feed="example",
        source="example",
        fetched=_EPOCH,
        sorted=_EPOCH,
        published=_EPOCH,
        language=example.lang,
    )


def check_definitions(definitions: Definitions) -> list[Finding]:
    """Return what is wrong, errors first, and what is likely not meant.

    Warnings: a concept that no topic names, a term that finds nothing beside another of its language, a topic without
    an example to match or to miss, and a topic whose concepts have terms in a language for which it has no example to
    match.
    """
    findings = [Finding(error.place, _without_place(str(error), error.place), "error") for error in definitions.errors]
    used = {name for compiled in definitions.compiled.values() for name in compiled.concepts}
    for name, concept in sorted(definitions.concepts.items()):
        if name not in used:
            findings.append(Finding(concept.place, f"no topic names the concept `{name}`"))
        findings.extend(_idle_terms(concept))
    for _, topic in sorted(definitions.topics.items()):
        findings.extend(_examples_lacking(topic, definitions))
    return findings


def _idle_terms(concept: ConceptFile) -> Iterator[Finding]:
    """Yield the terms that another term of the same language finds wherever they are found."""
    for language, terms in concept.terms.items():
        atoms = {term: parse_terms(term, language)[0].atoms for term in terms}
        for idle in terms:
            wider = (term for term in terms if term != idle and _covers(atoms[term], atoms[idle]))
            if (other := next(wider, None)) is not None:
                yield Finding(
                    concept.place, f"term `{idle}` ({language}) finds nothing that `{other}` does not: remove it"
                )


def _covers(wide: tuple[Atom, ...], narrow: tuple[Atom, ...]) -> bool:
    return len(wide) == len(narrow) and all(
        one == other or (one.mode is Mode.PREFIX and other.mode is not Mode.STEM and other.text.startswith(one.text))
        for one, other in zip(wide, narrow, strict=True)
    )


def _examples_lacking(topic: Topic, definitions: Definitions) -> Iterator[Finding]:
    if not topic.match:
        yield Finding(topic.place, "no example of what it is for: add one under examples.match")
    if not topic.miss:
        yield Finding(topic.place, "no example of what it must leave alone: add a near miss under examples.miss")
    compiled = definitions.compiled.get(topic.id)
    if compiled is None or not topic.match:
        return
    shown = {example.lang for example in topic.match}
    spoken = {
        language for name in compiled.concepts for language, terms in definitions.concepts[name].terms.items() if terms
    }
    if lacking := sorted(spoken - shown):
        yield Finding(topic.place, f"its concepts speak {', '.join(lacking)}, but no example to match does")


def _without_place(message: str, place: str) -> str:
    return message.removeprefix(f"{place}: ")
