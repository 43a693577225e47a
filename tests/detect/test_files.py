"""Definition files: what is right is loaded, what is wrong is named with its file and line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from heliograph.detect.check import check_definitions
from heliograph.detect.examples import run_examples
from heliograph.detect.files import load_definitions
from heliograph.detect.yamlfile import MAX_BYTES
from heliograph.errors import DefinitionError

Folder = Callable[[Mapping[str, str]], Path]

CONCEPT = "id: iran\nname: Iran\nterms:\n  en: [iran*]\n  ru: [иран*]\n"
TOPIC = "id: news\nname: News\nquery: |\n  @iran\n  and treaty\n"


def test_good_files_are_loaded(folder: Folder) -> None:
    found = load_definitions([folder({"concepts/iran.yaml": CONCEPT, "topics/news.yaml": TOPIC})]).strict()
    assert found.concepts["iran"].terms == {"en": ("iran*",), "ru": ("иран*",)}
    assert found.topics["news"].severity == "normal"
    assert found.compiled["news"].concepts == ("iran",)
    assert set(found.terms) == {"iran"}


def test_a_folder_that_is_not_there_counts_as_empty(tmp_path: Path) -> None:
    assert load_definitions([tmp_path / "none"]).strict().topics == {}


def test_a_users_file_wins_by_id(folder: Folder) -> None:
    root = folder({
        "a/concepts/iran.yaml": CONCEPT, "a/topics/news.yaml": TOPIC,
        "b/concepts/iran.yaml": CONCEPT.replace("иран*", "тегеран*"),
    })  # fmt: skip
    shipped = load_definitions([root / "a"]).strict()
    both = load_definitions([root / "a", root / "b"]).strict()
    assert both.concepts["iran"].terms["ru"] == ("тегеран*",)
    assert both.compiled["news"].version != shipped.compiled["news"].version


def test_a_version_changes_with_query_and_concepts_and_nothing_else(folder: Folder) -> None:
    def version(concept: str, topic: str, others: Mapping[str, str] | None = None) -> str:
        files = {"concepts/iran.yaml": concept, "topics/news.yaml": topic, **(others or {})}
        return load_definitions([folder(files)]).strict().compiled["news"].version

    first = version(CONCEPT, TOPIC)
    assert version(CONCEPT, TOPIC) == first
    assert version(CONCEPT.replace("name: Iran", "name: Persia"), TOPIC + "severity: high\n") == first
    assert version(CONCEPT, TOPIC, {"concepts/other.yaml": "id: other\nname: O\nterms: {en: [o]}\n"}) == first
    assert version(CONCEPT, TOPIC.replace("treaty", "pact")) != first
    assert version(CONCEPT.replace("иран*", "иран"), TOPIC) != first


def test_one_bad_file_stops_nothing_but_itself_and_what_names_it(folder: Folder) -> None:
    root = folder({
        "concepts/iran.yaml": CONCEPT, "concepts/bad.yaml": "id: bad\nname: ]\n", "topics/news.yaml": TOPIC,
        "topics/lost.yaml": "id: lost\nname: Lost\nquery: '@bad'\n",
    })  # fmt: skip
    found = load_definitions([root])
    assert set(found.compiled) == {"news"}
    assert [Path(error.place.rsplit(":", 1)[0]).name for error in found.errors] == ["bad.yaml", "lost.yaml"]
    with pytest.raises(DefinitionError, match=r"bad\.yaml:2"):
        found.strict()
    assert [finding.severity for finding in check_definitions(found)][:2] == ["error", "error"]


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        ("id: x\nname: X\nterms:\n  en: [a]\n  rus: [b]\n", 5, "unknown language `rus`"),
        ("id: x\nname: X\nterms:\n  en:\n    - good\n    - ''\n", 6, "empty term"),
        ("id: x\nname: X\nterms:\n  en:\n    - good\n    - '—!'\n", 6, "folds to nothing"),
        ("id: x\nname: X\nterms:\n  en:\n    - Iran\n    - İRAN\n", 6, "says the same as `Iran`"),
        ("id: x\nname: X\nterms:\n  en:\n    - '*iran'\n", 5, "asterisk"),
        ("id: x\nname: X\nterms: {}\n", 1, "`terms` is missing"),
        ("id: x\nname: X\nterms: [a]\n", 3, "must map languages"),
        ("id: x\nname: X\nterms: {en: a}\n", 3, "must be a list"),
        ("id: x\nname: X\nterms: {en: []}\n", 3, "no term"),
        ("id: y\nname: X\nterms: {en: [a]}\n", 1, "not the file's name"),
        ("id: x\nname: X\nterm: {en: [a]}\n", 3, "unknown key `term`"),
        ("id: x\nname: X\nname: Z\nterms: {en: [a]}\n", 3, "twice"),
        ("id: x\nname: &n X\nterms: {en: [*n]}\n", 2, "aliases"),
        ("- a\n", 1, "must be a mapping"),
        ("id: x\nname: X\nterms: {en: [a}\n", 3, "not YAML"),
        ("id: [x]\nname: X\nterms: {en: [a]}\n", 1, "must be a text"),
    ],
)
def test_a_bad_concept_file_is_refused_with_its_line(folder: Folder, content: str, line: int, message: str) -> None:
    (error,) = load_definitions([folder({"concepts/x.yaml": content})]).errors
    assert message in str(error)
    assert error.place.endswith(f"x.yaml:{line}"), str(error)
    assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        ("id: x\nname: X\nquery: |\n  treaty and\n  @irn\n", 5, "did you mean @iran"),
        ("id: x\nname: X\nquery: '@nothing-like-it'\n", 3, "no concept `nothing-like-it`"),
        ("id: x\nname: X\nquery: |\n  (a or\n  b\n", 5, "never closed"),
        ("id: x\nname: X\nquery: not treaty\n", 3, "needs text"),
        ("id: x\nname: X\nquery: 'published >= 2025-01-01'\n", 3, "needs text"),
        ("id: x\nname: X\nquery: '*'\n", 3, "needs text"),
        ("id: x\nname: X\nquery: a or not b\n", 3, "needs text"),
        ("id: x\nname: X\nquery: 'topic: y'\n", 3, "not known yet"),
        ("id: x\nname: X\nquery: 'a and published >= now-7d'\n", 3, "now"),
        ("id: x\nname: X\nquery: a\nseverity: urgent\n", 4, "unknown severity"),
        ("id: x\nname: X\nquery: a\nexamples:\n  hit: []\n", 5, "unknown key `examples.hit`"),
        ("id: x\nname: X\nquery: a\nexamples:\n  match:\n    - {lang: rus, text: a}\n", 6, "unknown language `rus`"),
        ("id: x\nname: X\nquery: a\nexamples:\n  match:\n    - {lang: en}\n", 6, "needs `lang` and `text`"),
        ("id: x\nname: X\n", 1, "`query` is missing"),
    ],
)
def test_a_bad_topic_file_is_refused_with_its_line(folder: Folder, content: str, line: int, message: str) -> None:
    found = load_definitions([folder({"concepts/iran.yaml": CONCEPT, "topics/x.yaml": content})])
    (error,) = found.errors
    assert message in str(error)
    assert error.place.endswith(f"x.yaml:{line}"), str(error)
    assert not found.compiled


def test_a_file_past_the_size_limit_is_not_read(folder: Folder) -> None:
    (error,) = load_definitions([folder({"topics/x.yaml": "# " + "x" * MAX_BYTES})]).errors
    assert "larger than 256 kB" in str(error)


def test_a_file_that_is_no_utf8_is_refused_with_its_line(folder: Folder) -> None:
    root = folder({"topics/x.yaml": "id: x\n"})
    (root / "topics/x.yaml").write_bytes(b"id: x\nname: \xff\n")
    (error,) = load_definitions([root]).errors
    assert str(error).endswith("x.yaml:2: not UTF-8: save the file as UTF-8")


def test_one_id_in_two_files_is_refused(folder: Folder) -> None:
    (error,) = load_definitions([folder({"concepts/iran.yaml": CONCEPT, "concepts/iran.yml": CONCEPT})]).errors
    assert "already" in str(error)


def test_words_that_yaml_takes_for_something_else_are_words(folder: Folder) -> None:
    root = folder({"concepts/x.yaml": "id: x\nname: X\nterms: {en: [no, on, 47, 1.5, null word]}\n"})
    assert load_definitions([root]).strict().concepts["x"].terms["en"] == ("no", "on", "47", "1.5", "null word")


def test_an_example_that_fails_is_told_with_its_evidence(folder: Folder) -> None:
    examples = (
        "examples:\n  match:\n    - {lang: en, text: Nothing here}\n  miss:\n    - {lang: en, text: Iran treaty}\n"
    )
    found = load_definitions([folder({"concepts/iran.yaml": CONCEPT, "topics/news.yaml": TOPIC + examples})]).strict()
    missed, flagged = run_examples(found.topics["news"], found.compiled["news"])
    assert (missed.kind, missed.passed, missed.evidence, missed.example.line) == ("match", False, (), 8)
    assert (flagged.kind, flagged.passed) == ("miss", False)
    assert [piece.text for piece in flagged.evidence] == ["Iran", "treaty"]


def test_what_is_hardly_meant_is_a_warning(folder: Folder) -> None:
    other = "id: spare\nname: Spare\nterms: {en: [spare]}\n"
    root = folder({"concepts/iran.yaml": CONCEPT, "concepts/spare.yaml": other, "topics/news.yaml": TOPIC})
    messages = [finding.message for finding in check_definitions(load_definitions([root]))]
    assert any("no topic names the concept `spare`" in message for message in messages)
    assert any("examples.miss" in message for message in messages)


def test_a_term_that_another_makes_idle_is_pointed_out(folder: Folder) -> None:
    terms = "[iran*, iranian, '~iranian', tehran, 'in tehran*', in tehran now, 'in tehra*']"
    concept = f"id: iran\nname: Iran\nterms:\n  en: {terms}\n  tr: [iran*]\n"
    found = load_definitions([folder({"concepts/iran.yaml": concept, "topics/news.yaml": TOPIC})])
    idle = [finding.message for finding in check_definitions(found) if "finds nothing" in finding.message]
    assert idle == [
        "term `iranian` (en) finds nothing that `iran*` does not: remove it",
        "term `in tehran*` (en) finds nothing that `in tehra*` does not: remove it",
    ]
