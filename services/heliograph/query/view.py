"""A document as the evaluator sees it: folded tokens with their positions, and the values of its fields."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from datetime import datetime
from functools import cached_property

from heliograph.core.article import Document
from heliograph.core.text import Token, fold, tokenize
from heliograph.query.morphology import LEXICON_LANGUAGES, stem_key


class FieldText:
    """One text field, tokenised once: its tokens, and the rising positions of each folded form."""

    def __init__(self, published: str) -> None:
        self.published = published
        self.tokens: list[Token] = tokenize(published)
        self.found: dict[object, list[tuple[int, int]]] = {}
        """What `query.match.find` found, by what it looked for: topics share words."""
        self._stems: dict[tuple[str, str], dict[str, list[str]]] = {}

    @cached_property
    def positions(self) -> Mapping[str, list[int]]:
        """From a folded form to the rising positions at which it stands."""
        found: dict[str, list[int]] = {}
        for position, token in enumerate(self.tokens):
            found.setdefault(token.text, []).append(position)
        return found

    @cached_property
    def forms(self) -> list[str]:
        """The distinct folded forms, sorted: those with a common prefix stand side by side."""
        return sorted(self.positions)

    def stemmed(self, key: str, language: str) -> list[str]:
        """Return the folded forms whose stem key in `language` is `key`."""
        # Stemmers change the ends of words, so only forms with the key's first letter are looked at; lemmas of a
        # lexicon may begin otherwise.
        letter = "" if language in LEXICON_LANGUAGES else key[:1]
        stems = self._stems.get((language, letter))
        if stems is None:
            stems = self._stems[language, letter] = {}
            for form in self._beginning(letter):
                if found := stem_key(form, language):
                    stems.setdefault(found, []).append(form)
        return stems.get(key, [])

    def _beginning(self, letter: str) -> list[str]:
        if not letter:
            return self.forms
        return self.forms[bisect_left(self.forms, letter) : bisect_left(self.forms, chr(ord(letter) + 1))]


class View:
    """What a query may ask of one document; everything is computed at first use and kept."""

    def __init__(self, document: Document) -> None:
        self.document = document

    @property
    def language(self) -> str:
        """Language of the article, for stems; empty where unknown."""
        return self.document.article.language

    @cached_property
    def title(self) -> FieldText:
        return FieldText(self.document.article.title)

    @cached_property
    def text(self) -> FieldText:
        return FieldText(self.document.article.text)

    def field_text(self, field: str) -> FieldText:
        """Return `title` or `text`."""
        return self.title if field == "title" else self.text

    @cached_property
    def _values(self) -> dict[str, tuple[str, ...]]:
        article, matches, story = self.document.article, self.document.matches, self.document.story
        concepts = dict.fromkeys(e.concept for match in matches for e in match.evidence if e.concept)
        raw: dict[str, tuple[str, ...]] = {
            "source": (article.source,),
            "feed": (article.feed,),
            "country": (article.country,),
            "ownership": (article.ownership,),
            "language": (article.language,),
            "topic": tuple(match.topic for match in matches),
            "concept": tuple(concepts),
            "story": (story.id,) if story else (),
            "url": (article.url,),
            "author": article.authors,
            "category": article.categories,
        }
        return {name: tuple(fold(value) for value in values if value) for name, values in raw.items()}

    def values(self, field: str) -> tuple[str, ...]:
        """Return the folded values of a keyword or name field; empty where it has none."""
        return self._values[field]

    def time(self, field: str) -> datetime | None:
        """Return `published` (as the feed states it) or `fetched`."""
        article = self.document.article
        return article.published if field == "published" else article.fetched
