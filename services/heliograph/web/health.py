"""/livez, /readyz and /metrics, with the pages or alone, and the middleware that times the web's own requests."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import msgspec
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from heliograph.errors import HeliographError
from heliograph.web.guard import Guard
from heliograph.web.port import Check, Recorder
from heliograph.web.present import redact


class CheckResult(msgspec.Struct, frozen=True):
    """One check: is it well, and a line on it."""

    ok: bool
    detail: str


class Readiness(msgspec.Struct, frozen=True):
    """What `/readyz` answers."""

    ready: bool
    checks: dict[str, CheckResult]


@dataclass(frozen=True, slots=True)
class Health:
    """The handlers for probes and scrapes."""

    checks: Mapping[str, Check]
    registry: CollectorRegistry | None

    def routes(self) -> list[BaseRoute]:
        """Return the routes."""
        return [
            Route("/livez", self.livez),
            Route("/readyz", self.readyz),
            Route("/metrics", self.metrics),
        ]

    async def livez(self, _: Request) -> Response:
        """Answer as long as the event loop turns; nothing else is looked at."""
        return PlainTextResponse("ok\n")

    def readyz(self, _: Request) -> Response:
        results = run_checks(self.checks)
        ready = all(result.ok for result in results.values())
        body = msgspec.json.encode(Readiness(ready, results))
        return Response(body, 200 if ready else 503, media_type="application/json")

    def metrics(self, _: Request) -> Response:
        if self.registry is None:
            raise HTTPException(404, "metrics are not kept by this process")
        return Response(generate_latest(self.registry), headers={"Content-Type": CONTENT_TYPE_LATEST})


def probes_app(checks: Mapping[str, Check], registry: CollectorRegistry, allowed_hosts: Collection[str]) -> Starlette:
    """Return the application of a process without pages, or of a port without them: probes and metrics alone."""
    return Starlette(
        routes=Health(checks, registry).routes(), middleware=[Middleware(Guard, allowed_hosts=allowed_hosts)]
    )


def run_checks(checks: Mapping[str, Check]) -> dict[str, CheckResult]:
    """Run every check; one that raises HeliographError or OSError has failed, and its text says why."""
    results = {}
    for name, check in checks.items():
        try:
            results[name] = CheckResult(True, redact(check()))
        except (HeliographError, OSError) as error:
            results[name] = CheckResult(False, redact(str(error)))
    return results


class RequestTimer:
    """ASGI middleware: tells the recorder of each request: rate, errors, and seconds until the answer began.

    The route's template is the label, never the path: labels stay few whatever is asked for.
    """

    def __init__(self, app: ASGIApp, record: Recorder) -> None:
        self._app = app
        self._record = record

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        status = 0

        def note(code: int) -> None:
            route = getattr(scope.get("route"), "path", "(none)")
            method = scope["method"] if scope["method"] in _METHODS else "(other)"
            self._record(method, route, code, time.perf_counter() - began)

        async def send_noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                note(status)
            await send(message)

        try:
            await self._app(scope, receive, send_noted)
        finally:
            if not status:
                note(500)


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
