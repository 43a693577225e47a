"""The stage that keeps an index up to date with a log topic."""

from __future__ import annotations

from collections.abc import Sequence

from heliograph.core.article import Document
from heliograph.core.event import ArticleFetched, ArticleFlagged, Envelope
from heliograph.errors import BadInput, IndexUnavailable
from heliograph.index.port import Index
from heliograph.runtime.stage import Done, Outcome, Reject, RetryLater

RETRY_AFTER = 5.0
"""Seconds until the next try where the index does not say."""


class IndexStage:
    """Writes `article.fetched` and `article.flagged` events into an index, a whole batch at once.

    One document is written for an article id: the last of the batch, unless one before it was fetched later, so that a
    replay never ends in an old revision. An index that is away makes the whole batch wait; a document that the index
    can never take is rejected by itself.
    """

    def __init__(self, index: Index, name: str = "index-flagged") -> None:
        self._index = index
        self._name = name

    @property
    def name(self) -> str:
        return self._name

    def handle(self, batch: Sequence[Envelope]) -> Sequence[Outcome]:
        documents = [document_of(envelope) for envelope in batch]
        latest = newest([document for document in documents if document is not None])
        refused = self._upsert(list(latest.values()))
        if isinstance(refused, RetryLater):
            return [refused] * len(batch)
        return [
            _unexpected(envelope) if document is None else refused.get(document.article.id, Done())
            for envelope, document in zip(batch, documents, strict=True)
        ]

    def _upsert(self, documents: Sequence[Document]) -> dict[str, Reject] | RetryLater:
        """Write all at once, or in halves where one of them cannot be written: few requests tell which."""
        refused: dict[str, Reject] = {}
        try:
            if documents:
                self._index.upsert(documents)
        except IndexUnavailable as error:
            return RetryLater(RETRY_AFTER if error.retry_after is None else error.retry_after, str(error))
        except BadInput as error:
            if len(documents) == 1:
                return {documents[0].article.id: Reject("not-indexable", str(error))}
            middle = len(documents) // 2
            for half in (documents[:middle], documents[middle:]):
                told = self._upsert(half)
                if isinstance(told, RetryLater):
                    return told
                refused.update(told)
        return refused


def document_of(envelope: Envelope) -> Document | None:
    """Return the document that an event asks to be indexed, or None for an event of another type."""
    match envelope.data:
        case ArticleFetched(article=article):
            return Document(article=article)
        case ArticleFlagged(article=article, matches=matches, story=story):
            return Document(article=article, matches=matches, story=story)
        case _:
            return None


def newest(documents: Sequence[Document]) -> dict[str, Document]:
    """Return the document to write for each article id: the last of those fetched last."""
    latest: dict[str, Document] = {}
    for document in documents:
        known = latest.get(document.article.id)
        if known is None or known.article.fetched <= document.article.fetched:
            latest[document.article.id] = document
    return latest


def _unexpected(envelope: Envelope) -> Reject:
    kind = envelope.data.__struct_config__.tag
    return Reject("unexpected-event", f"event {envelope.id} is of type {kind}: an index takes only articles")
