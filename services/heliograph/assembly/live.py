"""The index stage with an ear: what it has indexed is handed to the live list."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from heliograph.core.article import Document
from heliograph.core.event import ArticleFlagged, Envelope
from heliograph.runtime.stage import Done, Outcome, Stage


class Published:
    """Wraps a stage; publishes the flagged documents of events that are done, unless they are back-fill."""

    def __init__(self, stage: Stage, publish: Callable[[Sequence[Document]], None]) -> None:
        self._stage = stage
        self._publish = publish

    @property
    def name(self) -> str:
        """The wrapped stage's name."""
        return self._stage.name

    def handle(self, batch: Sequence[Envelope]) -> Sequence[Outcome]:
        outcomes = self._stage.handle(batch)
        fresh = [
            Document(article=event.data.article, matches=event.data.matches, story=event.data.story)
            for event, outcome in zip(batch, outcomes, strict=True)
            if isinstance(outcome, Done) and isinstance(event.data, ArticleFlagged) and not event.backfill
        ]
        if fresh:
            self._publish(fresh)
        return outcomes
