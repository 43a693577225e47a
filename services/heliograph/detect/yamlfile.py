"""YAML files as plain values that remember their lines: the safe subset that definition files need.

Mappings, lists and strings; a scalar counts as what was written (`no` is "no", `3` is "3"). Anchors and aliases, tags
and duplicate keys are refused, and so is a file past the size limit: a definition file has no use for them, and an
alias can expand a few lines to gigabytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from heliograph.errors import DefinitionError

MAX_BYTES = 256 * 1024

_Loader: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

KeyPath = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Located:
    """The values of a file, and the line (from 1) of each by its path."""

    path: Path
    value: dict[str, Any]
    lines: dict[KeyPath, int]

    def place(self, *keys: str | int) -> str:
        """Return `FILE:LINE` of the deepest of `keys` that the file has."""
        for length in range(len(keys), -1, -1):
            if keys[:length] in self.lines:
                return f"{self.path}:{self.lines[keys[:length]]}"
        return str(self.path)

    def error(self, message: str, *keys: str | int) -> DefinitionError:
        """Return the error to raise about the value at `keys`."""
        return DefinitionError(message, place=self.place(*keys))


def read(path: Path) -> Located:
    """Return the mapping in the file at `path`. Raises DefinitionError naming file and line."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise DefinitionError(f"larger than {MAX_BYTES // 1024} kB: split it into several files", place=str(path))
        source = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise DefinitionError(f"cannot be read: {error.strerror}", place=str(path)) from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise DefinitionError("not UTF-8: save the file as UTF-8", place=f"{path}:{line}") from error
    return parse(source, path)


def parse(source: str, path: Path) -> Located:
    """Return the mapping that `source` holds; `path` is named in errors."""
    try:
        for event in yaml.parse(source, Loader=_Loader):
            if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
                line = event.start_mark.line + 1  # type: ignore[union-attr]  # parsed events always have marks
                raise DefinitionError("anchors and aliases are not taken: write it out", place=f"{path}:{line}")
        node = yaml.compose(source, Loader=_Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        what = getattr(error, "problem", None) or getattr(error, "reason", None) or "broken"
        place = f"{path}:{mark.line + 1}" if mark else str(path)
        raise DefinitionError(f"not YAML: {what}", place=place) from error
    except RecursionError as error:
        raise DefinitionError("nested too deeply", place=str(path)) from error
    if not isinstance(node, yaml.MappingNode):
        raise DefinitionError("must be a mapping that begins with `id: ...`", place=f"{path}:1")
    lines: dict[KeyPath, int] = {}
    value = _value(node, (), lines, path)
    return Located(path, value, lines)


def _value(node: yaml.Node, at: KeyPath, lines: dict[KeyPath, int], path: Path) -> Any:  # noqa: ANN401 - any YAML value
    lines[at] = node.start_mark.line + 1
    if isinstance(node, yaml.ScalarNode):
        # A block scalar starts on the line behind its `|`: errors in it count from there.
        if node.style in ("|", ">"):
            lines[at] += 1
        return "" if node.style is None and node.value in ("~", "null") else node.value
    if isinstance(node, yaml.SequenceNode):
        return [_value(item, (*at, index), lines, path) for index, item in enumerate(node.value)]
    mapping: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key = key_node.value
        place = f"{path}:{key_node.start_mark.line + 1}"
        if not isinstance(key, str):
            raise DefinitionError("a key must be a plain word", place=place)
        if key in mapping:
            raise DefinitionError(f"key `{key}` stands here twice", place=place)
        mapping[key] = _value(value_node, (*at, key), lines, path)
        lines.setdefault((*at, key), key_node.start_mark.line + 1)
    return mapping
