"""The query language's page says what the language does: every example in it is run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any

import pytest
import yaml

from heliograph.core.article import Article, Document, Evidence, Match
from heliograph.errors import QueryError
from heliograph.query.compile import MAX_OPERANDS
from heliograph.query.lexer import MAX_BYTES, MAX_DEPTH, MAX_TERMS
from heliograph.query.match import matches
from heliograph.query.parse import ConceptTerm, parse
from heliograph.query.render import render_error
from heliograph.query.terms import MAX_WORDS
from heliograph.query.tree import FIELDS
from heliograph.query.view import View
from heliograph.query.zones import read_zone

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "query-language.md").read_text(encoding="utf-8")
NOW = datetime(2026, 3, 14, 12, tzinfo=UTC)
TEXT_TABLE = "| Query | Finds | Does not find |"
FIELD_TABLE = "| Query | An article with | Not with |"
ZONE_TABLE = "| Query | Asked in | An article with | Not with |"
ERROR_TABLE = "| Query | Answer |"


def _fenced(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def _concepts() -> dict[str, tuple[ConceptTerm, ...]]:
    files = [yaml.safe_load(block) for block in _fenced("yaml")]
    return {
        file["id"]: tuple(ConceptTerm(lang, term) for lang, terms in file["terms"].items() for term in terms)
        for file in files
    }


CONCEPTS = _concepts()


def _rows(header: str) -> Iterator[list[str]]:
    """Rows of every table with this header; the first cell is code."""
    for table in PAGE.split(header + "\n")[1:]:
        for line in table.splitlines()[1:]:
            if not line.startswith("|"):
                break
            query, *cells = (cell.strip() for cell in line.strip("|").split(" | "))
            yield [query.strip("`"), *(cell.rstrip("| ") for cell in cells)]


def _view(**values: Any) -> View:
    topic, concept = values.pop("topic", "corridors" if "concept" in values else ""), values.pop("concept", "")
    place = Evidence(field="text", start=0, end=0, text="", term="", concept=concept)
    match = Match(id="m", topic=topic, topic_version="v", score=1.0, evidence=(place,))
    for name, field in (("author", "authors"), ("category", "categories")):
        if name in values:
            values[field] = (values.pop(name),)
    if "published" in values:
        values["published"] = datetime.fromisoformat(values["published"])
    base = {"id": "a", "revision": "r", "feed": "f", "source": "s", "title": "", "text": ""}
    article = Article(sorted=NOW, fetched=NOW, **(base | values))
    return View(Document(article=article, matches=(match,) if topic else ()))


def _holds(query: str, view: View, zone: tzinfo = UTC) -> bool:
    return matches(parse(query, concepts=CONCEPTS, now=NOW, zone=zone), view)


def _values(cell: str) -> dict[str, str]:
    return dict(pair.split(": ", 1) for pair in re.findall(r"`(.+?)`", cell))


@pytest.mark.parametrize("row", list(_rows(TEXT_TABLE)), ids=lambda row: str(row[0]))
def test_a_query_finds_the_texts_beside_it_and_not_the_others(row: list[str]) -> None:
    query, finds, misses = row
    assert finds
    for text in finds.split(" / "):
        assert _holds(query, _view(text=text)), text
        assert _holds(query, _view(title=text)), text
    for text in filter(None, misses.split(" / ")):
        assert not _holds(query, _view(text=text)), text


@pytest.mark.parametrize("row", list(_rows(FIELD_TABLE)), ids=lambda row: str(row[0]))
def test_a_query_finds_the_values_beside_it_and_not_the_others(row: list[str]) -> None:
    query, *cells = row
    for cell, expected in zip(cells, (True, False), strict=True):
        values = _values(cell)
        assert values
        assert set(values) <= set(FIELDS)
        assert _holds(query, _view(**values)) is expected, cell


@pytest.mark.parametrize("row", list(_rows(ZONE_TABLE)), ids=lambda row: f"{row[0]} in {row[1]}")
def test_a_date_is_a_day_of_the_zone_beside_it(row: list[str]) -> None:
    query, zone, *cells = row
    for cell, expected in zip(cells, (True, False), strict=True):
        assert _holds(query, _view(**_values(cell)), read_zone(zone.strip("`"))) is expected, cell


@pytest.mark.parametrize("row", list(_rows(ERROR_TABLE)), ids=lambda row: str(row[0]))
def test_a_wrong_query_is_answered_as_the_page_says(row: list[str]) -> None:
    query, answer = row
    with pytest.raises(QueryError, match=re.escape(answer)):
        parse(query, concepts=CONCEPTS, now=NOW)


def test_the_page_holds_the_tables_that_are_run() -> None:
    assert len(list(_rows(TEXT_TABLE))) > 40
    assert len(list(_rows(FIELD_TABLE))) > 20
    assert len(list(_rows(ZONE_TABLE))) > 6
    assert len(list(_rows(ERROR_TABLE))) > 8


def test_the_drawn_error_is_drawn_that_way() -> None:
    (drawn,) = _fenced("text")
    query = drawn.splitlines()[1].strip()
    with pytest.raises(QueryError) as caught:
        parse(query)
    assert render_error(caught.value) == drawn.rstrip("\n")


def test_the_page_names_every_field_and_the_true_limits() -> None:
    reference = PAGE.split("| field | holds | compared |")[1].split("\n\n")[0]
    for field in FIELDS:
        assert f"`{field}`" in reference
    assert (
        f"Limits: {MAX_BYTES // 1024} kB of text, {MAX_TERMS:,} terms, parentheses {MAX_DEPTH} deep, "
        f"{MAX_OPERANDS} operands in a chain, {MAX_WORDS} words in a phrase."
    ) in PAGE


def test_inline_queries_that_the_page_recommends_parse() -> None:
    for query in ("* and not iran", "a near/3 b and b near/9 c", "not (a near/5 b)", "title: (a b)"):
        assert f"`{query}`" in PAGE
        parse(f"x and {query}")
