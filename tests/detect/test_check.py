"""What `topics check` says of definitions, and where."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from heliograph.detect.check import Finding, check_definitions
from heliograph.detect.cost import cost_of
from heliograph.detect.engine import Engine
from heliograph.detect.files import load_definitions
from heliograph.detect.overlap import overlaps, trials
from heliograph.detect.topic import CompiledTopic

Folder = Callable[[Mapping[str, str]], Path]
MakeTopic = Callable[..., CompiledTopic]

CONCEPT = "id: iran\nname: Iran\nterms:\n  en: [iran*]\n  ru: [иран*]\n"
EXAMPLES = (
    "examples:\n  match:\n    - {{lang: en, text: {match}}}\n    - {{lang: ru, text: Иран}}\n"
    "  miss:\n    - {{lang: en, text: {miss}}}\n"
)


def topic(name: str, query: str, *, match: str = "Iran", miss: str = "Russia") -> dict[str, str]:
    lines = "".join(f"  {line}\n" for line in query.split("\n"))
    examples = EXAMPLES.format(match=match, miss=miss)
    return {f"topics/{name}.yaml": f"id: {name}\nname: N\nquery: |\n{lines}{examples}"}


def findings(folder: Folder, *topics: dict[str, str], concept: str = CONCEPT) -> list[Finding]:
    files = {"concepts/iran.yaml": concept}
    for each in topics:
        files |= each
    return check_definitions(load_definitions([folder(files)]).strict())


def said(folder: Folder, query: str) -> list[tuple[str, str]]:
    """What is said of a query, each with the line of the file; the query begins on line 4."""
    return [
        (finding.place.rsplit(":", 1)[1], finding.message.removeprefix("query: "))
        for finding in findings(folder, topic("news", query))
        if finding.message.startswith("query: ")
    ]


@pytest.mark.parametrize(
    ("query", "line", "message"),
    [
        ("treaty\nor treat*\nor @iran", "4", "`treaty` finds nothing that `treat*` does not: remove it"),
        ("@iran\nor Iranian", "5", "`Iranian` finds nothing that `@iran` does not: remove it"),
        ('"iran deal" or\niran', "4", '`"iran deal"` finds nothing that `iran` does not: remove it'),
        ("@iran near/3 (\n treat*\n or treaty)", "6", "`treaty` finds nothing that `treat*` does not: remove it"),
        ("pact\nor pact and @iran", "5", "`pact and @iran` finds nothing that `pact` does not: remove it"),
        (
            "@iran near/3 pact\nor @iran near/5 (pact or treaty)",
            "4",
            "`@iran near/3 pact` finds nothing that `@iran near/5 (pact or treaty)` does not: remove it",
        ),
        (
            "@iran and language: ru\nand language: en",
            "4",
            "`language: ru` and `language: en` never hold together: write `or` between them, or remove one",
        ),
        ("iran*\nand not @iran", "5", "`not @iran` excludes all that `iran*` finds: narrow it or remove it"),
        ("@iran\nand not @iran", "5", "`not @iran` excludes all that `@iran` finds: narrow it or remove it"),
        (
            "@iran and published >= 2026-02\nand published < 2026-02",
            "4",
            "`published >= 2026-02` has no moment in common with `published < 2026-02`: correct one of the two",
        ),
        (
            "language: ru and @iran\nand (language: en or pact)",
            "5",
            "`language: en` never holds beside `language: ru`: remove it, or one of the two is wrong",
        ),
        (
            "language: ru and @iran\nand not language: fa",
            "5",
            "`not language: fa` excludes nothing of what `language: ru` leaves: remove it",
        ),
    ],
)
def test_a_part_that_does_nothing_is_named_with_its_line(folder: Folder, query: str, line: str, message: str) -> None:
    assert said(folder, query) == [(line, message)]


@pytest.mark.parametrize(
    "query",
    [
        "(iran or \"iran signs\") near/0 treaty",
        "iran or\nir*\nand x",
        "@iran or ~pact or pac*",
        "author: ann and author: bob and @iran",
        "@iran and not (iran* and football)",
        "title: @iran or @iran near/3 pact",
        "iran near/3 pact or iran before/5 pact",
        "published >= 2026-02 and published < 2026-03 and @iran",
        "~roads or ~road",
    ],
)  # fmt: skip
def test_what_may_do_something_is_left_alone(folder: Folder, query: str) -> None:
    assert said(folder, query) == []


def test_the_languages_of_one_stem_are_one_part_and_named_once(folder: Folder) -> None:
    assert said(folder, "@iran and (~pact or\n~pact*)") == []
    assert said(folder, "@iran and (~pact or\npact)") == [
        ("5", "`pact` finds nothing that `~pact` does not: remove it")
    ]


def test_an_idle_term_of_a_concept_is_named_with_its_line(folder: Folder) -> None:
    terms = "  en:\n    - iran*\n    - tehran\n    - iranian\n    - '~tehran'\n  tr: [iran*]\n"
    concept = f"id: iran\nname: Iran\nterms:\n{terms}"
    found = findings(folder, topic("news", "@iran"), concept=concept)
    idle = [(Path(each.place).name, each.message) for each in found if "finds nothing" in each.message]
    assert idle == [
        ("iran.yaml:6", "term `tehran` (en) finds nothing that `~tehran` does not: remove it"),
        ("iran.yaml:7", "term `iranian` (en) finds nothing that `iran*` does not: remove it"),
    ]


def test_an_idle_term_of_a_language_file_is_named_with_that_files_line(folder: Folder) -> None:
    language = {"languages/uk.yaml": "id: uk\nname: Ukrainian\nterms:\n  iran:\n    - іран*\n    - іранський\n"}
    found = findings(folder, topic("news", "@iran"), language)
    assert [Path(each.place).name for each in found if "finds nothing" in each.message] == ["uk.yaml:6"]


def test_two_topics_that_ask_the_same_are_a_warning(folder: Folder) -> None:
    found = findings(folder, topic("a", "@iran near/3 pact"), topic("b", "pact near/3 @iran"))
    assert [(each.severity, Path(each.place).name, each.message) for each in found if each.message.startswith("`")] == [
        ("warning", "b.yaml:4", "`b` finds what `a` finds, no more and no less: remove one")
    ]


def test_a_topic_within_another_and_topics_that_share_examples_are_good_to_know(folder: Folder) -> None:
    found = findings(
        folder,
        topic("all", "@iran"),
        topic("some", "@iran and pact", match="Iran pact"),
        topic("other", "pact and treaty", match="treaty and pact of Iran"),
    )
    assert [(each.severity, each.message) for each in found if each.message.startswith("`")] == [
        ("info", "`some` finds nothing that `all` does not: what it flags is flagged with both"),
        ("info", "`all` and `other` both flag 1 of the 6 examples to match that either flags"),
        ("info", "`other` and `some` both flag 1 of the 2 examples to match that either flags"),
    ]


def test_topics_without_an_example_are_proven_as_well(make_topic: MakeTopic) -> None:
    topics = [make_topic("iran*", "wide"), make_topic("iran and not language: ru", "narrow"), make_topic("pact", "no")]
    assert [(each.topic, each.other, each.proven) for each in overlaps(topics, [])] == [("narrow", "wide", "within")]
    denied = [make_topic("language: ru and iran", "narrow"), make_topic("iran", "wide")]
    assert [(each.topic, each.other, each.proven) for each in overlaps(denied, [])] == [("narrow", "wide", "within")]


def test_what_a_topic_costs_is_counted_and_measured(folder: Folder, make_topic: MakeTopic) -> None:
    (line,) = [
        each.message for each in findings(folder, topic("news", "@iran near/3 pact", match="Iran pact", miss="a pact"))
        if each.severity == "info"
    ]  # fmt: skip
    assert line == "cost: 3 terms made of 3 words; 1 key (`pact`); 2 of 3 examples call it up, 1 of them in vain"
    dear = cost_of(make_topic("ir* or of or language: ru or partnership"), [])
    assert dear.dear == ("ir*", "of", "language: ru")
    assert set(dear.keys) == {"of", "ir*", "language: ru", "partnership"}
    assert "in many articles stand `ir*`, `of`, `language: ru`" in dear.line


def test_what_calls_a_topic_up_is_counted_whether_it_is_flagged_or_not(
    make_topic: MakeTopic, make_article: Callable[..., object]
) -> None:
    topics = [make_topic("iran near/1 pact", "a"), make_topic("treaty", "b")]
    engine = Engine(topics)
    article = make_article("", "a pact, of all things, with Iran")
    assert engine.called_ids(article) == ("a",)  # type: ignore[arg-type]  # an article
    assert engine.match_ids(article) == ()  # type: ignore[arg-type]  # as above
    (trial,) = trials(topics, [(article, True)])  # type: ignore[list-item]  # as above
    assert (trial.called, trial.flagged) == (frozenset("a"), frozenset[str]())


def test_errors_come_first_and_remarks_last(folder: Folder) -> None:
    files = {"concepts/iran.yaml": CONCEPT, **topic("news", "@iran or iran"), "topics/bad.yaml": "id: bad\n"}
    found = check_definitions(load_definitions([folder(files)]))
    assert [each.severity for each in found] == ["error", "warning", "info"]
