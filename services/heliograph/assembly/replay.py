"""Events of the log handed to a stage again: both indexes rebuilt, and what every replay shares.

Whatever is replayed is marked as back-fill, so that nothing alerts, and keeps its ids, so that doing it twice does what
doing it once does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Final

import msgspec

from heliograph.assembly.world import World
from heliograph.core.event import ARTICLES, DEAD_LETTERS, FLAGGED, ArticleFetched, ArticleFlagged, Envelope
from heliograph.errors import IndexUnavailable, LogUnavailable, UsageError
from heliograph.eventlog.port import Message
from heliograph.index.port import Index
from heliograph.index.stage import IndexStage
from heliograph.runtime.stage import Outcome, Reject, RetryLater, Stage
from heliograph.runtime.work import Work, dead_letter_entry, read, run_stage

BATCH: Final = 1_000
INDEXED: Final = {FLAGGED: "flagged", ARTICLES: "archive"}
"""Which index holds which topic."""

Tick = Callable[[int], None]
"""Told how many more events are done."""


@dataclass(frozen=True, slots=True)
class Span:
    """Events appended in [since, until); None is open."""

    since: datetime | None = None
    until: datetime | None = None


@dataclass(slots=True)
class Indexing:
    """What a rebuild did."""

    index: str
    events: int = 0
    written: int = 0
    refused: int = 0
    """Events that the index can never take; they are in the dead letters."""
    newer: int = 0
    """Events left out because the index holds a later revision of the article."""


def require_log(world: World) -> None:
    """Raise LogUnavailable where there is no log yet; asking makes none."""
    if world.tier.name == "embedded" and not (world.settings.data / "log.sqlite").is_file():
        raise LogUnavailable(f"no event log yet in {world.settings.data}: run `heliograph run`, or check --data")


def kept(world: World, topic: str) -> int:
    """Return how many events of a topic the log keeps."""
    return world.log.reader(topic, "replay").lag().events


def batches(messages: Iterable[Message], size: int = BATCH) -> Iterator[list[Message]]:
    """Yield the messages in lists of at most `size`."""
    source = iter(messages)
    while batch := list(islice(source, size)):
        yield batch


def to_index(world: World, topic: str, span: Span, tick: Tick) -> Indexing:
    """Write the topic's events into its index again; what the index has besides stays.

    `world` must be one that writes the indexes. Raises IndexUnavailable, also where a running service holds the index,
    and LogUnavailable; then the same call does it from the beginning, safely.
    """
    index = world.index(INDEXED[topic])
    stage = IndexStage(index, f"index-{INDEXED[topic]}")
    found = Indexing(INDEXED[topic])
    for batch in batches(world.log.scan(topic, span.since, span.until)):
        items = read(batch)
        wanted = [item for item in items if span.until is None or not _superseded(index, item.envelope)]
        refused = [(item, one) for item, one in hand_over(stage, wanted) if isinstance(one, Reject)]
        entries = [dead_letter_entry(stage.name, item, reject, world.now()) for item, reject in refused]
        world.log.append(DEAD_LETTERS, entries)
        found.events += len(items)
        found.newer += len(items) - len(wanted)
        found.refused += len(refused)
        found.written += len(wanted) - len(refused)
        tick(len(items))
    return found


def hand_over(stage: Stage, items: Sequence[Work]) -> list[tuple[Work, Outcome]]:
    """Return what the stage says to each event, marked as back-fill. Raises IndexUnavailable where one must wait."""
    marked = [Work(item.message, as_backfill(item.envelope), item.undecodable) for item in items]
    outcomes = run_stage(stage, marked)
    waiting = next((one for one in outcomes if isinstance(one, RetryLater)), None)
    if waiting is not None:
        raise IndexUnavailable(f"{stage.name}: {waiting.reason}; what is done stays done: replay again once it is well")
    return list(zip(items, outcomes, strict=True))


def as_backfill(envelope: Envelope | None) -> Envelope | None:
    """Return the event so marked that it is indexed and never alerted."""
    return msgspec.structs.replace(envelope, backfill=True) if envelope is not None else None


def _superseded(index: Index, envelope: Envelope | None) -> bool:
    """Tell whether the index holds the article as it was fetched later: the end of the span cuts its revisions off."""
    if envelope is None or not isinstance(envelope.data, ArticleFetched | ArticleFlagged):
        return False
    present = index.get(envelope.data.article.id)
    return present is not None and present.article.fetched > envelope.data.article.fetched


def require_topic(topic: str, allowed: Sequence[str], target: str) -> None:
    """Raise UsageError for a topic whose events the target does not take."""
    if topic and topic not in allowed:
        raise UsageError(f"--to {target} takes events of {' or '.join(allowed)}, not of {topic}")
