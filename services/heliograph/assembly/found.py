"""Searches from the command line: the indexes as they stand, read beside whatever process writes them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

import msgspec

from heliograph.assembly.world import World
from heliograph.errors import IndexUnavailable, UsageError
from heliograph.index.port import Hit, Search, Sort
from heliograph.query.moments import EXPECTED, period
from heliograph.web.shapes import make_item

PAGE = 200
"""Documents asked for at once, so that a long answer is never held in memory twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A search as a person asks it: texts as typed, empty where nothing was said."""

    query: str
    since: str = ""
    until: str = ""
    zone: tzinfo | None = None
    """What dates without an offset are in; None for the zone of the settings."""
    scope: str = "flagged"
    """Name of the index: `flagged` or `archive`."""
    sort: Sort = "newest"
    limit: int = 20


def moment(option: str, written: str, now: datetime, zone: tzinfo) -> datetime | None:
    """Return the moment at which the period that a date, a time or `now-7d` names begins; None for an empty text.

    Dates without an offset are in `zone`. Raises UsageError naming the option.
    """
    if not written:
        return None
    ago = written.strip()
    if ago[:1].isdigit() and ago[-1:].isalpha() and not ago.endswith(("Z", "z")):
        ago = f"now-{ago}"
    try:
        return period(ago, now=now, zone=zone)[0]
    except ValueError as error:
        raise UsageError(f"{option} {written!r}: {error}; write {', '.join(EXPECTED)}") from error


def require_order(since: datetime | None, until: datetime | None, names: tuple[str, str]) -> None:
    """Raise UsageError where nothing can lie between the two."""
    if since is not None and until is not None and since >= until:
        raise UsageError(f"{names[0]} is not before {names[1]}: nothing can lie between")


def indexed(world: World, name: str) -> bool:
    """Tell whether an index was ever begun; asking leaves no trace in the data folder."""
    return world.tier.name != "embedded" or (world.settings.data / "index" / name / "meta.json").is_file()


def search(world: World, question: Question) -> tuple[int, list[Hit]]:
    """Return how many documents there are, exactly, and the first `limit` of them.

    Raises QueryError, UsageError for a time that is none, IndexUnavailable also where nothing was ever indexed.
    """
    now, zone = world.now(), question.zone or world.zone
    since, until = (
        moment(option, written, now, zone)
        for option, written in (("--since", question.since), ("--until", question.until))
    )
    require_order(since, until, ("--since", "--until"))
    node = world.parse_query(question.query, now, zone) if question.query.strip() else None
    if not indexed(world, question.scope):
        raise IndexUnavailable(f"nothing indexed yet in {world.settings.data}: run `heliograph run`, or check --data")
    index = world.index(question.scope)
    hits: list[Hit] = []
    cursor = ""
    while True:
        size = min(PAGE, question.limit - len(hits))
        page = index.search(Search(node, since, until, question.sort, size, cursor))
        hits += page.items
        cursor = page.next
        if not cursor or len(hits) >= question.limit:
            return page.total, hits


def item(hit: Hit) -> dict[str, Any]:
    """Return one hit as the web API lists it."""
    found: dict[str, Any] = msgspec.to_builtins(make_item(hit.document, hit.evidence))
    return found


def line(hit: Hit) -> dict[str, Any]:
    """Return one hit as a line of a table or a sheet."""
    article = hit.document.article
    return {
        "time": article.sorted,
        "language": article.language,
        "source": article.source,
        "topics": [match.topic for match in hit.document.matches],
        "title": article.title or article.text[:100],
        "url": article.url or article.link,
        "id": article.id,
    }
