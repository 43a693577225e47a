"""Dead letters: listed, shown, and handed again to the stage that refused them.

A letter of a pipeline stage is handed to that stage directly, since its event is in the log already, and what comes of
it goes to the stage's sink. A letter of `ingest` is a feed's body: it is parsed again, and its items are appended. All
of it is back-fill. A letter that is refused again stays as it is. One that went through is marked as replayed in a
topic of its own and is not handed over a second time; its bytes are kept until `retention.dead_letters`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from heliograph.assembly.collection import PARSER, find
from heliograph.assembly.parsing import Parsing
from heliograph.assembly.replay import Span, Tick, as_backfill
from heliograph.assembly.world import World
from heliograph.core.codec import decode, encode
from heliograph.core.event import ARTICLES, DEAD_LETTERS, DeadLetter, Envelope
from heliograph.errors import BadInput, CodecError, UsageError
from heliograph.eventlog.port import Entry, Message
from heliograph.fetch.articles import Stamp, envelopes, name_items
from heliograph.fetch.port import Subscription
from heliograph.runtime.sandbox import Sandbox
from heliograph.runtime.stage import Done, Reject, RetryLater, Step
from heliograph.runtime.work import Work, run_stage, sink_entries

REPLAYED: Final = "dead-letters-replayed"
"""Log topic of the letters that went through: their ids, with the originals left out."""
INGEST: Final = "ingest"
_EPOCH: Final = datetime(1970, 1, 2, tzinfo=UTC)

Steps = Mapping[str, Callable[[], Sequence[Step]]]
"""For each service what makes its steps."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A dead letter, and where it lies."""

    place: str
    id: str
    time: datetime
    envelope: Envelope
    letter: DeadLetter
    replayed: bool

    def row(self) -> dict[str, Any]:
        """Return it as a row, its payload by size alone."""
        return {
            "place": self.place,
            "time": self.time,
            "stage": self.letter.stage,
            "reason": self.letter.reason,
            "state": "replayed" if self.replayed else "kept",
            "size": len(self.letter.payload),
            "origin": self.letter.origin,
            "content_type": self.letter.content_type,
            "topic": self.letter.topic,
            "cause": self.letter.cause,
        }


@dataclass(slots=True)
class Outcome:
    """What became of the letters that were handed over."""

    tried: int = 0
    through: int = 0
    events: int = 0
    """New events that came of them."""
    refused: list[tuple[str, str]] = field(default_factory=list)
    """(place, why) of each that stays."""


def letters(world: World, span: Span) -> Iterator[Kept]:
    """Yield the dead letters of the span, oldest first. Raises LogUnavailable."""
    done = {message.id for message in world.log.scan(REPLAYED)}
    for message in world.log.scan(DEAD_LETTERS, span.since, span.until):
        kept = _read(message, message.id in done)
        if kept is not None:
            yield kept


def original(world: World, place: str) -> bytes:
    """Return the bytes that were refused. Raises UsageError for a place where no letter lies."""
    for kept in letters(world, Span()):
        if kept.place == place:
            return kept.letter.payload
    raise UsageError(f"no dead letter at {place!r}: `heliograph replay --topic dead-letters` names the places")


def again(world: World, steps: Steps, span: Span, service: str, tick: Tick) -> Outcome:
    """Hand each letter of the service (`all` for every one) to the stage that refused it.

    Raises LogUnavailable, IndexUnavailable where a running service holds the index; what is done stays done.
    """
    found = Outcome()
    hands = _Hands(world, steps)
    try:
        for kept in letters(world, span):
            if not kept.replayed and service in ("all", service_of(kept.letter.stage)):
                _once(world, hands, kept, found)
            tick(1)
    finally:
        hands.close()
    now = world.now()
    world.log.trim(REPLAYED, now - min(world.settings.retention.dead_letters, now - _EPOCH))
    return found


def _once(world: World, hands: _Hands, kept: Kept, found: Outcome) -> None:
    found.tried += 1
    sink, entries, why = hands.take(kept)
    if why:
        found.refused.append((kept.place, why))
        return
    found.events += world.log.append(sink, entries) if sink and entries else 0
    bare = msgspec.structs.replace(kept.letter, payload=b"")
    mark = Envelope(id=kept.id, time=world.now(), trace=kept.envelope.trace, data=bare, origin="replay")
    world.log.append(REPLAYED, [Entry(kept.id, kept.id, encode(mark))])
    found.through += 1


def service_of(stage: str) -> str:
    """Return the service that a stage belongs to: `index` for `index-flagged`."""
    return stage.partition("-")[0]


def _read(message: Message, replayed: bool) -> Kept | None:
    try:
        envelope = decode(message.value)
    except CodecError:
        # Written by a newer release, or by hand: shown with its bytes rather than hidden.
        letter = DeadLetter(
            stage="unknown", reason="undecodable", cause="no dead letter of ours", payload=message.value
        )
        envelope = Envelope(id=message.id, time=message.time, trace=message.id, data=letter)
    if not isinstance(envelope.data, DeadLetter):
        return None
    return Kept(message.place, message.id, message.time, envelope, envelope.data, replayed)


_Taken = tuple[str, list[Entry], str]
"""Where what came of a letter goes, what came of it, and why it is refused still, or empty."""


class _Hands:
    """Hands letters over; stages and the parser's process are made when the first letter needs them."""

    def __init__(self, world: World, steps: Steps) -> None:
        self._world, self._steps = world, steps
        self._made: dict[str, Step] = {}
        self._sandbox = Sandbox(PARSER)

    def take(self, kept: Kept) -> _Taken:
        stage, service = kept.letter.stage, service_of(kept.letter.stage)
        if service == INGEST:
            return self._parse(kept)
        if stage not in self._made and service in self._steps:
            self._made |= {step.stage.name: step for step in self._steps[service]()}
        if stage not in self._made:
            return "", [], f"this release has no stage {stage!r}"
        return _stage_takes(self._made[stage], kept)

    def close(self) -> None:
        self._sandbox.close()

    def _parse(self, kept: Kept) -> _Taken:
        feed, _, url = kept.letter.origin.partition(" ")
        known = find(self._world, feed)
        subscription = known.subscription if known is not None else Subscription(id=feed or "unknown", url=url)
        body, content_type = kept.letter.payload, kept.letter.content_type
        try:
            parsed = asyncio.run(Parsing(self._sandbox)(body, content_type, url, subscription))
        except BadInput as error:
            return "", [], str(error)
        names = name_items(subscription.id, parsed)
        stamp = Stamp(self._world.now(), backfill=True)
        return ARTICLES, sink_entries([Done(envelopes(subscription, parsed, names, range(len(names)), stamp))]), ""


def _stage_takes(step: Step, kept: Kept) -> _Taken:
    try:
        event = as_backfill(decode(kept.letter.payload))
    except CodecError as error:
        return "", [], str(error)
    message = Message(kept.letter.topic, 0, 0, kept.id, "", kept.letter.payload, kept.time)
    outcomes = run_stage(step.stage, [Work(message, event)])
    match outcomes[0]:
        case Done():
            return step.sink, sink_entries(outcomes), ""
        case Reject(cause=why) | RetryLater(reason=why):
            return "", [], why
