"""Looks definitions over: what is wrong, what is legal but hardly meant, and what is good to know."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from heliograph.detect.concepts import ConceptFile
from heliograph.detect.cost import cost_of
from heliograph.detect.covers import term_covers
from heliograph.detect.deadparts import dead_parts
from heliograph.detect.examples import article_of
from heliograph.detect.files import Definitions
from heliograph.detect.overlap import Overlap, Trial, overlaps, trials
from heliograph.detect.topic import Topic, place_in_query
from heliograph.query.terms import parse_terms

Severity = Literal["error", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")
"""From the gravest on."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about a definition that a person should see."""

    place: str
    message: str
    severity: Severity = "warning"


def check_definitions(definitions: Definitions) -> list[Finding]:
    """Return what is wrong, then what is likely not meant, then what is good to know.

    Warnings: a concept that no topic names, a term that finds nothing beside another of its language, a part of a query
    that does nothing, two topics that ask the same, a topic without an example to match or to miss, and a topic whose
    concepts have terms in a language for which it has no example to match. Good to know: topics that flag the same in
    part, and what each topic costs.
    """
    findings = [Finding(error.place, _without_place(str(error), error.place), "error") for error in definitions.errors]
    used = {name for compiled in definitions.compiled.values() for name in compiled.concepts}
    for name, concept in sorted(definitions.concepts.items()):
        if name not in used:
            findings.append(Finding(concept.place, f"no topic names the concept `{name}`"))
        findings.extend(_idle_terms(concept))
    for _, topic in sorted(definitions.topics.items()):
        findings.extend(_dead_parts(topic, definitions))
        findings.extend(_examples_lacking(topic, definitions))
    tried = _trials(definitions)
    findings.extend(_overlaps(definitions, tried))
    findings.extend(_costs(definitions, tried))
    return sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))


def _idle_terms(concept: ConceptFile) -> Iterator[Finding]:
    """Yield the terms that another term of the same language finds wherever they are found.

    A term of one language that another language's finds as well stays: it says how the thing is called there.
    """
    for language, written in concept.terms.items():
        terms = {each: parse_terms(each, language)[0] for each in written}
        for idle in written:
            wider = (each for each in written if each != idle and term_covers(terms[each], terms[idle]))
            if (other := next(wider, None)) is not None:
                place = concept.places.get((language, idle), concept.place)
                yield Finding(place, f"term `{idle}` ({language}) finds nothing that `{other}` does not: remove it")


def _dead_parts(topic: Topic, definitions: Definitions) -> Iterator[Finding]:
    if compiled := definitions.compiled.get(topic.id):
        for part in dead_parts(compiled.node):
            yield Finding(place_in_query(topic, part.position), f"query: {part.message}")


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


def _trials(definitions: Definitions) -> list[Trial]:
    examples = [
        (article_of(example), wanted)
        for topic in definitions.topics.values()
        for wanted, listed in ((True, topic.match), (False, topic.miss))
        for example in listed
    ]
    return trials(list(definitions.compiled.values()), examples)


def _overlaps(definitions: Definitions, tried: list[Trial]) -> Iterator[Finding]:
    for each in overlaps(list(definitions.compiled.values()), tried):
        place = place_in_query(definitions.topics[each.topic], 0)
        yield Finding(place, _said(each), "warning" if each.proven == "same" else "info")


def _said(overlap: Overlap) -> str:
    topic, other = overlap.topic, overlap.other
    if overlap.proven == "same":
        return f"`{topic}` finds what `{other}` finds, no more and no less: remove one"
    if overlap.proven == "within":
        return f"`{topic}` finds nothing that `{other}` does not: what it flags is flagged with both"
    return (
        f"`{topic}` and `{other}` both flag {overlap.both} of the {overlap.either} examples to match that either flags"
    )


def _costs(definitions: Definitions, tried: list[Trial]) -> Iterator[Finding]:
    for name, compiled in sorted(definitions.compiled.items()):
        yield Finding(place_in_query(definitions.topics[name], 0), f"cost: {cost_of(compiled, tried).line}", "info")


def _without_place(message: str, place: str) -> str:
    return message.removeprefix(f"{place}: ")
