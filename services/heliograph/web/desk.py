"""The desk's pages: topics, alerts and feeds, with the forms that change something.

Forms answer with 303 to the page they stand on (post, redirect, get), so that reloading repeats nothing. Guard has
checked by then that the form was this server's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from heliograph.errors import DeliveryError, UsageError
from heliograph.web.api import read_body
from heliograph.web.ask import Asker
from heliograph.web.decide import add_filter
from heliograph.web.deps import WebDeps
from heliograph.web.port import FeedRow, NewFeed
from heliograph.web.present import redact, safe_link
from heliograph.web.render import Renderer, query_string

_FIELDS: Final = ("url", "title", "source", "country", "language", "ownership")
_ORDER: Final = {"failing": 0, "paused": 1, "new": 2, "ok": 3}
_ALERTS: Final = 200


@dataclass(frozen=True, slots=True)
class Desk:
    """The handlers."""

    deps: WebDeps
    asker: Asker
    renderer: Renderer

    def routes(self) -> list[BaseRoute]:
        """Return the routes of the pages and their forms."""
        return [
            Route("/topics", self.topics),
            Route("/alerts", self.alerts),
            Route("/alerts/test", self.test_channel, methods=["POST"]),
            Route("/feeds", self.feeds, methods=["GET"]),
            Route("/feeds", self.add_feed, methods=["POST"]),
            Route("/feeds/{id}/remove", self.remove_feed, methods=["POST"]),
        ]

    def topics(self, _: Request) -> Response:
        listed = [
            (topic, "/" + query_string({"q": add_filter("", "topic", topic.id)})) for topic in self.asker.topics()
        ]
        return self.renderer.page("topics.html", {"topics": listed, "now": self.deps.now()})

    def alerts(self, request: Request) -> Response:
        return self._alerts(request.query_params.get("status", ""))

    async def test_channel(self, request: Request) -> Response:
        name = (await self._form(request)).get("channel", "")
        return await run_in_threadpool(self._test_channel, name)

    def _test_channel(self, name: str) -> Response:
        if all(row.name != name for row in self.deps.channels()):
            raise HTTPException(404, "There is no such channel.")
        try:
            said = f"{name}: {self.deps.test_channel(name)}"
            return self._alerts("", said=redact(said))
        except (UsageError, DeliveryError) as error:
            return self._alerts("", said=redact(f"{name}: {error}"), failed=True)

    def _alerts(self, status: str, *, said: str = "", failed: bool = False) -> Response:
        rows = self.asker.alerts(_ALERTS)
        known = sorted({row.status for row in rows})
        values = {
            "alerts": [(row, safe_link(row.url)) for row in rows if not status or row.status == status],
            "statuses": [(name, "/alerts" + query_string({"status": name}), name == status) for name in known],
            "status": status if status in known else "",
            "channels": self.deps.channels(),
            "said": said,
            "failed": failed,
            "limit": _ALERTS,
            "now": self.deps.now(),
        }
        return self.renderer.page("alerts.html", values, 502 if failed else 200)

    def feeds(self, request: Request) -> Response:
        return self._feeds(request.query_params.get("done", ""))

    async def add_feed(self, request: Request) -> Response:
        form = await self._form(request)
        new = NewFeed(**{name: form.get(name, "") for name in _FIELDS})
        return await run_in_threadpool(self._add_feed, new)

    def _add_feed(self, new: NewFeed) -> Response:
        try:
            row = self.deps.add_feed(new)
        except UsageError as error:
            return self._feeds("", error=redact(str(error)), typed=new)
        return RedirectResponse("/feeds" + query_string({"done": "added"}) + f"#feed-{row.id}", 303)

    def remove_feed(self, request: Request) -> Response:
        if not self.deps.remove_feed(request.path_params["id"]):
            raise HTTPException(404, "There is no such feed. It may have been removed already.")
        return RedirectResponse("/feeds" + query_string({"done": "removed"}), 303)

    def _feeds(self, done: str, *, error: str = "", typed: NewFeed | None = None) -> Response:
        rows: list[FeedRow] = sorted(self.asker.feeds(), key=lambda row: (_ORDER[row.status], row.title.casefold()))
        tally = {status: sum(row.status == status for row in rows) for status in _ORDER}
        values = {
            "feeds": [
                (row, safe_link(row.url), "/" + query_string({"q": add_filter("", "feed", row.id)})) for row in rows
            ],
            "tally": tally,
            "done": {"added": "The feed was added; its first poll follows.", "removed": "The feed was removed."}.get(
                done, ""
            ),
            "error": error,
            "typed": typed or NewFeed(url=""),
            "now": self.deps.now(),
        }
        return self.renderer.page("feeds.html", values, 400 if error else 200)

    async def _form(self, request: Request) -> dict[str, str]:
        body = await read_body(request)
        try:
            pairs = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=40)
        except ValueError as error:
            raise HTTPException(400, "The form cannot be read.") from error
        return {name: value.strip() for name, value in pairs}
