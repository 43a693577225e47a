"""What a runner does with one batch, whatever brought it: decode, hand over, turn every failure into an outcome.

Shared by all runners, so that a stage fails the same way under each of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from heliograph.core.codec import decode, encode, headers
from heliograph.core.event import ArticleFlagged, DeadLetter, Envelope
from heliograph.core.ids import event_id
from heliograph.errors import CodecError, Unavailable
from heliograph.eventlog.port import Entry, Message
from heliograph.runtime.stage import Done, Outcome, Reject, RetryLater, Stage

DEFAULT_WAIT = 1.0
"""Seconds before a retry where the other side did not say."""


@dataclass(frozen=True, slots=True)
class Work:
    """A message and the event in it, or why it cannot be read."""

    message: Message
    envelope: Envelope | None
    undecodable: str = ""


def read(messages: Sequence[Message]) -> list[Work]:
    """Decode each message; one that cannot be read is kept with the reason."""
    work = []
    for message in messages:
        try:
            work.append(Work(message, decode(message.value)))
        except CodecError as error:
            work.append(Work(message, None, str(error)))
    return work


def run_stage(stage: Stage, work: Sequence[Work]) -> list[Outcome]:
    """Return one outcome for each piece of work, whatever the stage does.

    Unavailable means RetryLater for the whole batch. Any other exception: the events are handed in one by one, and the
    one that raises again is rejected with the error as its cause, so that one poisoned event holds up no other.
    """
    outcomes: list[Outcome | None] = [
        Reject("undecodable", item.undecodable) if item.envelope is None else None for item in work
    ]
    envelopes = [item.envelope for item in work if item.envelope is not None]
    answers = iter(_handle(stage, envelopes))
    return [outcome if outcome is not None else next(answers) for outcome in outcomes]


def _handle(stage: Stage, envelopes: Sequence[Envelope]) -> Sequence[Outcome]:
    if not envelopes:
        return []
    try:
        outcomes = stage.handle(envelopes)
        if len(outcomes) == len(envelopes):
            return outcomes
        cause = f"stage {stage.name} returned {len(outcomes)} outcomes for {len(envelopes)} events"
        return [Reject("stage-error", cause)] * len(envelopes)
    except Unavailable as error:
        return [RetryLater(error.retry_after or DEFAULT_WAIT, str(error))] * len(envelopes)
    except Exception as error:  # noqa: BLE001 - whatever a stage raises becomes an outcome with its cause
        if len(envelopes) == 1:
            return [Reject("stage-error", f"{type(error).__name__}: {error}")]
    return [outcome for envelope in envelopes for outcome in _handle(stage, [envelope])]


def sink_entries(outcomes: Sequence[Outcome]) -> list[Entry]:
    """Return what the stage's sink is to hold, keyed by article so that one article's events keep their order."""
    return [entry(event) for outcome in outcomes if isinstance(outcome, Done) for event in outcome.events]


def entry(event: Envelope) -> Entry:
    """Return an event as the log takes it."""
    return Entry(event.id, key_of(event), encode(event), headers(event))


def key_of(envelope: Envelope) -> str:
    """Return the key that orders an event: its story's id once it has one, since that is what alerts go by; else its
    article's; its own where there is neither.
    """
    data = envelope.data
    if isinstance(data, ArticleFlagged):
        return data.story.id
    return envelope.id if isinstance(data, DeadLetter) else data.article.id


def dead_letter_entry(stage: str, item: Work, reject: Reject, now: datetime) -> Entry:
    """Return the dead letter for one refused message, the original bytes inside."""
    letter = DeadLetter(
        stage=stage,
        reason=reject.reason,
        cause=reject.cause,
        payload=item.message.value,
        topic=item.message.topic,
        origin=item.message.place,
        content_type="application/json",
    )
    return dead_letter(letter, trace=item.envelope.trace if item.envelope else "", now=now)


def dead_letter(letter: DeadLetter, *, trace: str, now: datetime) -> Entry:
    """Return a dead letter as an entry; the same original refused again by the same stage has the same id."""
    found = event_id("dead.letter", letter.stage, letter.origin, letter.payload.decode("latin-1"))
    envelope = Envelope(id=found, time=now, trace=trace or found, data=letter, origin=letter.stage)
    return Entry(found, letter.origin or found, encode(envelope), headers(envelope))
