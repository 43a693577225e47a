"""A document as it is kept in the embedded index: whole, with its tokens, so that reading it need not fold it again.

Folding and cutting an article takes ten times as long as reading tokens back, and a page of hits with evidence reads
fifty of them. Kept are the document, the folded tokens of title and text, and where each stands as published.
"""

from __future__ import annotations

import zlib
from array import array
from functools import cached_property
from itertools import accumulate
from typing import Literal

import msgspec

from heliograph.core.article import Document
from heliograph.core.text import tokenize
from heliograph.query.view import FieldText, View

# The quickest level: the text is most of it, and better ones save a tenth for twice the time.
_LEVEL = 1


class _Tokens(msgspec.Struct, array_like=True, frozen=True):
    folded: str
    """Folded tokens, joined by spaces."""
    steps: bytes
    """For each token how far it starts behind the end of the one before, and how long it is, in code points."""
    wide: bool = False
    """Whether a step takes four bytes with a sign, and not one without."""


class _Kept(msgspec.Struct, array_like=True, frozen=True):
    document: msgspec.Raw
    """Read when it is asked for: checking what a query finds takes the tokens alone, nearly always."""
    title: _Tokens
    text: _Tokens


class _Id(msgspec.Struct):
    id: str


class _Identified(msgspec.Struct):
    """Of a document only whose it is: a tenth of the work."""

    article: _Id


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Kept)
_identified = msgspec.msgpack.Decoder(_Identified)
_documents = msgspec.msgpack.Decoder(Document)


def pack(view: View) -> bytes:
    """Return the bytes to keep of a document."""
    document = msgspec.Raw(_encoder.encode(view.document))
    kept = _Kept(document, _tokens(view.title), _tokens(view.text))
    return zlib.compress(_encoder.encode(kept), _LEVEL)


def unpack(data: bytes) -> View:
    """Return the document with its tokens, as the evaluator sees it."""
    return _KeptView(_decoder.decode(zlib.decompress(data)))


class _Whole:
    """A document that is decoded at first use; its view and the texts of that share it without a circle of references.

    A circle would keep every document that was checked until a collection of garbage.
    """

    def __init__(self, raw: msgspec.Raw) -> None:
        self._raw = raw

    @cached_property
    def document(self) -> Document:
        return _documents.decode(self._raw)


class _KeptView(View):
    def __init__(self, kept: _Kept) -> None:
        self._kept = kept
        self._whole = _Whole(kept.document)

    @property
    def document(self) -> Document:
        return self._whole.document

    @property
    def id(self) -> str:
        return _identified.decode(self._kept.document).article.id

    @cached_property
    def title(self) -> FieldText:
        return _KeptText(self._whole, "title", self._kept.title)

    @cached_property
    def text(self) -> FieldText:
        return _KeptText(self._whole, "text", self._kept.text)


class _KeptText(FieldText):
    def __init__(self, whole: _Whole, field: Literal["title", "text"], kept: _Tokens) -> None:
        super().__init__("")
        self._whole = whole
        self._field = field
        self._kept = kept

    @property
    def published(self) -> str:
        article = self._whole.document.article
        return article.title if self._field == "title" else article.text

    @cached_property
    def folded(self) -> str:
        return f" {self._kept.folded} "

    def _edges(self, position: int) -> tuple[int, int]:
        return self._places[2 * position], self._places[2 * position + 1]

    @cached_property
    def _places(self) -> list[int]:
        kept = self._kept
        return list(accumulate(array("i", kept.steps) if kept.wide else kept.steps))


def _tokens(text: FieldText) -> _Tokens:
    steps: list[int] = []
    end = 0
    for token in tokenize(text.published):
        steps += (token.start - end, token.end - token.start)
        end = token.end
    folded = " ".join(text.words)
    try:
        return _Tokens(folded, bytes(steps))
    except ValueError:
        return _Tokens(folded, array("i", steps).tobytes(), wide=True)
