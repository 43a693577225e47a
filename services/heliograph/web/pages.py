"""The reading pages: the list of articles, one article, and the state of the process."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import tzinfo
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from heliograph.errors import UsageError
from heliograph.query.zones import find_zone, zone_name
from heliograph.web.api import usage_body
from heliograph.web.ask import Asker
from heliograph.web.chart import draw
from heliograph.web.decide import QUICK_RANGES, Params, add_filter, filters_of, remembered_zone, zone_parameter
from heliograph.web.deps import WebDeps
from heliograph.web.health import run_checks
from heliograph.web.port import Counts
from heliograph.web.present import FACET_TITLES, card_of, full_of, redact, value_label
from heliograph.web.render import Renderer, query_string

_FACETS = ("topic", "concept", "source", "country", "ownership", "language")
_PAGE = 30
_BARS = 60


@dataclass(frozen=True, slots=True)
class Facet:
    """One field of the sidebar: (label, count, address that adds it, address that excludes it) for each value."""

    title: str
    values: tuple[tuple[str, int, str, str], ...]


@dataclass(frozen=True, slots=True)
class Pages:
    """The handlers; plain functions, which Starlette runs in its thread pool."""

    deps: WebDeps
    asker: Asker
    renderer: Renderer

    def routes(self) -> list[BaseRoute]:
        """Return the routes of the pages."""
        return [
            Route("/", self.list),
            Route("/articles/{id}", self.article),
            Route("/status", self.status),
        ]

    def names(self) -> dict[str, str]:
        """Return the topics' names by id."""
        return {row.id: row.name for row in self.deps.topics()}

    def list(self, request: Request) -> Response:
        given = request.query_params
        now = self.deps.now()
        # Before the search: what arrives between the two comes by the stream, and the page drops what it has.
        behind = self.deps.bus.last_id
        zone = remembered_zone(request.cookies) or self.deps.zone
        try:
            params = self.asker.params(given, default_limit=_PAGE, zone=zone)
            found = self.asker.search(params)
            counts = self.asker.counts(params, _FACETS, buckets=_BARS, size=8)
        except UsageError as error:
            return self._refused(request, zone, error)
        asked_in, dated = params.zone_text, self.asker.dated(params)
        if dated and params.zone != self.deps.zone:
            # Whoever opens a link of this page need not be in the reader's zone.
            params = replace(params, zone_text=zone_name(params.zone))
        names = self.names()
        values = {
            **self._form(params),
            **_zones(params.zone, zone, asked_in),
            "dated": dated,
            "error": None,
            "found": found,
            "cards": [card_of(hit.document, hit.evidence, names) for hit in found.items],
            "chart": draw(counts.histogram, counts.interval),
            "facets": facets_of(params, counts, names),
            "filters": [(f.text, address(params, q=f.without)) for f in filters_of(params.q)],
            "older": address(params, cursor=found.next) if found.next else "",
            "newest": address(params) if params.cursor else "",
            "stream": self._stream(params, behind),
            "now": now,
        }
        return self.renderer.page("list.html", values)

    def article(self, request: Request) -> Response:
        document = self.deps.searches.get(request.path_params["id"])
        if document is None:
            raise HTTPException(404, "There is no such article. It may have gone with the retention.")
        names = self.names()
        values = {"full": full_of(document, names), "document": document, "names": names, "now": self.deps.now()}
        return self.renderer.page("article.html", values)

    def status(self, _: Request) -> Response:
        values = {
            "steps": self.deps.steps(),
            "checks": run_checks(self.deps.checks),
            "stores": {name: redact(line) for name, line in self.deps.stores().items()},
            "version": self.deps.version,
            "readers": self.deps.bus.readers,
            "now": self.deps.now(),
        }
        return self.renderer.page("status.html", values)

    def _refused(self, request: Request, zone: tzinfo, error: UsageError) -> Response:
        """Show the form again with what is wrong: the query's place is marked where the query is to blame."""
        body = usage_body(error)
        given = request.query_params
        asked_in = zone_parameter(given)
        known = find_zone(asked_in)
        q = given.get("q", "").strip()[:2000]
        at = -1 if body.position is None else min(body.position, len(q))
        values: dict[str, Any] = {
            **_zones(known or zone, zone, asked_in if known else ""),
            "q": q,
            "since": given.get("since", "")[:60],
            "until": given.get("until", "")[:60],
            "scope": "archive" if given.get("scope", "") in ("all", "archive") else "flagged",
            "sort": "newest",
            "ranges": [],
            "scopes": [],
            "feeds_query": "",
            "dated": False,
            "error": body,
            "before": q[:at] if at >= 0 else "",
            "culprit": q[at : at + 1] if at >= 0 else "",
            "after": q[at + 1 :] if at >= 0 else "",
            "stream": "",
            "now": self.deps.now(),
        }
        return self.renderer.page("list.html", values, 400)

    def _form(self, params: Params) -> dict[str, Any]:
        return {
            "q": params.q,
            "since": params.since_text,
            "until": params.until_text,
            "scope": params.scope,
            "sort": params.sort,
            "ranges": [
                (label, address(params, since=since, until=""), since == params.since_text and not params.until_text)
                for since, label in QUICK_RANGES
            ],
            "scopes": [
                ("Flagged", address(params, scope=""), params.scope == "flagged"),
                ("All articles", address(params, scope="all"), params.scope == "archive"),
            ],
            "zoom": lambda since, until: address(params, since=since, until=until),
            "feeds_query": query_string({"q": params.q, "scope": _scope(params), "time_zone": params.zone_text}),
        }

    def _stream(self, params: Params, behind: str) -> str:
        """Return the address of the live list, empty where new articles would not stand at the top of this page."""
        if params.cursor or params.until or params.sort != "newest" or params.scope != "flagged":
            return ""
        return "/api/v1/stream" + query_string(
            {"q": params.q, "time_zone": params.zone_text, "as": "html", "after": behind}
        )


def _zones(zone: tzinfo, readers: tzinfo, asked_in: str) -> dict[str, str]:
    """Return the zone of the page, the one of the reader where no address names one, and the one of the address."""
    return {"zone": zone_name(zone), "readers_zone": zone_name(readers), "time_zone": asked_in}


def facets_of(params: Params, counts: Counts, names: dict[str, str]) -> list[Facet]:
    """Return the sidebar: for each field its values with the addresses that narrow the list to or by them."""
    return [
        Facet(
            FACET_TITLES[field],
            tuple(
                (
                    value_label(field, value, names),
                    count,
                    address(params, q=add_filter(params.q, field, value)),
                    address(params, q=add_filter(params.q, field, value, negate=True)),
                )
                for value, count in counts.facets.get(field, ())
                if value
            ),
        )
        for field in _FACETS
        if counts.facets.get(field)
    ]


def address(params: Params, **changes: str) -> str:
    """Return the address of the list with these parameters; a change of the question starts at its first page."""
    values: dict[str, object] = {
        "q": params.q,
        "since": params.since_text,
        "until": params.until_text,
        "scope": _scope(params),
        "sort": "" if params.sort == "newest" else params.sort,
        "time_zone": params.zone_text,
    }
    return "/" + (query_string(values | changes) if any((values | changes).values()) else "")


def _scope(params: Params) -> str:
    return "" if params.scope == "flagged" else "all"
