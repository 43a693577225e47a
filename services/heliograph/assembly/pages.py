"""What the web pages need, taken from the rooms: searches, rows, checks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from heliograph import __version__
from heliograph.alert.deliver import send_now
from heliograph.alert.format import sample_alert
from heliograph.alert.port import Find
from heliograph.assembly.collection import Collection, find, new_feed, policy
from heliograph.assembly.delivery import Delivery, holds
from heliograph.assembly.world import INDEXES, World
from heliograph.core.article import Document
from heliograph.detect.files import defaults_folder
from heliograph.errors import UsageError
from heliograph.fetch.health import Health, advice, health
from heliograph.fetch.port import Feed
from heliograph.fetch.urls import shown
from heliograph.index.port import Search
from heliograph.runtime.stage import StepHealth
from heliograph.web.deps import WebDeps
from heliograph.web.live import LiveBus
from heliograph.web.port import (
    AlertRow,
    Ask,
    ChannelRow,
    Check,
    Counts,
    FeedRow,
    Found,
    NewFeed,
    Scope,
    TopicRow,
)

_STATUS = {
    Health.DISABLED: "paused",
    Health.NEVER_POLLED: "new",
    Health.GONE: "failing",
    Health.FAILING: "failing",
    Health.STALE: "ok",
    Health.OK: "ok",
}


class IndexSearches:
    """`web.port.Searches` over the indexes of this installation."""

    def __init__(self, world: World) -> None:
        self._world = world

    def search(self, scope: Scope, ask: Ask) -> Found:
        return self._world.index(scope).search(_request(ask))

    def aggregate(self, scope: Scope, ask: Ask, *, facets: Sequence[str], buckets: int, size: int) -> Counts:
        return self._world.index(scope).aggregate(_request(ask), facets=facets, buckets=buckets, size=size)

    def get(self, article_id: str) -> Document | None:
        return self._world.index("flagged").get(article_id) or self._world.index("archive").get(article_id)


def _request(ask: Ask) -> Search:
    return Search(ask.query, ask.since, ask.until, ask.sort, ask.limit, ask.cursor)


class Rows:
    """Feeds, topics, alerts and channels as rows."""

    def __init__(self, world: World, collection: Collection, delivery: Delivery) -> None:
        self._world, self._collection, self._delivery = world, collection, delivery

    def feeds(self) -> list[FeedRow]:
        return [feed_row(feed, self._world) for feed in self._world.ledger.feeds()]

    def add_feed(self, new: NewFeed) -> FeedRow:
        subscription = new_feed(self._world, new.url, title=new.title, language=new.language, country=new.country)
        self._collection.add(subscription)
        added = find(self._world, subscription.id)
        if added is None:
            raise UsageError(f"{shown(new.url)}: was removed again before it could be shown")
        return feed_row(added, self._world)

    def remove_feed(self, feed: str) -> bool:
        if find(self._world, feed) is None:
            return False
        self._collection.remove(feed)
        return True

    def topics(self) -> list[TopicRow]:
        found = self._world.definitions
        shipped = str(defaults_folder())
        return [
            TopicRow(
                id=topic.id,
                name=topic.name,
                severity=topic.severity,
                version=found.compiled[topic.id].version,
                query=topic.query,
                origin="built in" if topic.place.startswith(shipped) else Path(topic.place).name,
            )
            for topic in found.topics.values()
            if topic.id in found.compiled
        ]

    def alerts(self, limit: int) -> list[AlertRow]:
        return [
            AlertRow(
                id=delivery.id,
                topic=delivery.alert.topic,
                story=delivery.alert.story,
                title=delivery.alert.title,
                url=delivery.alert.url,
                channel=delivery.alert.channel,
                status=delivery.status.value,
                created=delivery.alert.created,
                attempts=delivery.tries,
                last_error=delivery.error,
                reason=delivery.alert.reason,
                article=delivery.alert.article,
            )
            for delivery in self._world.alerts.find(Find(limit=limit)).items
        ]

    def channels(self) -> list[ChannelRow]:
        kinds = {str(table.get("name")): str(table.get("type")) for table in self._world.settings.channels}
        return [ChannelRow(name, kinds.get(name, ""), n.target) for name, n in self._delivery.notifiers.items()]

    def test_channel(self, name: str) -> str:
        notifier = self._delivery.notifiers.get(name)
        if notifier is None:
            known = ", ".join(self._delivery.notifiers) or "none"
            raise UsageError(f"no channel {name!r}; known: {known}")
        receipt = send_now(notifier, sample_alert(name, self._world.now()))
        return f"{name} took the test message" + (f" (HTTP {receipt.status})" if receipt.status else "")


def feed_row(feed: Feed, world: World) -> FeedRow:
    """Return one feed as pages and the command line list it; its address without credentials."""
    subscription, state = feed.subscription, feed.state
    condition = health(state, world.now(), policy(world), enabled=subscription.enabled)
    reason = advice(state) or (state.last_error if condition in (Health.FAILING, Health.GONE) else "")
    if condition is Health.STALE:
        reason = reason or "answers, but has had nothing new for a long time"
    return FeedRow(
        id=subscription.id,
        title=subscription.title or subscription.source_title or subscription.id,
        url=shown(subscription.url),
        source=subscription.source,
        country=subscription.country,
        ownership=subscription.ownership,
        language=subscription.language,
        evidence=subscription.evidence,
        status="new" if state.last_success is None and condition is Health.OK else _STATUS[condition],  # type: ignore[arg-type]  # the table's values are the literals
        reason=reason,
        last_success=state.last_success,
        last_new_item=state.last_new_item,
        next_poll=state.next_poll if subscription.enabled else None,
        failures=state.consecutive_failures,
        items=state.items_seen,
        last_error=state.last_error,
    )


def web_deps(
    world: World,
    bus: LiveBus,
    *,
    collection: Collection,
    delivery: Delivery,
    steps: Callable[[], Sequence[StepHealth]],
    checks: Mapping[str, Check],
) -> WebDeps:
    """Return all that the web application is given."""
    rows = Rows(world, collection, delivery)

    def record(method: str, route: str, status: int, seconds: float) -> None:
        world.metrics.http_requests.labels(route, method, str(status)).inc()
        world.metrics.http_seconds.labels(route).observe(seconds)

    return WebDeps(
        searches=IndexSearches(world),
        parse_query=world.parse_query,
        matches=holds,
        now=world.now,
        bus=bus,
        feeds=rows.feeds,
        add_feed=rows.add_feed,
        remove_feed=rows.remove_feed,
        topics=rows.topics,
        concepts=lambda: {name: concept.name for name, concept in world.definitions.concepts.items()},
        alerts=rows.alerts,
        channels=rows.channels,
        test_channel=rows.test_channel,
        steps=steps,
        stores=lambda: stores(world),
        version=__version__,
        checks=checks,
        registry=world.metrics.registry,
        record=record,
        zone=world.zone,
        allowed_hosts=world.settings.web.allowed_hosts,
    )


def stores(world: World) -> dict[str, str]:
    """Return a line on each store, for the status page."""
    data = world.settings.data
    found = {"data folder": str(data.resolve())}
    for name, path in (("event log", "log.sqlite"), ("ledger", "ledger.sqlite"), ("alerts", "alerts.sqlite")):
        files = list(data.glob(f"{path}*"))
        found[name] = f"SQLite, {_megabytes(files)}"
    for name in INDEXES:
        total = world.index(name).aggregate(Search(), facets=(), buckets=1, size=1).total
        files = [file for file in (data / "index" / name).rglob("*") if file.is_file()]
        found[f"index {name}"] = f"tantivy, {_megabytes(files)}, {total:,} articles"
    return found


def _megabytes(files: Sequence[Path]) -> str:
    size = 0
    for file in files:
        try:
            size += file.stat().st_size
        except FileNotFoundError:
            # A segment that was merged away between the listing and now.
            continue
    return f"{size / 1e6:,.1f} MB"
