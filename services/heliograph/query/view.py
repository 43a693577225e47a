"""A document as the evaluator sees it: folded tokens with their positions, and the values of its fields."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from datetime import datetime
from functools import cached_property

from heliograph.core.article import Document
from heliograph.core.text import fold, pieces, tokenize
from heliograph.query.morphology import LEXICON_LANGUAGES, stem_key


class FieldText:
    """One text field: its folded tokens, where each of them stands, and where a word is among them.

    Looked for is in the folded text as one string: a document is asked for a few words, and finding these takes a
    tenth of what listing the positions of all words does.
    """

    def __init__(self, published: str) -> None:
        self._published = published
        self.found: dict[object, list[tuple[int, int]]] = {}
        """What `query.match.find` found, by what it looked for: topics share words."""
        self._stems: dict[tuple[str, str], dict[str, list[str]]] = {}

    @property
    def published(self) -> str:
        """The text as published, which places count in."""
        return self._published

    @cached_property
    def folded(self) -> str:
        """The folded tokens, a space before, between and behind them."""
        return f" {fold(self.published)} "

    @cached_property
    def words(self) -> list[str]:
        """The folded tokens, by position."""
        return self.folded.split()

    def __len__(self) -> int:
        """Tokens in the field."""
        return len(self.words)

    def place(self, first: int, last: int) -> tuple[int, int]:
        """Return the range of code points, as published, of the tokens from `first` to before `last`."""
        return self._edges(first)[0], self._edges(last - 1)[1]

    def positions(self, *starts: str) -> list[int]:
        """Return the rising positions of the tokens at which one of these stands: words ` so `, beginnings ` so`.

        Several words, ` so and so`, stand at the position of the first.
        """
        if len(starts) == 1:
            return self._standing(starts[0])
        return sorted({position for start in starts for position in self._standing(start)})

    def stemmed(self, key: str, language: str) -> list[str]:
        """Return the folded forms whose stem key in `language` is `key`."""
        letter = _letter(key, language)
        stems = self._stems.get((language, letter))
        if stems is None:
            stems = self._stems[language, letter] = {}
            for form in self._beginning(letter):
                if found := stem_key(form, language):
                    stems.setdefault(found, []).append(form)
        return stems.get(key, [])

    def stemmed_among(self, positions: Iterable[int], key: str, language: str) -> list[int]:
        """Return those of the positions at which a form stands whose stem key in `language` is `key`."""
        letter, words = _letter(key, language), self.words
        return [
            position
            for position in positions
            if words[position].startswith(letter) and stem_key(words[position], language) == key
        ]

    def _edges(self, position: int) -> tuple[int, int]:
        spellings, starts, behind = self._pieces
        number = bisect_right(behind, position)
        token = tokenize(spellings[number])[position - (behind[number - 1] if number else 0)]
        return starts[number] + token.start, starts[number] + token.end

    @cached_property
    def _pieces(self) -> tuple[list[str], list[int], list[int]]:
        return pieces(self.published)

    def _standing(self, start: str) -> list[int]:
        folded = self.folded
        found: list[int] = []
        position = since = 0
        at = folded.find(start)
        while at >= 0:
            # Before a token stand as many spaces as tokens.
            position += folded.count(" ", since, at)
            found.append(position)
            since = at
            at = folded.find(start, at + 1)
        return found

    def _beginning(self, letter: str) -> Iterable[str]:
        if not letter:
            return dict.fromkeys(self.words)
        # What lies behind one such beginning and before the next starts with the rest of its word.
        return dict.fromkeys(letter + rest.partition(" ")[0] for rest in self.folded.split(f" {letter}")[1:])


def _letter(key: str, language: str) -> str:
    """Return how forms of a stem begin, if that can be said.

    Stemmers change the ends of words, so only forms with the key's first letter are looked at; lemmas of a lexicon may
    begin otherwise.
    """
    return "" if language in LEXICON_LANGUAGES else key[:1]


class View:
    """What a query may ask of one document; everything is computed at first use and kept."""

    def __init__(self, document: Document) -> None:
        self._document = document

    @property
    def document(self) -> Document:
        """What is looked at."""
        return self._document

    @property
    def id(self) -> str:
        """Id of the article."""
        return self.document.article.id

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
