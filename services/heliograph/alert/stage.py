"""Flagged articles in, claims out: the stage that decides on alerts. Sending is the deliverer's work."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from heliograph.alert import pipeline
from heliograph.alert.decide import Matches, Policy, Skip
from heliograph.alert.port import AlertStore, Delivery
from heliograph.core.event import ArticleFlagged, Envelope
from heliograph.errors import Unavailable
from heliograph.runtime.stage import Done, Outcome, Reject, RetryLater

STORE_PAUSE = 1.0
"""Seconds to wait for a store that is away (locked for too long, disk full) unless it says otherwise."""


class AlertStage:
    """ArticleFlagged -> alerts claimed in the store, then `wake` so that they are sent at once.

    A batch costs the store one look and one write. Its effects lie in the store alone, so it has no sink. Handling an
    event again claims nothing again: claims are create-if-absent under deterministic ids. `skipped` is told of
    everything that makes no message, with its reason.
    """

    name = "alert"

    def __init__(
        self,
        *,
        store: AlertStore,
        policies: Sequence[Policy],
        matches: Matches,
        clock: Callable[[], datetime],
        wake: Callable[[], None] = lambda: None,
        topic_name: Callable[[str], str] = str,
        skipped: Callable[[Skip], None] = lambda _skip: None,
    ) -> None:
        self._store = store
        self._policies = tuple(policies)
        self._matches = matches
        self._clock = clock
        self._wake = wake
        self._topic_name = topic_name
        self._skipped = skipped

    def handle(self, batch: Sequence[Envelope]) -> Sequence[Outcome]:
        try:
            return self._handle(batch)
        except Unavailable as error:
            after = STORE_PAUSE if error.retry_after is None else error.retry_after
            return [RetryLater(after, str(error)) for _ in batch]

    def _handle(self, batch: Sequence[Envelope]) -> Sequence[Outcome]:
        claims: dict[str, Delivery] = {}
        known = dict(self._store.known(self._asked_for(batch)))
        outcomes: list[Outcome] = []
        for envelope in batch:
            if not isinstance(envelope.data, ArticleFlagged):
                kind = type(envelope.data).__name__
                cause = f"alert works on ArticleFlagged events, event {envelope.id} is {kind}"
                outcomes.append(Reject("unexpected-event", cause))
                continue
            made, skipped = pipeline.run(
                envelope,
                envelope.data,
                policies=self._policies,
                known=known,
                matches=self._matches,
                now=self._clock(),
                topic_name=self._topic_name,
            )
            for delivery in made:
                # What this batch claims is known to the events behind it.
                known[delivery.id] = claims.setdefault(delivery.id, delivery).alert
            for skip in skipped:
                self._skipped(skip)
            outcomes.append(Done())
        if claims and any(self._store.claim(list(claims.values()))):
            self._wake()
        return outcomes

    def _asked_for(self, batch: Sequence[Envelope]) -> set[str]:
        """Return what must be known of to decide the whole batch: a look for each event would be a journey for each."""
        return {
            message
            for envelope in batch
            if isinstance(envelope.data, ArticleFlagged)
            for message in pipeline.ids_asked_for(envelope, envelope.data, self._policies)
        }
