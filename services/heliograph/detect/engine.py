"""All topics compiled into one matcher: one pass over an article finds every topic that asks for it.

    piece of text --cache--> atoms at positions --pivots--> candidate topics --verify--> hits with evidence

The pass costs the same for two topics and for ten thousand, but for the atoms that the article really has; a topic is
looked at only where a key of its pivot (`detect.pivot`) stands in the article. Topics come and go one at a time, and
an engine that was changed answers like one built afresh.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from heliograph.core.article import Article, Document, Evidence
from heliograph.detect.atoms import AtomTable
from heliograph.detect.pivot import ValueKey
from heliograph.detect.registry import Registry
from heliograph.detect.score import score_of
from heliograph.detect.topic import CompiledTopic
from heliograph.detect.verify import Check, Found, Positions, compile_check
from heliograph.query.explain import evidence
from heliograph.query.tree import Atom
from heliograph.query.view import View


@dataclass(frozen=True, slots=True)
class Hit:
    """That an article satisfies a topic, and why."""

    topic: str
    version: str
    severity: str
    score: float
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
        view = item if isinstance(item, View) else View(Document(article=item))
        return tuple(self._hit(standing.topic, view) for standing in self._matching(view))

    def match_ids(self, item: Article | View) -> tuple[str, ...]:
        """Return the ids of the same topics without working out evidence: for back-tests and counts."""
        view = item if isinstance(item, View) else View(Document(article=item))
        return tuple(standing.topic.id for standing in self._matching(view))

    def _matching(self, view: View) -> list[_Standing]:
        article = view.document.article
        pieces = self._atoms.pieces
        title: Positions = {}
        text: Positions = {}
        for published, found in ((article.title, title), (article.text, text)):
            position = 0
            for piece in published.split():
                size, hits = pieces[piece]
                for offset, numbers in hits:
                    for number in numbers:
                        if number in found:
                            found[number].append(position + offset)
                        else:
                            found[number] = [position + offset]
                position += size
        candidates = self._registry.called(title.keys() | text.keys(), view)
        if not candidates:
            return []
        places = Found(view, title, text)
        return [candidates[name] for name in sorted(candidates) if candidates[name].check.holds(places)]

    def _hit(self, topic: CompiledTopic, view: View) -> Hit:
        found = evidence(topic.node, view)
        return Hit(topic.id, topic.version, topic.severity, score_of(found, view).total, found)
