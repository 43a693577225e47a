"""Stage and Runner: the two ports that every room and both tiers meet in.

A stage is one method over a batch of events. It answers with one outcome for each event, in the same order; the runner
does the rest: reads, calls, writes what the outcomes carry, dead-letters, waits, commits positions, counts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from heliograph.core.event import Envelope


@dataclass(frozen=True, slots=True)
class Done:
    """The event is worked on; `events` go to the step's sink before its position is committed."""

    events: tuple[Envelope, ...] = ()


@dataclass(frozen=True, slots=True)
class RetryLater:
    """Something needed is away; the event is handed in again after `after` seconds, and nothing behind it is lost."""

    after: float
    reason: str


@dataclass(frozen=True, slots=True)
class Reject:
    """The event can never be worked on; it goes to the dead letters with its bytes. `reason` is a slug for metrics."""

    reason: str
    cause: str
    """One line for a person."""


Outcome = Done | RetryLater | Reject


class Stage(Protocol):
    """One step of the pipeline, without I/O of its own beyond the ports it was given.

    Promises: `handle` returns exactly one outcome for each event, in order; handling an event again has the same
    effects as handling it once; it is called from one thread at a time. It may raise Unavailable for the whole batch
    (taken as RetryLater for each); any other exception makes the runner hand the events in one by one and reject the
    one that raises.
    """

    @property
    def name(self) -> str: ...

    def handle(self, batch: Sequence[Envelope]) -> Sequence[Outcome]: ...


@dataclass(frozen=True, slots=True)
class Step:
    """Where a stage stands in the pipeline: what it reads, under which group, and where its events go."""

    stage: Stage
    source: str
    """Log topic read from."""
    sink: str = ""
    """Log topic written to; empty for a stage whose effects lie outside the log."""
    group: str = ""
    """Consumer group; the stage's name unless given."""
    batch: int = 200
    """Events handed over at once, at most."""
    linger: float = 0.0
    """Seconds to wait for a fuller batch once something is there."""
    renew: Callable[[], None] | None = None
    """Called between batches once the member's share of the source has changed (`Reader.epoch`): a stage that keeps
    what it learned from earlier events builds it anew."""

    @property
    def reader_group(self) -> str:
        """The consumer group whose position is committed."""
        return self.group or self.stage.name


class Runner(Protocol):
    """Runs steps until told to stop.

    Promises: at least once (a position is committed after the effects and the sink's acknowledgement); order within a
    log partition; a failing step holds up no other; `stop` returns once every step has ended its batch.
    """

    def start(self) -> None: ...

    def stop(self, timeout: float = 5.0) -> None: ...

    def health(self) -> Sequence[StepHealth]: ...


@dataclass(frozen=True, slots=True)
class StepHealth:
    """What `/readyz`, `doctor` and the status page say of one step."""

    name: str
    alive: bool
    lag_events: int
    lag_seconds: float
    waiting: str = ""
    """Why it is in back-off, or empty."""
    restarts: int = field(default=0)
