"""Which topics flag the same: proven on their queries, and measured on the examples of all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

from msgspec.structs import replace

from heliograph.core.article import Article
from heliograph.detect.covers import Prover
from heliograph.detect.engine import Engine
from heliograph.detect.examples import article_of
from heliograph.detect.places import terms_of
from heliograph.detect.topic import CompiledTopic, Example
from heliograph.query.tree import And, Chain, Concept, Is, Node, Or, Term, Text


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of one example when all topics were asked."""

    wanted: bool
    """Whether a topic names it as one to match."""
    called: frozenset[str]
    """Topics that looked at it, since one of their keys stands in it."""
    flagged: frozenset[str]


@dataclass(frozen=True, slots=True)
class Overlap:
    """Two topics that flag the same, at least in part."""

    topic: str
    other: str
    proven: Literal["", "same", "within"]
    """Whether both find the same by their queries, or `topic` nothing that `other` does not."""
    both: int
    either: int
    """Examples to match that both flag, and that one of them flags at least."""


def trials(topics: Sequence[CompiledTopic], examples: Sequence[tuple[Article, bool]]) -> list[Trial]:
    """Ask all topics about every example, given as article and whether some topic wants it."""
    engine = Engine(topics)
    return [
        Trial(wanted, frozenset(engine.called_ids(article)), frozenset(engine.match_ids(article)))
        for article, wanted in examples
    ]


def overlaps(topics: Sequence[CompiledTopic], tried: Sequence[Trial]) -> Iterator[Overlap]:
    """Yield pairs of topics of which one provably finds all that the other finds, then pairs that share examples."""
    flags: Counter[str] = Counter()
    shared: Counter[tuple[str, str]] = Counter()
    for trial in tried:
        if trial.wanted:
            flags.update(trial.flagged)
            shared.update(combinations(sorted(trial.flagged), 2))

    def measured(topic: str, other: str, proven: Literal["", "same", "within"]) -> Overlap:
        one, two = sorted((topic, other))
        both = shared.pop((one, two), 0)
        return Overlap(topic, other, proven, both, flags[topic] + flags[other] - both)

    for topic, other, proven in _proven(topics, tried):
        yield measured(topic, other, proven)
    for one, two in sorted(shared):
        yield measured(one, two, "")


def _proven(
    topics: Sequence[CompiledTopic], tried: Sequence[Trial]
) -> Iterator[tuple[str, str, Literal["same", "within"]]]:
    by_id = {topic.id: topic for topic in sorted(topics, key=lambda each: each.id)}
    engine, prover = Engine(topics), Prover()
    for name, topic in by_id.items():
        # What takes in a topic flags all that the topic flags: a text that it does flag spares most proofs.
        flagged = [trial.flagged for trial in tried if name in trial.flagged]
        if name in (ids := frozenset(engine.match_ids(_sample(topic.node)))):
            flagged.append(ids)
        for other in sorted(frozenset.intersection(*flagged)) if flagged else by_id:
            if other == name or not prover.follows(topic.node, by_id[other].node):
                continue
            same = prover.follows(by_id[other].node, topic.node)
            if not same:
                yield name, other, "within"
            elif other < name:
                yield name, other, "same"


def _sample(node: Node) -> Article:
    """Return an article that a query without much to deny finds: it says what is asked for, one behind the other."""
    asked: dict[str, list[str]] = {field: [] for field in ("", "source", "feed", "country", "ownership", "language")}
    _collect(node, asked)
    text = " ".join(asked.pop(""))
    values = {field: found[0] for field, found in asked.items() if found}
    return replace(article_of(Example(lang="", title=text, text=text)), **values)


def _collect(node: Node, asked: dict[str, list[str]]) -> None:
    match node:
        case And(nodes):
            for each in nodes:
                _collect(each, asked)
        case Or(nodes):
            _collect(nodes[0], asked)
        case Is(field, value) if field in asked:
            asked[field].append(value)
        case Text(Chain(operands=operands)):
            asked[""].extend(terms_of(operand)[0].written for operand in operands)
        case Text(Term() | Concept() as what):
            asked[""].append(terms_of(what)[0].written)
        case _:
            return
