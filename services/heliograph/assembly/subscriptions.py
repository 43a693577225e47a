"""Subscriptions as the command line sees them: the list, one look at an address, OPML in and out."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeVar

from heliograph.assembly.collection import PARSER, find, http_options, new_feed, sync_sources
from heliograph.assembly.pages import feed_row
from heliograph.assembly.parsing import Parsing
from heliograph.assembly.world import World
from heliograph.errors import FeedError, UsageError
from heliograph.fetch import opml
from heliograph.fetch.check import Report, check
from heliograph.fetch.discover import Candidate, discover, looks_like_html
from heliograph.fetch.http import HttpFetcher
from heliograph.fetch.port import Feed, Fetcher, FetchRequest, ParseBody, Subscription
from heliograph.fetch.sources import by_hand, removal
from heliograph.fetch.urls import require_web_url, shown
from heliograph.runtime.sandbox import Sandbox

_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_COUNTRY = re.compile(r"[a-z]{2}|int")

T = TypeVar("T")


def listed(world: World) -> list[dict[str, Any]]:
    """Return every subscription with its ledger as a row, after the sources file was followed.

    Raises DefinitionError or UsageError for a sources file that is wrong, Unavailable for the ledger.
    """
    sync_sources(world)
    return [_row(feed, world) for feed in world.ledger.feeds()]


def _row(feed: Feed, world: World) -> dict[str, Any]:
    row, state = asdict(feed_row(feed, world)), feed.state
    if row["status"] == "new":
        row["reason"] = row["reason"] or "never polled so far"
    elif row["status"] == "paused":
        row["reason"] = row["reason"] or "switched off: `heliograph feeds add` with its address polls it again"
    elif state.last_attempt is not None and state.last_success is None:
        row["reason"] = f"never answered so far; {row['reason'] or state.last_error}".rstrip("; ")
    return row


def add(world: World, url: str, *, title: str = "", language: str = "", country: str = "") -> Subscription:
    """Subscribe, and return the subscription. Raises UsageError for what cannot be, or is subscribed already."""
    if language and not _LANGUAGE.fullmatch(language):
        raise UsageError(f"--language {language!r}: write a tag such as ka or zh-Hant")
    if country and not _COUNTRY.fullmatch(country):
        raise UsageError(f"--country {country!r}: write two lower-case letters such as ge, or int")
    sync_sources(world)
    made = new_feed(world, url, title=title, language=language, country=country)
    world.ledger.edit(put=[made])
    return made


def remove(world: World, feed: str) -> tuple[Subscription, bool]:
    """Unsubscribe by id or address; return the subscription and whether it is gone, or only switched off.

    A feed of the sources file is switched off, since it would come back otherwise. Raises UsageError for one that is
    not subscribed to.
    """
    sync_sources(world)
    found = find(world, feed)
    put, gone = removal(world.ledger.feeds(), found.subscription.id if found is not None else feed)
    assert found is not None, "removal refuses what is not there"
    world.ledger.edit(put=put, remove=gone)
    return found.subscription, bool(gone)


@dataclass(frozen=True, slots=True)
class Imported:
    """What an OPML list brought."""

    added: int
    switched_on: int
    present: int
    """Subscribed already."""


def import_opml(world: World, data: bytes, place: str) -> Imported:
    """Subscribe to every feed of the list, or to none. Raises FeedError naming the file and line."""
    try:
        outlines = opml.read(data)
    except FeedError as error:
        raise FeedError(f"{place}: {error}", reason=error.reason) from error
    sync_sources(world)
    present = {feed.subscription.url: feed.subscription for feed in world.ledger.feeds()}
    taken = {one.id for one in present.values()}
    added: list[Subscription] = []
    woken: list[Subscription] = []
    for outline in outlines:
        before = present.get(outline.url)
        if before is None:
            made = by_hand(outline.url, taken, title=outline.title, language=outline.language)
            taken.add(made.id)
            added.append(replace(made, source=made.id, source_title=outline.title, added=world.now()))
        elif not before.enabled:
            woken.append(replace(before, enabled=True))
    world.ledger.edit(put=[*added, *woken])
    return Imported(len(added), len(woken), len(outlines) - len(added) - len(woken))


def export_opml(world: World, *, everything: bool = False) -> bytes:
    """Return the subscriptions as OPML; those that are switched off only where `everything` is asked for."""
    sync_sources(world)
    subscriptions = [feed.subscription for feed in world.ledger.feeds()]
    return opml.write([one for one in subscriptions if one.enabled or everything])


def look(world: World, url: str) -> Report:
    """Fetch and parse an address once, as a poll would, and say what came back. Nothing is kept."""
    return _online(world, lambda fetcher, parse: check(url, fetcher, parse, world.now))


def discovered(world: World, url: str, *, probe: bool = False) -> tuple[tuple[Candidate, ...], dict[str, Report]]:
    """Return what may be feeds of the page at `url`; where `probe` is given, each was fetched once, by address.

    Raises UsageError for what is no web address and for an address that is itself a feed, FetchError.
    """

    async def run(fetcher: Fetcher, parse: ParseBody) -> tuple[tuple[Candidate, ...], dict[str, Report]]:
        result = await fetcher.fetch(FetchRequest(url=require_web_url(url)))
        body = result.body or b""
        if not looks_like_html(body, result.headers.get("content-type", "")):
            raise UsageError(f"{shown(url)}: is no web page; try `heliograph feeds check`")
        candidates = discover(body, result.url)
        reports = {one.url: await check(one.url, fetcher, parse, world.now) for one in candidates if probe}
        return candidates, reports

    return _online(world, run)


def _online(world: World, use: Callable[[Fetcher, ParseBody], Awaitable[T]]) -> T:
    async def run() -> T:
        fetcher, sandbox = HttpFetcher(http_options(world), world.now), Sandbox(PARSER)
        try:
            return await use(fetcher, Parsing(sandbox))
        finally:
            await fetcher.close()
            sandbox.close()

    return asyncio.run(run())
