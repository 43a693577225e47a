"""Under which keys each topic is registered, and which topics an article calls up."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, TypeVar

from heliograph.core.text import fold
from heliograph.detect.pivot import ValueKey
from heliograph.query.tree import NAME_FIELDS
from heliograph.query.view import View

Standing = TypeVar("Standing")


class Registry(Generic[Standing]):
    """Topics by the number of an atom, or by a field's value."""

    def __init__(self) -> None:
        self._atoms: dict[int, dict[str, Standing]] = {}
        self._values: dict[str, dict[str, dict[str, Standing]]] = {}
        self._prefixes: dict[str, dict[str, dict[str, Standing]]] = {}

    def add(self, name: str, standing: Standing, keys: Iterable[int | ValueKey]) -> None:
        """Register the topic called `name`."""
        for key in keys:
            if isinstance(key, ValueKey):
                self._of(key).setdefault(key.field, {}).setdefault(key.value, {})[name] = standing
            else:
                self._atoms.setdefault(key, {})[name] = standing

    def remove(self, name: str, keys: Iterable[int | ValueKey]) -> None:
        """Take it out again; `keys` are those that it was added with."""
        for key in keys:
            if isinstance(key, ValueKey):
                index = self._of(key)
                _drop(index[key.field], key.value, name)
                if not index[key.field]:
                    del index[key.field]
            else:
                _drop(self._atoms, key, name)

    def called(self, atoms: Iterable[int], view: View) -> dict[str, Standing]:
        """Return the topics of which a key is among `atoms` or the values of `view`."""
        found: dict[str, Standing] = {}
        registered = self._atoms
        for atom in atoms:
            if atom in registered:
                found.update(registered[atom])
        for field, by_value in self._values.items():
            for value in _comparable(view, field):
                found.update(by_value.get(value, {}))
        for field, by_prefix in self._prefixes.items():
            for value in _comparable(view, field):
                for prefix, standing in by_prefix.items():
                    if value.startswith(prefix):
                        found.update(standing)
        return found

    def _of(self, key: ValueKey) -> dict[str, dict[str, dict[str, Standing]]]:
        return self._prefixes if key.prefix else self._values


def _comparable(view: View, field: str) -> list[str]:
    """Return what keys are compared with: whole values, and for names their words as well."""
    values = list(view.values(field))
    if field in NAME_FIELDS:
        values.extend(word for value in view.values(field) for word in fold(value).split())
    return values


KeyT = TypeVar("KeyT")


def _drop(index: dict[KeyT, dict[str, Standing]], key: KeyT, name: str) -> None:
    del index[key][name]
    if not index[key]:
        del index[key]
