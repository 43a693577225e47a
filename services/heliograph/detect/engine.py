"""All topics compiled into one matcher: one pass over an article finds every topic that asks for it.

    piece of text --cache--> atoms at positions --pivots--> candidate topics --verify--> hits with evidence

The pass costs the same for two topics and for ten thousand, but for the atoms that the article really has; a topic is
looked at only where a key of its pivot (`detect.pivot`) stands in the article. Topics come and go one at a time, and
an engine that was changed answers like one built afresh.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from heliograph.core.article import Article, Document, Evidence, ScoreParts
from heliograph.detect.atoms import AtomTable, Entry
from heliograph.detect.pivot import ValueKey
from heliograph.detect.places import Found, Positions
from heliograph.detect.registry import Registry
from heliograph.detect.score import score_of
from heliograph.detect.topic import CompiledTopic
from heliograph.detect.verify import Check, compile_check, reasons_of
from heliograph.query.explain import evidence_of
from heliograph.query.tree import Atom
from heliograph.query.view import View


@dataclass(frozen=True, slots=True)
class Hit:
    """That an article satisfies a topic, and why."""

    topic: str
    version: str
    severity: str
    score: float
    parts: ScoreParts
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class _Standing:
    """A topic in the engine: what to check, where it is registered, which atoms it holds."""

    topic: CompiledTopic
    check: Check
    keys: tuple[int | ValueKey, ...]
    atoms: tuple[Atom, ...]


class Engine:
    """The matcher. Not thread-safe: one thread at a time (`DetectStage` sees to that)."""

    def __init__(self, topics: Iterable[CompiledTopic] = ()) -> None:
        self._atoms = AtomTable()
        self._standing: dict[str, _Standing] = {}
        self._registry: Registry[_Standing] = Registry()
        for topic in topics:
            self.add(topic)

    def __len__(self) -> int:
        return len(self._standing)

    def __contains__(self, topic_id: str) -> bool:
        return topic_id in self._standing

    @property
    def topics(self) -> tuple[CompiledTopic, ...]:
        """The topics in force, in the order in which they were added."""
        return tuple(standing.topic for standing in self._standing.values())

    def add(self, topic: CompiledTopic) -> None:
        """Put `topic` in force, instead of the one with its id where there is one.

        That it has a pivot has been seen to when it was compiled (`detect.topic.compile_topic`).
        """
        self.remove(topic.id)
        taken: list[Atom] = []

        def number(atom: Atom) -> int:
            taken.append(atom)
            return self._atoms.take(atom)

        check = compile_check(topic.node, number)
        keys = tuple(key if isinstance(key, ValueKey) else number(key) for key in topic.pivot)
        standing = self._standing[topic.id] = _Standing(topic, check, keys, tuple(taken))
        self._registry.add(topic.id, standing, keys)

    def remove(self, topic_id: str) -> bool:
        """Take a topic out of force; tell whether it was in."""
        standing = self._standing.pop(topic_id, None)
        if standing is None:
            return False
        self._registry.remove(topic_id, standing.keys)
        for atom in standing.atoms:
            self._atoms.release(atom)
        return True

    def match(self, item: Article | View) -> tuple[Hit, ...]:
        """Return the topics that ask for the article, by rising id, each with its evidence."""
        found, standing = self._matching(item)
        return tuple(_hit(each, found) for each in standing)

    def match_ids(self, item: Article | View) -> tuple[str, ...]:
        """Return the ids of the same topics without working out evidence: for back-tests and counts."""
        return tuple(each.topic.id for each in self._matching(item)[1])

    def called_ids(self, item: Article | View) -> tuple[str, ...]:
        """Return the topics that the article calls up, which are then held against it: those with a key in it."""
        return tuple(self._called(item)[1])

    def _matching(self, item: Article | View) -> tuple[Found, list[_Standing]]:
        found, called = self._called(item)
        return found, [called[name] for name in sorted(called) if called[name].check.holds(found)]

    def _called(self, item: Article | View) -> tuple[Found, dict[str, _Standing]]:
        view = item if isinstance(item, View) else View(Document(article=item))
        article = view.document.article
        title, text = article.title.split(), article.text.split()
        entries = self._atoms.entries({*title, *text})
        atoms = {number for _, hits in entries.values() for _, numbers in hits for number in numbers}
        called = self._registry.called(atoms, view)
        found = Found(view, atoms, lambda: (_positions(title, entries), _positions(text, entries)))
        return found, called


def _positions(pieces: list[str], entries: dict[str, Entry]) -> Positions:
    """Return where the atoms stand; a piece without an entry is one token and no atom."""
    found: Positions = {}
    position = 0
    for piece in pieces:
        if piece not in entries:
            position += 1
            continue
        size, hits = entries[piece]
        for offset, numbers in hits:
            for number in numbers:
                if number in found:
                    found[number].append(position + offset)
                else:
                    found[number] = [position + offset]
        position += size
    return found


def _hit(standing: _Standing, found: Found) -> Hit:
    topic = standing.topic
    why = evidence_of(reasons_of(standing.check, found), found.view)
    score, parts = score_of(why, found.view)
    return Hit(topic.id, topic.version, topic.severity, score, parts, why)
