"""The labelled corpus keeps its format, its hostile spellings and its distance from the demo world."""

from __future__ import annotations

import json
import unicodedata
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from heliograph.demo.content import TOPICS, load

FOLDER = Path(__file__).parent / "articles"
FILES = sorted(FOLDER.glob("*.jsonl"))
KEYS = {"id", "lang", "title", "text", "labels", "why"}


def articles(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_english_and_russian_are_there() -> None:
    assert {path.stem for path in FILES} >= {"en", "ru"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_line_has_its_keys_and_known_labels(path: Path) -> None:
    for article in articles(path):
        assert set(article) == KEYS, article["id"]
        assert article["lang"] == path.stem
        assert set(article["labels"]) <= set(TOPICS), article["id"]
        assert all(article[key].strip() for key in ("id", "title", "text", "why")), article["id"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_language_has_thirty_articles_of_both_topics_and_ten_near_misses(path: Path) -> None:
    rows = articles(path)
    assert len(rows) >= 30
    assert min(Counter(label for row in rows for label in row["labels"])[topic] for topic in TOPICS) >= 8
    assert sum(not row["labels"] for row in rows) >= 10


def test_ids_and_texts_are_unique_and_none_is_in_the_demo() -> None:
    rows = [row for path in FILES for row in articles(path)]
    assert max(Counter(row["id"] for row in rows).values()) == 1
    assert max(Counter(row["text"] for row in rows).values()) == 1
    demo = {item.title for _, item in load().items().values()}
    assert demo.isdisjoint(row["title"] for row in rows)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_hostile_spellings_have_survived_every_editor(path: Path) -> None:
    texts = [row["title"] + "\n" + row["text"] for row in articles(path)]
    assert any(not unicodedata.is_normalized("NFC", text) for text in texts)
    assert any("\u00ad" in text for text in texts)
    assert any("&nbsp;" in text for text in texts)
    assert any(text.isupper() for text in texts)
