"""Topics: standing queries, each with the examples that show what it is for and what it must leave alone.

A topic's version is a hash of its query and of every concept that the query names, so that a match says for good which
wording it was found by: edit a term of a concept, and the topics that use it have a new version.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from heliograph.core.languages import KNOWN, unknown
from heliograph.detect.concepts import ConceptFile, check_keys
from heliograph.detect.pivot import Pivot, pivot_of
from heliograph.detect.yamlfile import Located
from heliograph.errors import DefinitionError, QueryError
from heliograph.query.parse import parse
from heliograph.query.tree import And, AnyOf, Chain, Concept, Node, Not, Operand, Or, Text

SEVERITIES = ("low", "normal", "high")
_KEYS = ("id", "name", "description", "severity", "query", "examples")


class Example(msgspec.Struct, frozen=True, kw_only=True):
    """A text that the topic must flag, or must not."""

    lang: str
    text: str
    title: str = ""
    line: int = 0
    """Where it stands in the file."""


class Topic(msgspec.Struct, frozen=True, kw_only=True):
    """A topic as its file states it."""

    id: str
    name: str
    query: str
    severity: str = "normal"
    description: str = ""
    match: tuple[Example, ...] = ()
    miss: tuple[Example, ...] = ()
    place: str = ""
    """Where it was read, for errors."""
    query_line: int = 0
    """The line on which the query's text begins; 0 where it came from no file."""


@dataclass(frozen=True, slots=True)
class CompiledTopic:
    """A topic ready for the engine."""

    id: str
    version: str
    severity: str
    node: Node
    pivot: Pivot
    concepts: tuple[str, ...] = ()
    """Ids of the concepts that the query names, sorted."""


def topic_from(file: Located) -> Topic:
    """Return the topic in a file. Raises DefinitionError, with file and line; the query is not looked into yet."""
    check_keys(file, _KEYS, required=("id", "name", "query"))
    value = file.value
    severity = value.get("severity", "normal")
    if severity not in SEVERITIES:
        raise file.error(f"unknown severity `{severity}`: known are {', '.join(SEVERITIES)}", "severity")
    if not isinstance(value["query"], str):
        raise file.error("`query` must be a text", "query")
    examples = value.get("examples") or {}
    if not isinstance(examples, dict):
        raise file.error("examples must hold the lists `match` and `miss`", "examples")
    for key in examples:
        if key not in ("match", "miss"):
            raise file.error(f"unknown key `examples.{key}`: known are match, miss", "examples", key)
    return Topic(
        id=value["id"],
        name=value["name"],
        query=value["query"],
        severity=severity,
        description=value.get("description", ""),
        match=tuple(_examples(file, examples.get("match") or [], "match")),
        miss=tuple(_examples(file, examples.get("miss") or [], "miss")),
        place=str(file.path),
        query_line=file.lines[("query",)],
    )


def _examples(file: Located, listed: Any, key: str) -> Iterator[Example]:  # noqa: ANN401 - checked here
    if not isinstance(listed, list):
        raise file.error(f"examples.{key} must be a list", "examples", key)
    for index, each in enumerate(listed):
        at = ("examples", key, index)
        if not isinstance(each, dict) or not {"lang", "text"} <= set(each) <= {"lang", "text", "title"}:
            raise file.error("an example needs `lang` and `text`, and may have a `title`", *at)
        if each["lang"] not in KNOWN:
            raise file.error(unknown(each["lang"]), *at, "lang")
        if not all(isinstance(text, str) for text in each.values()) or not each["text"].strip():
            raise file.error("an example's `text` must be a text, and not empty", *at, "text")
        yield Example(**each, line=file.lines.get(at, 0))


def compile_topic(topic: Topic, concepts: Mapping[str, ConceptFile]) -> CompiledTopic:
    """Return the topic ready for the engine.

    Raises DefinitionError, with file and line, for a query that cannot be understood, one that names an unknown
    concept (the nearest known one is named), one that asks for what is only known after matching or counts from the
    present moment, and one that nothing need be present for (only `not`, times or `*`).
    """
    listed = {name: concept.listed for name, concept in concepts.items()}
    try:
        node = parse(topic.query, concepts=listed, standing=True)
    except QueryError as error:
        hint = f" ({error.hint})" if error.hint else ""
        raise DefinitionError(f"query: {error}{hint}", place=place_in_query(topic, error.position)) from error
    pivot = pivot_of(node)
    if not pivot:
        raise DefinitionError(
            "query: nothing need be present for it to hold (only `not`, times or `*`): add a word, phrase, concept or "
            "field value",
            place=place_in_query(topic, 0),
        )
    used = tuple(sorted({part.id for part in parts_of(node) if isinstance(part, Concept)}))
    version = version_of(topic.query, [concepts[name] for name in used])
    return CompiledTopic(topic.id, version, topic.severity, node, pivot, used)


def version_of(query: str, concepts: list[ConceptFile]) -> str:
    """Return twelve hexadecimal digits that change with the query's text or a term of a concept, and with no else."""
    content = [query.strip(), *([each.id, sorted(each.terms.items())] for each in sorted(concepts, key=lambda c: c.id))]
    return hashlib.blake2b(msgspec.json.encode(content), digest_size=6).hexdigest()


def place_in_query(topic: Topic, position: int) -> str:
    """Return `FILE:LINE` of a position in the query's text."""
    if not topic.place or not topic.query_line:
        return topic.place or f"topic {topic.id}"
    return f"{topic.place}:{topic.query_line + topic.query[:position].count(chr(10))}"


def parts_of(node: Node | Operand | Chain) -> Iterator[Node | Operand | Chain]:
    """Yield the node and everything in it."""
    yield node
    inner: tuple[Node | Operand | Chain, ...] = ()
    match node:
        case And(nodes) | Or(nodes):
            inner = nodes
        case Not(one):
            inner = (one,)
        case Text(what):
            inner = (what,)
        case Chain(operands=operands) | AnyOf(operands):
            inner = operands
    for each in inner:
        yield from parts_of(each)
