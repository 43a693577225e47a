from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from heliograph.core.article import Article
from heliograph.detect.concepts import ConceptFile
from heliograph.detect.engine import Engine
from heliograph.detect.files import Definitions, defaults_folder, load_definitions
from heliograph.detect.topic import CompiledTopic, Topic, compile_topic

NOON = datetime(2025, 1, 17, 12, tzinfo=UTC)


@pytest.fixture(scope="session")
def definitions() -> Definitions:
    return load_definitions([defaults_folder()]).strict()


@pytest.fixture
def engine(definitions: Definitions) -> Engine:
    return Engine(definitions.compiled.values())


@pytest.fixture(scope="session")
def make_article() -> Callable[..., Article]:
    def make(title: str = "", text: str = "", **others: Any) -> Article:
        given: dict[str, Any] = {
            "id": "a", "revision": "r", "feed": "f", "source": "s", "fetched": NOON, "sorted": NOON, "published": NOON,
            "language": "en",
        }  # fmt: skip
        return Article(title=title, text=text, **{**given, **others})

    return make


@pytest.fixture(scope="session")
def make_topic() -> Callable[..., CompiledTopic]:
    def make(query: str, name: str = "t", concepts: Mapping[str, dict[str, list[str]]] | None = None) -> CompiledTopic:
        listed = {
            key: ConceptFile(id=key, name=key, terms={lang: tuple(terms) for lang, terms in by_language.items()})
            for key, by_language in (concepts or {}).items()
        }
        return compile_topic(Topic(id=name, name=name, query=query), listed)

    return make


@pytest.fixture
def folder(tmp_path: Path) -> Callable[[Mapping[str, str]], Path]:
    """Return a function that writes files, by their path from a definitions folder, and returns the folder."""

    def write(files: Mapping[str, str]) -> Path:
        for name, content in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
        return tmp_path

    return write
