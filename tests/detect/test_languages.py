"""A language in a file of its own, added to concepts that are there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from heliograph.detect.engine import Engine
from heliograph.detect.examples import article_of
from heliograph.detect.files import load_definitions
from heliograph.detect.topic import Example
from heliograph.query.morphology import stem_languages

Folder = Callable[[Mapping[str, str]], Path]

FILES = {
    "shipped/concepts/corridor.yaml": "id: corridor\nname: Corridor\nterms:\n  en: [corridor*]\n",
    "shipped/topics/news.yaml": "id: news\nname: News\nquery: '@corridor'\n",
}
UKRAINIAN = "id: uk\nname: Ukrainian\nterms:\n  corridor: [коридор*]\n"


def found_in(root: Path, *folders: str) -> list[str]:
    """Return which of two articles the topic asks for."""
    engine = Engine(load_definitions([root / folder for folder in folders]).strict().compiled.values())
    texts = {"en": "A corridor was opened.", "uk": "Відкрили коридори."}
    return [lang for lang, text in texts.items() if engine.match(article_of(Example(lang=lang, text=text)))]


def test_a_language_reaches_every_topic_that_names_the_concept(folder: Folder) -> None:
    root = folder({**FILES, "own/languages/uk.yaml": UKRAINIAN})
    assert found_in(root, "shipped") == ["en"]
    assert found_in(root, "shipped", "own") == ["en", "uk"]


def test_a_language_is_part_of_what_a_topic_means(folder: Folder) -> None:
    root = folder({**FILES, "own/languages/uk.yaml": UKRAINIAN})
    with_it, without = (load_definitions(f).strict() for f in ([root / "shipped", root / "own"], [root / "shipped"]))
    assert with_it.compiled["news"].version != without.compiled["news"].version


def test_a_later_file_of_the_language_wins_and_what_is_there_is_not_added_twice(folder: Folder) -> None:
    root = folder({
        **FILES,
        "own/languages/uk.yaml": UKRAINIAN.replace("[коридор*]", "[прохід*]"),
        "more/languages/uk.yaml": UKRAINIAN,
        "more/languages/en.yaml": "id: en\nname: English\nterms:\n  corridor: [corridor*, passage]\n",
    })  # fmt: skip
    found = load_definitions([root / "shipped", root / "own", root / "more"]).strict()
    assert found.concepts["corridor"].terms == {"en": ("corridor*", "passage"), "uk": ("коридор*",)}


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("id: uk\nname: U\nterms:\n  coridor: [a]\n", 4, "no concept `coridor`: did you mean `corridor`?"),
        ("id: uk\nname: U\nterms:\n  corridor: []\n  zzz: [b]\n", 5, "no concept `zzz`"),
        ("id: uk\nname: U\nterms:\n  corridor: коридор\n", 4, "must be a list"),
        ("id: uk\nname: U\nterms: [коридор]\n", 3, "must map concepts to lists"),
        ("id: uk\nname: U\nterms:\n  corridor: ['…']\n", 4, "folds to nothing"),
        ("id: uk\nname: U\nquery: a\nterms: {corridor: [a]}\n", 3, "unknown key `query`"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(folder: Folder, text: str, line: int, what: str) -> None:
    root = folder({**FILES, "own/languages/uk.yaml": text})
    [error] = load_definitions([root / "shipped", root / "own"]).errors
    assert what in str(error)
    assert error.place.endswith(f"uk.yaml:{line}")


def test_a_code_that_no_text_is_told_to_be_in_is_refused(folder: Folder) -> None:
    root = folder({**FILES, "own/languages/ukr.yaml": UKRAINIAN.replace("uk", "ukr")})
    [error] = load_definitions([root / "shipped", root / "own"]).errors
    assert "unknown language `ukr`" in str(error)
    assert "uk" in str(error).split()[-6:] or "uk," in str(error)


def test_a_stem_in_a_language_without_stems_is_an_open_end() -> None:
    assert stem_languages("коридор", "uk") == ()
    assert stem_languages("коридор", "ru") == ("ru",)
