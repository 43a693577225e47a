"""How a document stands in Elasticsearch: itself, under its own names, and beside it what searches ask for.

`article`, `matches` and `story` are the document as JSON, mapped for people who look into the cluster with Kibana, and
what a search returns. `find` holds our own folded tokens, values and numbers, as the matcher sees them; it is indexed
and not kept. The mapping stands in `schemas/elasticsearch/documents.json`, and takes nothing that it does not name.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from heliograph.core.article import Document
from heliograph.errors import BadInput
from heliograph.index.bounds import VALUE
from heliograph.index.decide import facet_values, micros, rank
from heliograph.index.elastic_body import LONGEST_VALUE
from heliograph.index.elastic_chains import GAP, LONGEST, STEMS, TURKISH, stem_term
from heliograph.index.port import FACETS
from heliograph.query.morphology import stem_key, stem_languages
from heliograph.query.tree import KEYWORD_FIELDS, NAME_FIELDS, TEXT_FIELDS, TIME_FIELDS, Atom, Mode
from heliograph.query.view import View

LAYOUT = 1
"""Raised whenever a field or what is written into one changes; an index of another layout is not read."""

ID, SORTED, RANK, FETCHED = "find.id", "find.sorted", "find.rank", "find.fetched"
MOMENT = "find.moment"
"""`sorted` in whole milliseconds: what is counted over time."""
SHOWN = "find.shown_"
KEPT = ("article", "matches", "story")

_encode = msgspec.json.Encoder().encode


def version_of(document: Document) -> int:
    """Return the number by which revisions of a document are ordered: when it was fetched, in microseconds.

    The cluster refuses a smaller number than the one it has, and takes an equal one: a retry, a replay and a newer
    verdict about the same revision are written, an older revision never is.
    """
    return max(0, micros(document.article.fetched))


def written(document: Document) -> bytes:
    """Return the document as the JSON that is indexed; raises BadInput for one that no index can take."""
    try:
        if not all(math.isfinite(match.score) for match in document.matches):
            raise ValueError("a score that is no number")
        found = _encode(find_fields(View(document)))
        return _encode(document)[:-1] + b',"find":' + found + b"}"
    except (ValueError, TypeError, OverflowError, msgspec.MsgspecError) as error:
        raise BadInput(f"article {document.article.id!r} cannot be indexed: {error}") from error


def read(source: Mapping[str, Any]) -> Document:
    """Return the document as it was handed in."""
    return msgspec.convert({name: source[name] for name in KEPT if name in source}, Document)


def find_fields(view: View) -> dict[str, object]:
    """Return what searches ask for."""
    document = view.document
    article = document.article
    found: dict[str, object] = {
        "id": article.id,
        "has": list(_has(view)),
        "sorted": micros(article.sorted),
        "moment": micros(article.sorted) // 1000,
        "rank": rank(document, "score"),
        "fetched": micros(article.fetched),
    }
    if article.published is not None:
        found["published"] = micros(article.published)
    for name in TEXT_FIELDS:
        tokens = view.field_text(name).words
        found[name] = " ".join(token[:LONGEST] for token in tokens)
        found[STEMS + name], found[TURKISH + name] = _aligned(tokens)
    for name in NAME_FIELDS:
        found[name] = [" ".join(word[:LONGEST] for word in value.split()) for value in view.values(name)]
    for name in KEYWORD_FIELDS:
        found[name] = [(VALUE + value)[:LONGEST_VALUE] for value in view.values(name)]
    for name in FACETS:
        found[f"shown_{name}"] = facet_values(document, name)
    return found


def differences(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> list[str]:
    """Return the fields in which two mappings differ, sorted: the name, and the types here and there."""
    here, there = dict(_types(ours)), dict(_types(theirs))
    return [
        f"{name} is {there.get(name, 'missing')}, not {here.get(name, 'known')}"
        for name in sorted(here.keys() | there.keys())
        if here.get(name) != there.get(name)
    ]


def _has(view: View) -> Iterator[str]:
    yield from (name for name in TEXT_FIELDS if view.field_text(name).words)
    yield from (name for name in TIME_FIELDS if view.time(name) is not None)
    for name in (*NAME_FIELDS, *KEYWORD_FIELDS):
        values = view.values(name)
        if values:
            yield name
        if name in NAME_FIELDS and "" in values:
            yield f"{name}{VALUE}"


def _aligned(tokens: Sequence[str]) -> tuple[str, str]:
    """Return the stem keys of tokens, at the same positions: those of all languages but Turkish, and those of it."""
    pairs = [_stems(token) for token in tokens]
    return _joined([stem for stem, _ in pairs]), _joined([stem for _, stem in pairs])


def _joined(stems: Sequence[str]) -> str:
    """Return stems with gaps between them, and nothing behind the last."""
    end = len(stems)
    while end and stems[end - 1] == GAP:
        end -= 1
    return " ".join(stems[:end])


@lru_cache(maxsize=1 << 16)
def _stems(token: str) -> tuple[str, str]:
    """Return the stem of a token in its script's first language, and its Turkish one; GAP where there is none."""
    keys = {language: stem_key(token, language) for language in stem_languages(token)}
    terms = {language: stem_term(Atom(key, Mode.STEM, language)) for language, key in keys.items() if key is not None}
    turkish = terms.pop("tr", GAP)
    return next(iter(terms.values()), GAP), turkish


def _types(mapping: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, field in mapping.get("properties", {}).items():
        # Kept in full where it decides what is found; elsewhere the type is enough.
        yield prefix + name, str(field.get("type", "object")) + (" by words" if "analyzer" in field else "")
        yield from _types(field, f"{prefix}{name}.")
