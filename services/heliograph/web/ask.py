"""One question to the indexes, as pages, API and feeds out ask it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from heliograph.errors import QueryError
from heliograph.query.complete import Completion, complete
from heliograph.query.tree import Node
from heliograph.web.decide import Params, read_params
from heliograph.web.deps import WebDeps
from heliograph.web.port import AlertRow, Ask, Counts, FeedRow, Found
from heliograph.web.present import FACET_TITLES, redact, value_label
from heliograph.web.shapes import Topic, make_topic

_MANY = 10_000
"""More values than there are topics."""


class Asker:
    """Checks parameters, parses the query and asks the index of the scope. Safe to use from many threads."""

    def __init__(self, deps: WebDeps) -> None:
        self._deps = deps

    def params(self, given: Mapping[str, str], *, default_limit: int = 50) -> Params:
        """Raises UsageError."""
        return read_params(given, self._deps.now(), default_limit=default_limit)

    def parse(self, query: str) -> Node | None:
        """Return the tree, None for an empty query. Raises QueryError."""
        if not query:
            return None
        try:
            return self._deps.parse_query(query, self._deps.now())
        except RecursionError as error:
            raise QueryError("the query is nested too deeply: use fewer parentheses", query=query) from error

    def ask(self, params: Params) -> Ask:
        """Return the question that the parameters ask. Raises QueryError."""
        return Ask(
            query=self.parse(params.q),
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
