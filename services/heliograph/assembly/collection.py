"""Collection as a supervised task, and as what pages and the command line see of it."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

from heliograph.assembly.parsing import Parsing
from heliograph.assembly.world import World
from heliograph.core.event import ArticleFetched, Envelope
from heliograph.detect.files import defaults_folder
from heliograph.errors import UsageError
from heliograph.fetch.decide import Policy
from heliograph.fetch.http import HttpFetcher, HttpOptions
from heliograph.fetch.poll import Ports
from heliograph.fetch.port import BY_HAND, Feed, Subscription
from heliograph.fetch.schedule import Pace
from heliograph.fetch.sources import by_hand, load, merge, removal
from heliograph.fetch.stage import Ingest, IngestOptions, IngestStatus
from heliograph.fetch.urls import shown
from heliograph.runtime.sandbox import Sandbox

PARSER = "heliograph.parse.worker:handle"
_REFRESH = 2.0
"""Seconds until a feed that another process added is polled."""


def http_options(world: World) -> HttpOptions:
    """Return the fetcher's limits as the settings say."""
    fetch = world.settings.fetch
    return HttpOptions(
        user_agent=fetch.user_agent,
        allow_networks=fetch.allow_networks,
        timeout=fetch.timeout.total_seconds(),
        max_body=fetch.max_body,
        per_host=fetch.per_host,
        concurrency=fetch.concurrency,
    )


def policy(world: World) -> Policy:
    """Return how often feeds are asked, as the settings say."""
    fetch = world.settings.fetch
    return Policy(poll_min=fetch.poll_min.total_seconds(), poll_max=fetch.poll_max.total_seconds())


class Collection:
    """The ingest service of this process, whether it runs here or not."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._ingest: Ingest | None = None

    def run(self, stop: threading.Event) -> None:
        """Collect until `stop` is set; a supervised task."""
        world, fetch = self._world, self._world.settings.fetch
        sync_sources(world)
        sandbox = Sandbox(PARSER)
        share = world.ledger.share()
        ports = Ports(
            ledger=world.ledger,
            share=share,
            fetcher=HttpFetcher(http_options(world), world.now),
            parse=Parsing(sandbox),
            append=self._append,
            bury=world.bury,
            observer=self,
        )
        options = IngestOptions(
            policy=policy(world), pace=Pace(concurrency=fetch.concurrency, per_host=fetch.per_host), refresh=_REFRESH
        )
        ingest = self._ingest = Ingest(ports, options, world.now)
        ended = threading.Event()
        threading.Thread(target=_pass_on, args=(stop, ended, ingest), name="ingest-stop", daemon=True).start()
        try:
            share.join(ingest.let_go)
            ingest.serve()
        finally:
            ended.set()
            self._ingest = None
            share.close()
            sandbox.close()

    def status(self) -> IngestStatus | None:
        """Return how collection is doing; None where it does not run in this process."""
        return self._ingest.status() if self._ingest is not None else None

    def add(self, subscription: Subscription) -> None:
        """Subscribe; polled at once where collection runs here, else within seconds by the process that collects."""
        if self._ingest is not None:
            self._ingest.add([subscription])
        else:
            self._world.ledger.edit(put=[subscription])

    def remove(self, feed: str) -> None:
        """Unsubscribe. Raises UsageError for an unknown id."""
        if self._ingest is not None:
            self._ingest.remove(feed)
        else:
            put, remove = removal(self._world.ledger.feeds(), feed)
            self._world.ledger.edit(put=put, remove=remove)

    def observe_poll(self, feed: str, outcome: str, seconds: float, received: int) -> None:
        """Count a poll; the feed is no label, there are thousands."""
        del feed
        self._world.metrics.polls.labels(outcome).inc()
        self._world.metrics.poll_seconds.observe(seconds)
        self._world.metrics.fetched_bytes.inc(received)

    def _append(self, events: list[Envelope]) -> None:
        self._world.append_articles(events)
        metrics = self._world.metrics
        for event in events:
            metrics.articles.labels("backfill" if event.backfill else "fresh").inc()
            if not event.backfill and isinstance(event.data, ArticleFetched) and event.data.article.published:
                delay = (event.data.article.fetched - event.data.article.published).total_seconds()
                metrics.publish_delay.observe(max(0.0, delay))


def _pass_on(stop: threading.Event, ended: threading.Event, ingest: Ingest) -> None:
    while not ended.is_set():
        if stop.wait(0.5):
            # Asked again until it ends: a stop that comes before the event loop runs would be lost.
            ingest.stop()
            ended.wait(0.2)


def sources_file(world: World) -> Path | None:
    """Return the sources file in force: the user's, the shipped one, or none."""
    named = world.settings.sources
    if named == "none":
        return None
    return defaults_folder() / "sources.yaml" if named == "default" else Path(named)


def sync_sources(world: World) -> int:
    """Make the ledger follow the sources file; return how many feeds changed. Raises DefinitionError, UsageError.

    Feeds that a person added stay whatever the file says; feeds that the file no longer lists go.
    """
    path = sources_file(world)
    try:
        wanted = load(path.read_bytes(), str(path)) if path is not None else ()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}; see the setting `sources`") from error
    present = world.ledger.feeds()
    known = {feed.subscription.id: feed.subscription for feed in present}
    put = [one if one.id in known else replace(one, added=world.now()) for one in merge(wanted, present)]
    listed = {one.id for one in wanted}
    remove = [name for name, one in known.items() if one.evidence != BY_HAND and name not in listed]
    if put or remove:
        world.ledger.edit(put=put, remove=remove)
    return len(put) + len(remove)


def find(world: World, feed: str) -> Feed | None:
    """Return a subscription with its state by id or address, or None."""
    return next((f for f in world.ledger.feeds() if feed in (f.subscription.id, f.subscription.url)), None)


def new_feed(world: World, url: str, *, title: str = "", language: str = "", country: str = "") -> Subscription:
    """Return a subscription for an address that a person gave; one that was switched off is switched on again.

    Raises UsageError for what is no web address, and for one that is subscribed already.
    """
    present = world.ledger.feeds()
    made = by_hand(url.strip(), [f.subscription.id for f in present], title=title, language=language)
    before = next((f.subscription for f in present if f.subscription.url == made.url), None)
    if before is not None and before.enabled:
        raise UsageError(f"{shown(made.url)}: subscribed already, as {before.id}")
    if before is not None:
        return replace(before, enabled=True)
    return replace(made, source=made.id, source_title=title, country=country, added=world.now())
