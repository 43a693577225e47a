"""/api/v1/*: the JSON API that `openapi.py` describes."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from heliograph.errors import Unavailable, UsageError
from heliograph.web.ask import Asker, blank_feed
from heliograph.web.decide import ParameterError, read_int, read_query
from heliograph.web.deps import WebDeps
from heliograph.web.port import NewFeed
from heliograph.web.present import FACET_TITLES, redact
from heliograph.web.shapes import (
    AlertsAnswer,
    ChannelAnswer,
    CompletionAnswer,
    ErrorAnswer,
    ErrorBody,
    FacetsAnswer,
    FacetValue,
    FeedRequest,
    FeedsAnswer,
    HistogramAnswer,
    HistogramBucket,
    SearchAnswer,
    Suggested,
    TopicsAnswer,
    item_of,
)
from heliograph.web.stream import Streamer

PREFIX: Final = "/api/v1"
MAX_BODY: Final = 64 * 1024
MAX_BUCKETS: Final = 400
MAX_FACET_SIZE: Final = 100
LATER: Final = ("silences", "saved-searches")


@dataclass(frozen=True, slots=True)
class Api:
    """The handlers; those that ask an index are plain functions, which Starlette runs in its thread pool."""

    deps: WebDeps
    asker: Asker
    streamer: Streamer

    def routes(self) -> list[BaseRoute]:
        """Return the routes under PREFIX."""
        return [
            Route(f"{PREFIX}/search", self.search),
            Route(f"{PREFIX}/histogram", self.histogram),
            Route(f"{PREFIX}/facets", self.facets),
            Route(f"{PREFIX}/complete", self.complete),
            Route(f"{PREFIX}/articles/{{id}}", self.article),
            Route(f"{PREFIX}/topics", self.topics),
            Route(f"{PREFIX}/feeds", self.feeds, methods=["GET"]),
            Route(f"{PREFIX}/feeds", self.add_feed, methods=["POST"]),
            Route(f"{PREFIX}/feeds/{{id}}", self.remove_feed, methods=["DELETE"]),
            Route(f"{PREFIX}/alerts", self.alerts),
            Route(f"{PREFIX}/channels/{{name}}/test", self.test_channel, methods=["POST"]),
            Route(f"{PREFIX}/stream", self.streamer.open),
            *(Route(f"{PREFIX}/{name}", later, methods=["GET", "POST"]) for name in LATER),
        ]

    def search(self, request: Request) -> Response:
        began = time.perf_counter()
        found = self.asker.search(self.asker.params(request.query_params))
        items = tuple(map(item_of, found.items))
        took = round((time.perf_counter() - began) * 1000, 2)
        return answer(SearchAnswer(total=found.total, took_ms=took, items=items, next=found.next or None))

    def histogram(self, request: Request) -> Response:
        given = request.query_params
        buckets = read_int("buckets", given.get("buckets", ""), default=60, most=MAX_BUCKETS)
        counts = self.asker.counts(self.asker.params(given), (), buckets=buckets, size=1)
        bars = tuple(HistogramBucket(start=bucket.start, count=bucket.count) for bucket in counts.histogram)
        return answer(HistogramAnswer(total=counts.total, interval=counts.interval, buckets=bars))

    def facets(self, request: Request) -> Response:
        given = request.query_params
        size = read_int("size", given.get("size", ""), default=10, most=MAX_FACET_SIZE)
        fields = [name.strip() for name in given.get("fields", "").split(",") if name.strip()] or list(FACET_TITLES)
        for name in fields:
            if name not in FACET_TITLES:
                raise ParameterError(f"fields: cannot count values of {name[:40]!r}", expected=tuple(FACET_TITLES))
        counts = self.asker.counts(self.asker.params(given), tuple(dict.fromkeys(fields)), buckets=1, size=size)
        facets = {
            field: tuple(FacetValue(value=value, count=count) for value, count in values)
            for field, values in counts.facets.items()
        }
        return answer(FacetsAnswer(total=counts.total, facets=facets))

    def complete(self, request: Request) -> Response:
        query = read_query(request.query_params)
        written = request.query_params.get("at", "")
        at = 0 if written == "0" else read_int("at", written, default=len(query), most=max(1, len(query)))
        found = self.asker.complete(query, at)
        items = tuple(Suggested(text=one.text, kind=one.kind, detail=one.detail) for one in found.items)
        return answer(CompletionAnswer(start=found.start, end=found.end, items=items))

    def article(self, request: Request) -> Response:
        document = self.deps.searches.get(request.path_params["id"])
        if document is None:
            raise HTTPException(404, "no such article: it may have gone with the retention")
        return answer(document)

    def topics(self, _: Request) -> Response:
        return answer(TopicsAnswer(items=self.asker.topics()))

    def feeds(self, _: Request) -> Response:
        return answer(FeedsAnswer(items=self.asker.feeds()))

    async def add_feed(self, request: Request) -> Response:
        body = await read_body(request)
        try:
            wanted = msgspec.json.decode(body, type=FeedRequest)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ParameterError(f"body: {error}", expected=('JSON such as {"url": "https://…/rss"}',)) from error
        new = NewFeed(
            url=wanted.url,
            title=wanted.title,
            source=wanted.source,
            country=wanted.country,
            language=wanted.language,
            ownership=wanted.ownership,
        )
        return answer(blank_feed(await run_in_threadpool(self.deps.add_feed, new)), 201)

    def remove_feed(self, request: Request) -> Response:
        if not self.deps.remove_feed(request.path_params["id"]):
            raise HTTPException(404, "no such feed: GET /api/v1/feeds lists them")
        return Response(status_code=204)

    def alerts(self, request: Request) -> Response:
        given = request.query_params
        rows = self.asker.alerts(read_int("limit", given.get("limit", ""), default=50, most=1000))
        for name in ("status", "topic", "channel"):
            wanted = given.get(name, "")
            rows = tuple(row for row in rows if not wanted or getattr(row, name) == wanted)
        return answer(AlertsAnswer(items=rows))

    def test_channel(self, request: Request) -> Response:
        name = request.path_params["name"]
        if all(row.name != name for row in self.deps.channels()):
            raise HTTPException(404, "no such channel: [[channels]] in heliograph.toml names them")
        return answer(ChannelAnswer(channel=name, said=redact(self.deps.test_channel(name))))


def later(_: Request) -> Response:
    """Answer for what is planned and not there."""
    raise HTTPException(501, "not built yet: silences and saved searches are kept by the command line for now")


async def read_body(request: Request, limit: int = MAX_BODY) -> bytes:
    """Return the body. Raises HTTPException 413 past `limit` bytes, without reading on."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise HTTPException(413, f"the body has more than {limit} bytes")
    return bytes(body)


def answer(shape: Any, status: int = 200) -> Response:  # noqa: ANN401 - any struct of shapes.py
    """Return a struct as JSON; times in RFC 3339."""
    return Response(msgspec.json.encode(shape), status, media_type="application/json")


def error_answer(status: int, error: ErrorBody) -> Response:
    """Return an error in the API's one form."""
    return answer(ErrorAnswer(error=error), status)


def usage_body(error: UsageError) -> ErrorBody:
    """Return what the API and the pages say of something that cannot be."""
    return ErrorBody(
        message=redact(str(error)),
        position=getattr(error, "position", None),
        expected=tuple(getattr(error, "expected", ())),
        hint=getattr(error, "hint", ""),
    )


def unavailable_headers(error: Unavailable) -> dict[str, str]:
    """Return the Retry-After header (RFC 9110, 10.2.3) for something that is away."""
    return {"Retry-After": str(max(1, round(error.retry_after or 5.0)))}
