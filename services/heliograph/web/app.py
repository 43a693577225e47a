"""create_app: all of the web room as one ASGI application."""

from __future__ import annotations

from http import HTTPStatus

import msgspec
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from heliograph.errors import Unavailable, UsageError
from heliograph.web.api import Api, answer, error_answer, unavailable_headers, usage_body
from heliograph.web.ask import Asker
from heliograph.web.deps import WebDeps
from heliograph.web.desk import Desk
from heliograph.web.guard import Guard, secure
from heliograph.web.health import Health, RequestTimer
from heliograph.web.openapi import describe
from heliograph.web.out import FeedsOut
from heliograph.web.pages import Pages
from heliograph.web.present import redact
from heliograph.web.render import STATIC, Renderer
from heliograph.web.shapes import ErrorBody
from heliograph.web.stream import Streamer


def create_app(deps: WebDeps) -> Starlette:
    """Return the application; it starts no thread and opens nothing until a request comes."""
    asker, renderer = Asker(deps), Renderer()
    description = describe(deps.version)

    def openapi(_: Request) -> Response:
        return answer(description)

    routes: list[BaseRoute] = [
        *Pages(deps, asker, renderer).routes(),
        *Desk(deps, asker, renderer).routes(),
        *Api(deps, asker, Streamer(deps, asker, renderer)).routes(),
        *FeedsOut(deps, asker).routes(),
        *Health(deps.checks, deps.registry).routes(),
        Route("/openapi.json", openapi),
        Mount("/static", StaticFiles(directory=STATIC), name="static"),
    ]
    errors = Errors(renderer)
    return Starlette(
        routes=routes,
        middleware=[
            Middleware(RequestTimer, record=deps.record),
            Middleware(Guard, allowed_hosts=deps.allowed_hosts),
            Middleware(GZipMiddleware, minimum_size=1000, compresslevel=6),
        ],
        exception_handlers={
            UsageError: errors.usage,
            Unavailable: errors.unavailable,
            HTTPException: errors.http,
            Exception: errors.unexpected,
        },
    )


class Errors:
    """Every failure as JSON for programs and as a page for people; the same status and words for both."""

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer

    def usage(self, request: Request, error: Exception) -> Response:
        """Answer 400 for what cannot be."""
        assert isinstance(error, UsageError)
        body = usage_body(error)
        return error_answer(400, body) if _for_program(request) else self._page(400, body.message)

    def unavailable(self, request: Request, error: Exception) -> Response:
        """Answer 503 for what is away."""
        assert isinstance(error, Unavailable)
        response = self._either(request, 503, redact(str(error)))
        response.headers.update(unavailable_headers(error))
        return response

    def http(self, request: Request, error: Exception) -> Response:
        """Answer for what Starlette and the handlers refuse."""
        assert isinstance(error, HTTPException)
        message = error.detail
        if message == HTTPStatus(error.status_code).phrase:
            message = _PLAIN.get(error.status_code, message)
        response = self._either(request, error.status_code, message)
        response.headers.update(error.headers or {})
        return response

    def unexpected(self, request: Request, _: Exception) -> Response:
        """Answer 500 without details: they go to the log, where the server raises the error again."""
        response = self._either(request, 500, "Something went wrong here. The log of the server says what.")
        # This handler stands outside the guard.
        secure(MutableHeaders(raw=response.raw_headers))
        return response

    def _either(self, request: Request, status: int, message: str) -> Response:
        if _for_program(request):
            return error_answer(status, ErrorBody(message=message))
        return self._page(status, message)

    def _page(self, status: int, message: str) -> Response:
        values = {"status": status, "phrase": HTTPStatus(status).phrase, "message": message}
        return self._renderer.page("error.html", values, status)


_PLAIN = {404: "There is no such page.", 405: "This address does not take that method."}


def _for_program(request: Request) -> bool:
    path = request.url.path
    return path.startswith(("/api/", "/feed.", "/openapi"))


def openapi_bytes(version: str) -> bytes:
    """Return /openapi.json as it is served, for the generated reference."""
    return msgspec.json.encode(describe(version))
