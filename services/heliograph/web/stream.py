"""/api/v1/stream: flagged articles as server-sent events (HTML Living Standard, 9.2).

`event: article` carries an item as JSON, or with `as=html` the card that the list shows. `event: reload` says that the
reader fell behind or resumes from what is no longer kept: search again, then connect anew without `Last-Event-ID`.
A comment comes every few seconds of silence. A client that takes no data is cut off.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import msgspec
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from heliograph.query.tree import Node
from heliograph.web.ask import Asker
from heliograph.web.decide import MAX_CURSOR, ParameterError
from heliograph.web.deps import WebDeps
from heliograph.web.live import Closed, Lagged, LiveEvent, Subscription
from heliograph.web.present import card_of
from heliograph.web.render import Renderer
from heliograph.web.shapes import make_item

_SEND_TIMEOUT = 10.0
"""Seconds after which a client that takes nothing is cut off."""
_RETRY_MS = 3000


@dataclass(frozen=True, slots=True)
class Streamer:
    """Opens streams on the live bus."""

    deps: WebDeps
    asker: Asker
    renderer: Renderer

    async def open(self, request: Request) -> Response:
        """Answer GET /api/v1/stream. Raises UsageError, Unavailable."""
        params = self.asker.params(request.query_params)
        form = request.query_params.get("as", "json")
        if form not in ("json", "html"):
            raise ParameterError(f"as: unknown: {form[:40]!r}", expected=("json", "html"))
        query = await run_in_threadpool(self.asker.parse, params.q, params.zone)
        last = request.headers.get("last-event-id") or request.query_params.get("after", "")
        try:
            reader = self.deps.bus.subscribe(last[:MAX_CURSOR])
        except Closed:
            return Response("the server is stopping\n", 503, media_type="text/plain")
        return EventSourceResponse(
            self._events(reader, query, as_html=form == "html"),
            ping=self.deps.heartbeat,
            ping_message_factory=lambda: ServerSentEvent(comment="still here"),
            send_timeout=_SEND_TIMEOUT,
            sep="\n",
        )

    async def _events(
        self, reader: Subscription, query: Node | None, *, as_html: bool
    ) -> AsyncIterator[ServerSentEvent]:
        try:
            # An answer begins with its first bytes: without them a browser waits for the first article to say "open".
            yield ServerSentEvent(comment="listening", retry=_RETRY_MS)
            while True:
                events = await reader.next()
                for event, data in await run_in_threadpool(self._chosen, events, query, as_html=as_html):
                    yield ServerSentEvent(data, event="article", id=event.id)
        except Lagged:
            yield ServerSentEvent("the list has moved on: load it again", event="reload")
        except Closed:
            return
        finally:
            reader.close()

    def _chosen(self, events: Sequence[LiveEvent], query: Node | None, *, as_html: bool) -> list[tuple[LiveEvent, str]]:
        """Return the events that the query asks for, with their data."""
        names = {row.id: row.name for row in self.deps.topics()} if as_html else {}
        chosen = []
        for event in events:
            if query is None or self.deps.matches(query, event.document):
                if as_html:
                    card = card_of(event.document, (), names)
                    data = self.renderer.text("_card.html", {"card": card, "now": self.deps.now()}).strip()
                else:
                    data = msgspec.json.encode(make_item(event.document)).decode()
                chosen.append((event, data))
        return chosen
