"""WebDeps: the protocols of port.py, the live bus and the metrics, in the one bundle that `create_app` takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo

from prometheus_client import CollectorRegistry

from heliograph.core.article import Document
from heliograph.query.tree import Node
from heliograph.runtime.stage import StepHealth
from heliograph.web.live import LiveBus
from heliograph.web.port import (
    AlertRow,
    ChannelRow,
    Check,
    FeedRow,
    NewFeed,
    Recorder,
    Searches,
    TopicRow,
    record_nothing,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebDeps:
    """All that the web application is given; nothing else is reached for."""

    searches: Searches
    parse_query: Callable[[str, datetime, tzinfo], Node]
    """Takes the query, the present moment and the zone of dates without an offset. Raises QueryError. An empty text
    never reaches it."""
    matches: Callable[[Node, Document], bool]
    """Does the query hold for the document? For the live list."""
    now: Callable[[], datetime]
    """The present moment, aware, in UTC."""
    bus: LiveBus
    feeds: Callable[[], Sequence[FeedRow]]
    add_feed: Callable[[NewFeed], FeedRow]
    """Raises UsageError for an address that cannot be a feed or is subscribed already."""
    remove_feed: Callable[[str], bool]
    """False where there is no such feed."""
    topics: Callable[[], Sequence[TopicRow]]
    concepts: Callable[[], Mapping[str, str]]
    """Names of the concepts that a query may ask for, by id."""
    alerts: Callable[[int], Sequence[AlertRow]]
    """The newest alerts, at most so many."""
    channels: Callable[[], Sequence[ChannelRow]]
    test_channel: Callable[[str], str]
    """Send a test message; return one line on what the channel said. Raises UsageError or DeliveryError."""
    steps: Callable[[], Sequence[StepHealth]]
    stores: Callable[[], Mapping[str, str]]
    """Facts for the status page: name -> one line, such as `event log` -> `SQLite, 12 MB, 8,410 events`."""
    version: str
    checks: Mapping[str, Check] = field(default_factory=dict)
    registry: CollectorRegistry | None = None
    record: Recorder = record_nothing
    zone: tzinfo = UTC
    """What dates without an offset are in, where whoever asks names no zone."""
    allowed_hosts: tuple[str, ...] = ()
    """Host names, besides localhost and IP literals, under which the server may be addressed."""
    heartbeat: float = 15.0
    """Seconds between comments on a silent event stream."""
