"""All stores and definitions of one installation, opened when first asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import cached_property
from pathlib import Path

from heliograph.alert.port import AlertStore
from heliograph.core.event import ARTICLES, DEAD_LETTERS, DeadLetter, Envelope
from heliograph.detect.files import Definitions, defaults_folder, load_definitions
from heliograph.eventlog.port import EventLog
from heliograph.fetch.port import Ledger
from heliograph.index.port import Index
from heliograph.query.parse import parse
from heliograph.query.tree import Node
from heliograph.query.zones import read_zone
from heliograph.runtime.metrics import Metrics
from heliograph.runtime.stage import Runner, Step
from heliograph.runtime.work import dead_letter, entry
from heliograph.settings import Settings

INDEXES = ("flagged", "archive")


def utc_now() -> datetime:
    """Return the present moment, aware, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """What differs between the tiers: where things are kept, and what runs the stages."""

    name: str
    log: Callable[[], EventLog]
    index: Callable[[str, bool], Index]
    """Takes the index's name, and whether it is only read."""
    ledger: Callable[[], Ledger]
    alerts: Callable[[], AlertStore]
    runner: Callable[[EventLog, Sequence[Step], Metrics], Runner]
    prepare: Callable[[EventLog], Sequence[str]] = lambda _: ()
    """Makes what the servers lack, and returns a line for each thing that is there and is not as it should be."""
    differences: Callable[[EventLog], Sequence[str]] = lambda _: ()
    """Returns the same lines, and those for what is missing; makes nothing."""
    sole: bool = True
    """Whether each service runs once: what a dead process left half done then belongs to the next one at its start,
    and else to whoever comes by when its lease is over."""


class World:
    """One installation. Stores are opened at first use and closed together; definitions can be put in force anew.

    `writes_index` says that this process holds the indexes' writer; others read what it has committed.
    """

    def __init__(
        self,
        settings: Settings,
        tier: Tier,
        *,
        writes_index: bool = False,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self.settings, self.tier, self.now = settings, tier, now
        self.metrics = Metrics()
        self.writes_index = writes_index
        self._indexes: dict[str, Index] = {}
        self._closers: list[Callable[[], None]] = []

    @property
    def folders(self) -> tuple[Path, ...]:
        """Folders of topics and concepts, the shipped one first; later ones win."""
        return (defaults_folder(), self.settings.data)

    @cached_property
    def definitions(self) -> Definitions:
        """Topics and concepts in force; read when first asked for, and replaced as a whole."""
        return load_definitions(self.folders)

    @cached_property
    def log(self) -> EventLog:
        log = self.tier.log()
        self._closers.append(log.close)
        return log

    @cached_property
    def ledger(self) -> Ledger:
        ledger = self.tier.ledger()
        self._closers.append(ledger.close)
        return ledger

    @cached_property
    def alerts(self) -> AlertStore:
        alerts = self.tier.alerts()
        self._closers.append(alerts.close)
        return alerts

    def index(self, name: str) -> Index:
        """Return the index `flagged` or `archive`."""
        if name not in self._indexes:
            index = self.tier.index(name, not self.writes_index)
            self._closers.append(index.close)
            self._indexes[name] = index
        return self._indexes[name]

    @cached_property
    def zone(self) -> tzinfo:
        """What dates without an offset are in, where whoever asks names no zone."""
        return read_zone(self.settings.time_zone)

    def parse_query(self, text: str, now: datetime | None = None, zone: tzinfo | None = None) -> Node:
        """Return the tree of a query with the concepts in force. Raises QueryError."""
        return parse(text, concepts=self.definitions.terms, now=now or self.now(), zone=zone or self.zone)

    def append_articles(self, envelopes: Sequence[Envelope]) -> None:
        """Append to the log, durably. Raises LogUnavailable."""
        self.log.append(ARTICLES, [entry(event) for event in envelopes])

    def bury(self, letter: DeadLetter) -> None:
        """Keep a dead letter, durably, and count it. Raises LogUnavailable."""
        self.log.append(DEAD_LETTERS, [dead_letter(letter, trace="", now=self.now())])
        self.metrics.dead_letters.labels(letter.stage, letter.reason).inc()

    def indexes_answer(self) -> str:
        """Return a line where both indexes answer. Raises IndexUnavailable."""
        for name in INDEXES:
            self.index(name).get("none")
        return f"{', '.join(INDEXES)} answer"

    def log_answers(self) -> str:
        """Return a line where the log can be read. Raises LogUnavailable."""
        lag = self.log.reader(ARTICLES, "readiness").lag()
        return f"readable, {lag.events} articles kept"

    def close(self) -> None:
        """Close what was opened, last first."""
        while self._closers:
            self._closers.pop()()
