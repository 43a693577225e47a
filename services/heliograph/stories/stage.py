"""Matches in, flagged articles out: the stage that gives each article its story."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from heliograph.core.event import ArticleFlagged, ArticleMatched, Envelope
from heliograph.core.ids import event_id
from heliograph.runtime.stage import Done, Outcome, Reject
from heliograph.stories.decide import assign, copy_key
from heliograph.stories.port import Past
from heliograph.stories.window import Window


class StoriesStage:
    """ArticleMatched -> ArticleFlagged; keeps a window in memory that it rebuilds from `past` before its first batch.

    Raises Unavailable from `handle` while the past cannot be read. Time is the moment at which an article entered the
    log (`ingested`), so that a replay cuts the window where the live run did.
    """

    name = "stories"

    def __init__(
        self, *, past: Past, clock: Callable[[], datetime], make_window: Callable[[], Window] = Window
    ) -> None:
        self._past = past
        self._clock = clock
        self._make_window = make_window
        self._window: Window | None = None

    def handle(self, batch: Sequence[Envelope]) -> Sequence[Outcome]:
        if self._window is None:
            self._window = self._rebuild()
        return [self._handle_one(envelope, self._window) for envelope in batch]

    def forget(self) -> None:
        """Drop the window; it is rebuilt before the next batch. For when another member may have worked meanwhile."""
        self._window = None

    def _rebuild(self) -> Window:
        window = self._make_window()
        for envelope in self._past():
            if isinstance(envelope.data, ArticleFlagged):
                article = envelope.data.article
                window.remember(article, copy_key(article), envelope.data.story, envelope.ingested or envelope.time)
        return window

    def _handle_one(self, envelope: Envelope, window: Window) -> Outcome:
        if not isinstance(envelope.data, ArticleMatched):
            kind = type(envelope.data).__name__
            return Reject("unexpected-event", f"stories works on ArticleMatched events, event {envelope.id} is {kind}")
        article = envelope.data.article
        at = envelope.ingested or envelope.time
        key = copy_key(article)
        seen, known = window.lookup(article.id, key, at)
        story = assign(article, at, seen=seen, known=known)
        window.remember(article, key, story, at)
        flagged = Envelope(
            id=event_id("article.flagged", envelope.id),
            time=self._clock(),
            trace=envelope.trace,
            data=ArticleFlagged(article=article, matches=envelope.data.matches, story=story),
            backfill=envelope.backfill,
            origin=self.name,
            ingested=at,
        )
        return Done((flagged,))
