"""One question to the indexes, as pages, API and feeds out ask it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone, tzinfo

from heliograph.errors import QueryError, UsageError
from heliograph.query.complete import Completion, complete
from heliograph.query.tree import Node
from heliograph.web.decide import Params, read_params, read_time
from heliograph.web.deps import WebDeps
from heliograph.web.port import AlertRow, Ask, Counts, FeedRow, Found
from heliograph.web.present import FACET_TITLES, redact, value_label
from heliograph.web.shapes import Topic, make_topic

_MANY = 10_000
"""More values than there are topics."""
_NOWHERE = timezone(timedelta(hours=13, minutes=37))
"""No place has this offset: whatever depends on a zone is something else in it."""


class Asker:
    """Checks parameters, parses the query and asks the index of the scope. Safe to use from many threads."""

    def __init__(self, deps: WebDeps) -> None:
        self._deps = deps

    def params(self, given: Mapping[str, str], *, default_limit: int = 50, zone: tzinfo | None = None) -> Params:
        """Check a request; `zone` is the asker's where the request names none. Raises UsageError."""
        return read_params(given, self._deps.now(), default_limit=default_limit, default_zone=zone or self._deps.zone)

    def parse(self, query: str, zone: tzinfo) -> Node | None:
        """Return the tree, None for an empty query. Raises QueryError."""
        return self._parse(query, self._deps.now(), zone)

    def dated(self, params: Params) -> bool:
        """Tell whether it depends on the zone what the parameters ask for.

        `now/d` may be the same in two zones today and not next summer: it depends on the zone all the same.
        """
        zones = {params.zone, self._deps.zone, UTC}
        if len(zones) == 1:
            return False
        now = self._deps.now()
        here = self._meant(params, now, params.zone)
        return any(self._meant(params, now, zone) != here for zone in (zones | {_NOWHERE}) - {params.zone})

    def _meant(self, params: Params, now: datetime, zone: tzinfo) -> tuple[object, ...]:
        try:
            since, until = (read_time("", text, now, zone) for text in (params.since_text, params.until_text))
            return self._parse(params.q, now, zone), since, until
        except UsageError:
            # A date at the end of all years lies outside them in another zone.
            return ()

    def _parse(self, query: str, now: datetime, zone: tzinfo) -> Node | None:
        if not query:
            return None
        try:
            return self._deps.parse_query(query, now, zone)
        except RecursionError as error:
            raise QueryError("the query is nested too deeply: use fewer parentheses", query=query) from error

    def ask(self, params: Params) -> Ask:
        """Return the question that the parameters ask. Raises QueryError."""
        return Ask(
            query=self.parse(params.q, params.zone),
            since=params.since,
            until=params.until,
            sort=params.sort,
            limit=params.limit,
            cursor=params.cursor,
        )

    def search(self, params: Params) -> Found:
        """Raises QueryError, IndexUnavailable."""
        return self._deps.searches.search(params.scope, self.ask(params))

    def counts(self, params: Params, facets: Sequence[str], *, buckets: int, size: int) -> Counts:
        """Count everything that the parameters find, whatever page they are on. Raises QueryError, IndexUnavailable."""
        ask = replace(self.ask(params), cursor="")
        return self._deps.searches.aggregate(params.scope, ask, facets=facets, buckets=buckets, size=size)

    def complete(self, query: str, at: int) -> Completion:
        """Return what may stand at a place of a query. Raises IndexUnavailable."""
        return complete(query, at, concepts=self._deps.concepts(), values=self._values)

    def _values(self, field: str) -> list[tuple[str, str, str]]:
        """Return the values of a field among flagged articles, the most frequent first, with names and counts."""
        if field not in FACET_TITLES:
            return []
        names = {row.id: row.name for row in self._deps.topics()} if field == "topic" else {}
        found = self._deps.searches.aggregate("flagged", Ask(), facets=(field,), buckets=1, size=_MANY)
        counted = dict(found.facets.get(field, ()))
        # A topic that has found nothing yet is one to ask for all the same.
        rows = []
        for value in dict.fromkeys((*counted, *names)):
            label, count = value_label(field, value, names), counted.get(value, 0)
            about = "1 article" if count == 1 else f"{count:,} articles"
            rows.append((value, label if label != value else "", about))
        return rows

    def topics(self) -> tuple[Topic, ...]:
        """Return every topic with what it flagged in all, in 7 days and in 24 hours. Raises IndexUnavailable."""
        now = self._deps.now()
        total = self._topic_counts(None)
        week = self._topic_counts(now - timedelta(days=7))
        day = self._topic_counts(now - timedelta(days=1))
        return tuple(
            make_topic(row, total.get(row.id, 0), week.get(row.id, 0), day.get(row.id, 0))
            for row in self._deps.topics()
        )

    def feeds(self) -> tuple[FeedRow, ...]:
        """Return every subscription, credentials in addresses and errors blanked."""
        return tuple(map(blank_feed, self._deps.feeds()))

    def alerts(self, limit: int) -> tuple[AlertRow, ...]:
        """Return the newest alerts, credentials in addresses and errors blanked."""
        return tuple(
            replace(row, url=redact(row.url), last_error=redact(row.last_error), reason=redact(row.reason))
            for row in self._deps.alerts(limit)
        )

    def _topic_counts(self, since: datetime | None) -> dict[str, int]:
        counts = self._deps.searches.aggregate("flagged", Ask(since=since), facets=("topic",), buckets=1, size=_MANY)
        return dict(counts.facets.get("topic", ()))


def blank_feed(row: FeedRow) -> FeedRow:
    """Return the row without credentials: a feed's address may hold a name and password."""
    return replace(row, url=redact(row.url), reason=redact(row.reason), last_error=redact(row.last_error))
