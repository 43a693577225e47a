"""The command line as a person runs it, over data folders that real stores filled."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from heliograph.assembly.world import World
from heliograph.cli import execute
from heliograph.compose import steps, world
from heliograph.core.article import Article
from heliograph.core.event import ArticleFetched, DeadLetter, Envelope
from heliograph.core.ids import event_id
from heliograph.runtime.work import read, run_stage, sink_entries
from heliograph.settings import load_settings

TOPIC = """
id: tea
name: Tea
severity: normal
query: {query}
examples:
  match: [{{lang: en, text: "tea is served"}}]
  miss: [{{lang: en, text: "coffee is served"}}]
"""


@dataclass(frozen=True)
class Answer:
    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Answer]
Make = Callable[..., Article]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder: empty, without settings of whoever runs the tests, and nothing collected by itself."""
    for name in list(os.environ):  # noqa: TID251 - taken away so that nobody's own settings are tested
        if name.startswith("HELIOGRAPH_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HELIOGRAPH_SOURCES", "none")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def hg(capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs `heliograph ARGUMENTS…` and returns status, stdout and stderr."""

    def call(*arguments: object) -> Answer:
        capfd.readouterr()
        status = execute([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        return Answer(status, out, err)

    return call


def article(name: str, text: str, *, hours: float = 1, **more: Any) -> Article:
    fetched = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=hours)
    return Article(
        id=name,
        revision=more.pop("revision", f"{name}-1"),
        title=text.capitalize(),
        text=text,
        feed="demo-feed",
        source="demo",
        fetched=fetched,
        sorted=fetched,
        language=more.pop("language", "en"),
        url=f"https://example.org/{name}",
        **more,
    )


def fetched(one: Article, *, backfill: bool = False) -> Envelope:
    return Envelope(
        id=event_id("article.fetched", one.id, one.revision),
        time=one.fetched,
        trace=one.id,
        data=ArticleFetched(article=one),
        backfill=backfill,
        ingested=one.fetched,
    )


class Desk:
    """The data folder `var` of the working folder, filled by the program's own stores and stages."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "var"
        self.topic()

    def topic(self, query: str = "tea") -> None:
        """Put the topic `tea` in force."""
        (self.data / "topics").mkdir(parents=True, exist_ok=True)
        (self.data / "topics" / "tea.yaml").write_text(TOPIC.format(query=query), encoding="utf-8")

    def open(self, *, writes_index: bool = False) -> World:
        return world(load_settings(None, {"data": self.data}), writes_index=writes_index)

    def take(self, *articles: Article, through: Sequence[str] = ("detect", "stories", "index", "alert")) -> None:
        """Append the articles and let the named services work on what is new to them."""
        here = self.open(writes_index=True)
        try:
            here.append_articles([fetched(one) for one in articles])
            made = steps(here)
            for service in through:
                for step in made[service]():
                    reader = here.log.reader(step.source, step.reader_group)
                    while messages := reader.read(100, 0.0):
                        outcomes = run_stage(step.stage, read(messages))
                        if step.sink:
                            here.log.append(step.sink, sink_entries(outcomes))
                        reader.commit(messages)
        finally:
            here.close()

    def bury(self, *letters: DeadLetter) -> None:
        here = self.open()
        try:
            for letter in letters:
                here.bury(letter)
        finally:
            here.close()


@pytest.fixture
def desk(folder: Path) -> Desk:
    return Desk(folder)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four articles, three of them about tea, none of them alike."""
    folder = tmp_path_factory.mktemp("template")
    Desk(folder).take(
        article("a1", "tea is drunk in the mountains at noon", hours=30),
        article("a2", "coffee prices fell in the harbour towns", hours=20),
        article("a3", "чай tea подают в поезде каждый вечер", hours=10, language="ru"),
        article("a4", "an auction of tea ended before the rain came", hours=2),
    )
    return folder


@pytest.fixture
def filled(template: Path, folder: Path) -> Desk:
    """A desk of one's own with the four articles."""
    shutil.copytree(template, folder, dirs_exist_ok=True)
    return Desk(folder)


class Site(ThreadingHTTPServer):
    """A real server on loopback: path -> (status, content type, body)."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.pages: dict[str, tuple[int, str, bytes]] = {}
        self.posted: list[bytes] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        status, kind, body = self.server.pages.get(self.path, (404, "text/plain", b"nothing here"))
        self._answer(status, kind, body)

    def do_POST(self) -> None:
        self.server.posted.append(self.rfile.read(int(self.headers["content-length"])))
        status, kind, body = self.server.pages.get(self.path, (200, "text/plain", b""))
        self._answer(status, kind, body)

    def _answer(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """The server, which the fetcher is allowed to ask."""
    monkeypatch.setenv("HELIOGRAPH_FETCH__ALLOW_NETWORKS", "127.0.0.0/8")
    server = Site()
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def make() -> Make:
    """Makes an article: id, text, hours=, language=, revision=."""
    return article
