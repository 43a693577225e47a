"""A real Chromium in front of a real server. Skips where the system has no Chromium."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from heliograph.web.app import create_app
from heliograph.web.server import WebServer

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run",
)  # fmt: skip


@pytest.fixture(scope="session")
def news(root: Path) -> ModuleType:
    """The module that builds documents and newsrooms, shared with the web's own tests."""
    name = "web_newsroom"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, root / "tests" / "web" / "newsroom.py")
        assert spec
        assert spec.loader
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for a module.

    Not for the session: while Playwright's synchronous interface is open, the main thread counts as inside an event
    loop, and no test after it could run one.
    """
    if not CHROMIUM.exists():
        pytest.skip(f"no Chromium at {CHROMIUM}")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        yield chromium
        chromium.close()


@pytest.fixture
def newsroom(news: Any) -> Any:
    return news.Newsroom()


@pytest.fixture
def site(newsroom: Any) -> Iterator[str]:
    """Address of the served newsroom, three rounds of articles in it."""
    newsroom.fill(copies=3)
    server = WebServer(create_app(newsroom.deps()), "127.0.0.1", 0, before_stop=newsroom.bus.close)
    server.start()
    yield server.url
    assert server.stop(5.0), "the server did not stop within 5 s"
