"""The newsroom, and a real server in front of it."""

from __future__ import annotations

import http.client
import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from heliograph.web.app import create_app
from heliograph.web.deps import WebDeps
from heliograph.web.server import WebServer

NAME = "web_newsroom"
Answer = tuple[int, dict[str, str], bytes]
Send = Callable[..., Answer]


def load_newsroom() -> ModuleType:
    if NAME not in sys.modules:
        spec = importlib.util.spec_from_file_location(NAME, Path(__file__).with_name("newsroom.py"))
        assert spec
        assert spec.loader
        module = importlib.util.module_from_spec(spec)
        sys.modules[NAME] = module
        spec.loader.exec_module(module)
    return sys.modules[NAME]


@pytest.fixture(scope="session")
def news() -> ModuleType:
    """The module that builds documents and newsrooms."""
    return load_newsroom()


@pytest.fixture
def newsroom(news: Any) -> Any:
    return news.Newsroom()


@pytest.fixture
def served(newsroom: Any) -> Iterator[WebServer]:
    """The newsroom, filled, behind a real uvicorn on a free port of 127.0.0.1."""
    newsroom.fill()
    server = WebServer(create_app(newsroom.deps()), "127.0.0.1", 0, before_stop=newsroom.bus.close)
    server.start()
    yield server
    assert server.stop(5.0), "the server did not stop within 5 s"


@pytest.fixture
def client(served: WebServer) -> Send:
    """Send one request to the served newsroom."""
    return sender(served)


@pytest.fixture
def serve() -> Iterator[Callable[[WebDeps], Send]]:
    """Serve an application with dependencies of the test's own; returns what sends requests to it."""
    servers: list[WebServer] = []

    def start(deps: WebDeps) -> Send:
        servers.append(WebServer(create_app(deps), "127.0.0.1", 0, before_stop=deps.bus.close))
        servers[-1].start()
        return sender(servers[-1])

    yield start
    stopped = [server.stop(5.0) for server in servers]
    assert all(stopped)


def sender(server: WebServer) -> Send:
    """Return what sends one request: method, path, body, headers -> (status, headers, body)."""

    def send(method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.putrequest(method, path, skip_host="Host" in named, skip_accept_encoding=True)
        for name, value in named.items():
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        response = connection.getresponse()
        data = response.read()
        connection.close()
        return response.status, {name.lower(): value for name, value in response.getheaders()}, data

    return send
