"""How a document stands in the embedded index: one field for each thing that a query may ask for.

`title`, `text`, `author` and `category` hold our own folded tokens with their positions, as the matcher sees them; the
engine cuts them at spaces and does nothing else. Keyword fields hold the folded value behind `=`, whole. `shown_*`
hold values as stored, for counting. `stems_*` hold the stem keys of a text. Numbers lie in columns. `document` is the
whole of it (see `stored.py`), so that nothing else need be stored.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, cast

import msgspec

from heliograph.core.article import Document
from heliograph.errors import BadInput
from heliograph.index.bounds import HAS, LONGEST, STEMS, UNSTEMMED, VALUE, stem_term
from heliograph.index.decide import facet_values, micros, rank
from heliograph.index.port import FACETS
from heliograph.index.stored import pack, unpack
from heliograph.query.morphology import stem_key, stem_languages
from heliograph.query.tree import KEYWORD_FIELDS, NAME_FIELDS, TEXT_FIELDS, TIME_FIELDS
from heliograph.query.view import View

if TYPE_CHECKING:
    import tantivy

LAYOUT = 1
"""Raised whenever a field or what is written into one changes; an index of another layout is not opened."""

ID, BODY, SORTED, RANK = "id", "document", "sorted", "rank"
SHOWN = "shown_"
_TOO_LONG = re.compile(rf"\S{{{LONGEST + 1},}}")


def build() -> tantivy.Schema:
    """Return the engine's schema of this layout."""
    import tantivy

    builder = tantivy.SchemaBuilder()
    builder.add_text_field(ID, tokenizer_name="raw", index_option="basic", fast=True)
    for name in (*TEXT_FIELDS, *NAME_FIELDS):
        builder.add_text_field(name, tokenizer_name="whitespace", index_option="position")
    for name in (*KEYWORD_FIELDS, HAS):
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic")
    for name in STEMS.values():
        builder.add_text_field(name, tokenizer_name="whitespace", index_option="basic")
    for name in FACETS:
        builder.add_text_field(SHOWN + name, tokenizer_name="raw", index_option="basic", fast=True)
    for name in (SORTED, RANK, *TIME_FIELDS):
        builder.add_integer_field(name, fast=True)
    builder.add_bytes_field(BODY, stored=True)
    return builder.build()


def written(document: Document) -> tantivy.Document:
    """Return the document as the engine takes it; raises BadInput for one that it cannot take."""
    import tantivy

    try:
        found = tantivy.Document()
        view = View(document)
        for field, value in _texts(view):
            found.add_text(field, value)
        for field, number in _numbers(document):
            found.add_integer(field, number)
        found.add_bytes(BODY, pack(view))
    except (ValueError, TypeError, OverflowError, msgspec.MsgspecError) as error:
        raise BadInput(f"article {document.article.id!r} cannot be indexed: {error}") from error
    return found


def read(found: tantivy.Document) -> View:
    """Return the document as it was handed in, and as the evaluator sees it."""
    return unpack(cast("bytes", found.get_first(BODY)))


def _texts(view: View) -> Iterator[tuple[str, str]]:
    document = view.document
    yield ID, document.article.id
    for name in TEXT_FIELDS:
        tokens = view.field_text(name).words
        if tokens:
            yield HAS, name
        yield name, _cut_long(" ".join(tokens))
        yield STEMS[name], " ".join({term for token in set(tokens) for term in _stem_terms(token)})
    for name in (*NAME_FIELDS, *KEYWORD_FIELDS):
        values = view.values(name)
        if values:
            yield HAS, name
        for value in values:
            yield name, _cut_long(value) if name in NAME_FIELDS else (VALUE + value)[:LONGEST]
    for name in TIME_FIELDS:
        if view.time(name) is not None:
            yield HAS, name
    for name in FACETS:
        yield from ((SHOWN + name, value) for value in facet_values(document, name))


def _numbers(document: Document) -> Iterator[tuple[str, int]]:
    article = document.article
    yield SORTED, micros(article.sorted)
    yield RANK, rank(document, "score")
    yield "fetched", micros(article.fetched)
    if article.published is not None:
        yield "published", micros(article.published)


def _cut_long(folded: str) -> str:
    return _TOO_LONG.sub(lambda found: found.group()[:LONGEST], folded)


@lru_cache(maxsize=1 << 16)
def _stem_terms(token: str) -> tuple[str, ...]:
    keys = ((language, _indexed_key(token, language)) for language in stem_languages(token))
    return tuple(stem_term(language, key) for language, key in keys if key is not None)


def _indexed_key(token: str, language: str) -> str | None:
    return "" if language in UNSTEMMED else stem_key(token, language)
