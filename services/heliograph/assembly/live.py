"""What feeds the live list: the index stage with an ear, or the log where other processes index."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import structlog

from heliograph.assembly.world import World
from heliograph.core.article import Document
from heliograph.core.codec import decode
from heliograph.core.event import FLAGGED, ArticleFlagged, Envelope
from heliograph.errors import CodecError, Unavailable
from heliograph.eventlog.port import Message
from heliograph.runtime.stage import Done, Outcome, Stage

_SKEW = timedelta(seconds=30)
"""How far the clocks of machines, or an append and its date, may lie apart."""
_log = structlog.get_logger("live")


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
        done = [event for event, outcome in zip(batch, outcomes, strict=True) if isinstance(outcome, Done)]
        if fresh := _news(done):
            self._publish(fresh)
        return outcomes


class Following:
    """Publishes what is appended to the flagged events by any process, from when this was made."""

    def __init__(self, world: World, publish: Callable[[Sequence[Document]], None], every: float = 1.0) -> None:
        self._world, self._publish, self._every = world, publish, every
        self._since = world.now()
        self._seen: dict[str, datetime] = {}

    def run(self, stop: threading.Event) -> None:
        """Look every second until `stop` is set; while the log is away, later."""
        while not stop.wait(self._every):
            try:
                self.once()
            except Unavailable as error:
                _log.warning("the live list waits", reason=str(error))

    def once(self) -> None:
        """Publish what has come since the last look. Raises LogUnavailable."""
        # Events are dated by whoever appends them, so that one may come dated before another that was there already.
        looked, since = self._world.now(), self._since
        found = [message for message in self._world.log.scan(FLAGGED, since) if message.place not in self._seen]
        self._seen = {place: time for place, time in self._seen.items() if time >= since}
        self._seen.update((message.place, message.time) for message in found)
        self._since = max(since, looked - _SKEW)
        events = [event for message in found if (event := _event(message)) is not None]
        if fresh := _news(events):
            self._publish(fresh)


def _event(message: Message) -> Envelope | None:
    try:
        return decode(message.value)
    except CodecError:
        return None  # the index step has put it into the dead letters


def _news(events: Sequence[Envelope]) -> list[Document]:
    """Return the flagged documents among these, without back-fill."""
    return [
        Document(article=event.data.article, matches=event.data.matches, story=event.data.story)
        for event in events
        if isinstance(event.data, ArticleFlagged) and not event.backfill
    ]
