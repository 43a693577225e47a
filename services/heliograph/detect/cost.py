"""What a topic costs: how much it looks for, which keys call it up, and how often that is in vain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from heliograph.detect.overlap import Trial
from heliograph.detect.pivot import Key, ValueKey, cost
from heliograph.detect.places import terms_of
from heliograph.detect.topic import CompiledTopic, parts_of
from heliograph.query.tree import Concept, Mode, Term

_LONGEST_COMMON = {Mode.EXACT: 2, Mode.PREFIX: 3, Mode.STEM: 2}
"""Letters up to which a word, the beginning of one or a stem stands in a good part of all articles."""
_RARE_VALUES = ("source", "feed", "author", "url")
_SHOWN = 6


@dataclass(frozen=True, slots=True)
class Cost:
    """What one topic costs."""

    terms: int
    atoms: int
    """Distinct terms, and the distinct words, prefixes and stems in them."""
    keys: tuple[str, ...]
    """What calls the topic up, the most frequent first by estimate: an article without any of these costs nothing."""
    dear: tuple[str, ...]
    """Those of the keys that are in a good part of all articles."""
    tried: int
    called: int
    flagged: int
    """Examples in all, those that called it up, and those that it flagged."""

    @property
    def line(self) -> str:
        """All of it in one sentence."""
        keys = ", ".join(f"`{key}`" for key in self.keys[:_SHOWN]) + (" …" if len(self.keys) > _SHOWN else "")
        vain = self.called - self.flagged
        calls = f"{self.called} of {self.tried} examples call it up, {vain} of them in vain"
        dear = f"; in many articles stand {', '.join(f'`{key}`' for key in self.dear[:_SHOWN])}" if self.dear else ""
        return (
            f"{_many(self.terms, 'term')} made of {_many(self.atoms, 'word')}; "
            f"{_many(len(self.keys), 'key')} ({keys}); {calls}{dear}"
        )


def cost_of(topic: CompiledTopic, tried: Sequence[Trial]) -> Cost:
    """Return what `topic` costs, with what was measured on examples."""
    terms = {
        term.atoms
        for part in parts_of(topic.node)
        if isinstance(part, Term | Concept)
        for term in terms_of(part)
    }  # fmt: skip
    keys = sorted(topic.pivot, key=lambda key: (-cost(frozenset({key})), _said(key)))
    return Cost(
        terms=len(terms),
        atoms=len({atom for atoms in terms for atom in atoms}),
        keys=tuple(map(_said, keys)),
        dear=tuple(_said(key) for key in keys if _is_dear(key)),
        tried=len(tried),
        called=sum(topic.id in trial.called for trial in tried),
        flagged=sum(topic.id in trial.flagged for trial in tried),
    )


def _is_dear(key: Key) -> bool:
    if isinstance(key, ValueKey):
        return not key.value or key.field not in _RARE_VALUES
    return len(key.text) <= _LONGEST_COMMON[key.mode] and not key.text.isdigit()


def _said(key: Key) -> str:
    if isinstance(key, ValueKey):
        return f"{key.field}: {key.value}{'*' if key.prefix else ''}"
    return _SIGNS[key.mode].format(key.text)


_SIGNS = {Mode.EXACT: "{}", Mode.PREFIX: "{}*", Mode.STEM: "~{}"}


def _many(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
