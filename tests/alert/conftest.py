"""Builders of flagged articles, a clock that is moved by hand, and a real receiver of webhooks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from heliograph.core.article import Article, Document, Evidence, Match, Story
from heliograph.core.event import ArticleFlagged, Envelope
from heliograph.core.ids import event_id, match_id, revision_of
from heliograph.core.text import fold
from heliograph.query.tree import All, Is, Node
from heliograph.query.view import View

START = datetime(2026, 11, 2, 8, tzinfo=UTC)


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def tick(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class Request:
    headers: dict[str, str]
    body: bytes
    path: str

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]


@dataclass
class Answer:
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    before: Callable[[], object] = lambda: None
    """Runs when the message has arrived and nothing has been answered."""
    hang: bool = False
    """Never answer, until the receiver closes."""
    drop: bool = False
    """Announce a body and end the connection without it."""
    trickle: bool = False
    """Send headers one byte at a time, for ever."""


class Receiver:
    """An HTTP server on 127.0.0.1 that keeps what arrives and answers as `answer` says."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.answer: Callable[[Request], Answer] = lambda _request: Answer()
        self._lock = threading.Lock()
        self._arrived = threading.Condition(self._lock)
        self.closing = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                request = Request(headers, body, self.path)
                answer = receiver.take(request)
                self.close_connection = True
                answer.before()
                if answer.hang:
                    receiver.closing.wait()
                    return
                try:
                    self._reply(answer)
                except (BrokenPipeError, ConnectionResetError):
                    return

            def _reply(self, answer: Answer) -> None:
                if answer.trickle:
                    self.wfile.write(b"HTTP/1.1 200 OK\r\nx-slow: ")
                    while not receiver.closing.wait(0.01):
                        self.wfile.write(b"a")
                        self.wfile.flush()
                    return
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", "1000" if answer.drop else "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
                """Keep quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = False
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def take(self, request: Request) -> Answer:
        with self._arrived:
            self.requests.append(request)
            self._arrived.notify_all()
        return self.answer(request)

    def wait(self, until: Callable[[], bool], timeout: float = 30.0) -> bool:
        """Wait until the condition holds, looking whenever something arrives."""
        with self._arrived:
            return self._arrived.wait_for(until, timeout)

    def close(self) -> None:
        self.closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    opened = Receiver()
    yield opened
    opened.close()


@pytest.fixture
def receivers() -> Iterator[Callable[[], Receiver]]:
    opened: list[Receiver] = []

    def make() -> Receiver:
        opened.append(Receiver())
        return opened[-1]

    yield make
    for each in opened:
        each.close()


@pytest.fixture
def answer() -> type[Answer]:
    return Answer


@pytest.fixture
def clock() -> Clock:
    return Clock()


def _flagged(
    name: str,
    story: str = "s1",
    copies: int = 1,
    *,
    topics: tuple[str, ...] = ("corridors",),
    source: str = "",
    backfill: bool = False,
    first: bool | None = None,
    title: str = "",
    evidence: int = 1,
) -> Envelope:
    title = title or f"Title of {name}"
    article = Article(
        id=name,
        revision=revision_of(title=title, text="", link=name),
        title=title,
        text="The Zangezur corridor opens.",
        feed="feed",
        source=source or f"outlet-{name}",
        source_title="An Outlet",
        fetched=START,
        sorted=START,
        published=START - timedelta(minutes=3),
        url=f"https://example.org/{name}",
        language="en",
        country="am",
    )
    found = Evidence(
        field="text", start=4, end=21, text="Zangezur corridor", term="zangezur corridor*", concept="zangezur"
    )
    matches = tuple(
        Match(
            id=match_id(name, topic, "1"),
            topic=topic,
            topic_version="1",
            score=1.0,
            severity="high",
            evidence=(found,) * evidence,
        )
        for topic in topics
    )
    flagged = Story(
        id=story,
        first=copies == 1 if first is None else first,
        copies=copies,
        outlets=tuple(f"outlet-{number}" for number in range(copies)),
    )
    return Envelope(
        id=event_id("article.flagged", name, article.revision, *topics),
        time=START,
        trace=name,
        data=ArticleFlagged(article=article, matches=matches, story=flagged),
        backfill=backfill,
        ingested=START,
    )


@pytest.fixture(scope="session")
def flagged() -> Callable[..., Envelope]:
    return _flagged


def _matches(node: Node, document: Document) -> bool:
    match node:
        case All():
            return True
        case Is(field=name, value=value):
            return fold(value) in View(document).values(name)
        case _:
            raise TypeError(f"these policies ask for {type(node).__name__}, which no test here needs")


@pytest.fixture(scope="session")
def matches() -> Callable[[Node, Document], bool]:
    """Evaluates the two kinds of query that these tests' policies have."""
    return _matches
