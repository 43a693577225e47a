"""Runs the examples of topics."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from heliograph.core.article import Article, Evidence
from heliograph.detect.engine import Engine
from heliograph.detect.topic import CompiledTopic, Example, Topic

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
