"""Articles as JSON Lines in, matches as JSON Lines out, as a stream: what `heliograph scan` does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from heliograph.core.article import Article
from heliograph.core.ids import revision_of
from heliograph.core.url import canonical_url
from heliograph.detect.engine import Engine, Hit

Detect = Callable[[str, str], str]
"""Takes a text and a hint, returns the language or an empty text."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST_LINE = 16 * 1024 * 1024


class Line(msgspec.Struct):
    """One line of input; other keys are ignored."""

    title: str = ""
    text: str = ""
    id: str | int | None = None
    lang: str = ""
    language: str = ""
    url: str = ""
    published: datetime | None = None


class _Named(msgspec.Struct):
    id: str | int | None = None


@dataclass(frozen=True, slots=True)
class Scanned:
    """One line of output: an article with its hits, or an error."""

    id: str | int | None
    article: Article | None = None
    hits: tuple[Hit, ...] = ()
    error: str = ""

    def as_json(self, *, explain: bool = False) -> dict[str, object]:
        """Return the line as `heliograph scan` writes it; `explain` adds the parts of a score and of the query."""
        if self.article is None:
            return {"id": self.id, "error": self.error}
        return {
            "id": self.id,
            "language": self.article.language,
            "matches": [_match(hit, explain=explain) for hit in self.hits],
        }


def _match(hit: Hit, *, explain: bool) -> dict[str, object]:
    evidence = [
        {
            "concept": piece.concept,
            "term": piece.term,
            "field": piece.field,
            "start": piece.start,
            "end": piece.end,
            "text": piece.text,
            **({"clause": piece.clause} if explain else {}),
        }
        for piece in hit.evidence
    ]
    return {
        "topic": hit.topic,
        "version": hit.version,
        "score": hit.score,
        **({"parts": {name: getattr(hit.parts, name) for name in hit.parts.__struct_fields__}} if explain else {}),
        "evidence": evidence,
    }


def scan(lines: Iterable[bytes], engine: Engine, detect_language: Detect) -> Iterator[Scanned]:
    """Yield one answer for each line that is not blank, in order, holding one line at a time.

    A line that is no article gives an answer with an error that names the line by its number; the rest goes on.
    """
    decoder = msgspec.json.Decoder(Line)
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        if len(line) > _LONGEST_LINE:
            yield Scanned(None, error=f"line {number}: longer than {_LONGEST_LINE} bytes")
            continue
        try:
            read = decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            yield Scanned(
                _id_of(line), error=f"line {number}: not an article (a JSON object with title, text): {error}"
            )
            continue
        if not read.title and not read.text:
            yield Scanned(read.id, error=f"line {number}: has neither title nor text")
            continue
        article = _article(read, detect_language)
        yield Scanned(read.id, article, engine.match(article))


def _article(line: Line, detect_language: Detect) -> Article:
    language = line.lang or line.language or detect_language(f"{line.title}\n{line.text}", "")
    published = line.published.astimezone(UTC) if line.published else None
    return Article(
        id=str(line.id),
        revision=revision_of(title=line.title, text=line.text, link=line.url),
        title=line.title,
        text=line.text,
        feed="scan",
        source="scan",
        fetched=published or _EPOCH,
        sorted=published or _EPOCH,
        published=published,
        url=canonical_url(line.url),
        link=line.url,
        language=language,
    )


def _id_of(line: bytes) -> str | int | None:
    try:
        return msgspec.json.decode(line, type=_Named).id
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
