"""The live bus and the stream: order, resumption, slow readers, the end."""

from __future__ import annotations

import asyncio
import http.client
import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest

from heliograph.errors import Unavailable
from heliograph.web.app import create_app
from heliograph.web.live import Closed, Lagged, LiveBus
from heliograph.web.server import WebServer


def run(main: Any) -> Any:
    return asyncio.run(asyncio.wait_for(main, 10))


def publish_each(bus: LiveBus, documents: list[Any]) -> None:
    for document in documents:
        bus.publish([document])


def test_a_reader_gets_what_another_thread_publishes_in_order(news: Any) -> None:
    bus = LiveBus(queue=100)
    documents = [news.document(f"number {n}") for n in range(50)]

    async def main() -> list[str]:
        reader = bus.subscribe()
        thread = threading.Thread(target=publish_each, args=(bus, documents))
        thread.start()
        titles: list[str] = []
        while len(titles) < 50:
            titles += [event.document.article.title for event in await reader.next()]
        thread.join()
        reader.close()
        return titles

    assert run(main()) == [f"number {n}" for n in range(50)]
    assert bus.readers == 0


def test_a_reader_resumes_behind_the_last_event_it_saw(news: Any) -> None:
    bus = LiveBus(ring=5)

    async def main() -> list[str]:
        bus.publish([news.document("one"), news.document("two")])
        seen = bus.last_id
        bus.publish([news.document("three"), news.document("four")])
        return [event.document.article.title for event in await bus.subscribe(seen).next()]

    assert run(main()) == ["three", "four"]


@pytest.mark.parametrize(
    "last", ["0-1", "x", "-", "-5", "{run}-999", "{run}-x", "{run}-" + "9" * 300, "{run}-1", "{run}-٣"]
)
def test_an_event_id_that_is_not_kept_any_more_makes_the_reader_start_again(news: Any, last: str) -> None:
    bus = LiveBus(ring=2)

    async def main() -> None:
        bus.publish([news.document(str(n)) for n in range(6)])
        reader = bus.subscribe(last.replace("{run}", bus.last_id.partition("-")[0]))
        with pytest.raises(Lagged):
            await reader.next()

    run(main())


def test_a_slow_reader_is_dropped_and_the_others_are_not(news: Any) -> None:
    bus = LiveBus(queue=3)

    async def main() -> None:
        slow, quick = bus.subscribe(), bus.subscribe()
        got = 0
        for n in range(10):
            bus.publish([news.document(str(n))])
            got += len(await quick.next())
        assert got == 10
        with pytest.raises(Lagged):
            await slow.next()
        assert len(slow._waiting) == 0

    run(main())


def test_readers_are_limited() -> None:
    bus = LiveBus(readers=2)

    async def main() -> None:
        first, _second = bus.subscribe(), bus.subscribe()
        with pytest.raises(Unavailable, match="limit"):
            bus.subscribe()
        first.close()
        bus.subscribe()

    run(main())


def test_closing_wakes_every_reader_and_lets_no_new_one_in() -> None:
    bus = LiveBus()

    async def main() -> None:
        waiting = asyncio.ensure_future(bus.subscribe().next())
        await asyncio.sleep(0)
        threading.Thread(target=bus.close).start()
        with pytest.raises(Closed):
            await waiting
        with pytest.raises(Closed):
            bus.subscribe()

    run(main())


def test_a_reader_whose_loop_has_ended_does_not_disturb_the_publisher(news: Any) -> None:
    bus = LiveBus()

    async def main() -> None:
        bus.subscribe()

    run(main())
    bus.publish([news.document("nobody listens")])


# Over HTTP


class Stream:
    """One event stream, read line by line."""

    def __init__(self, port: int, query: str = "", **headers: str) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.connection.request("GET", f"/api/v1/stream{query}", headers=named)
        self.response = self.connection.getresponse()

    def close(self) -> None:
        self.response.close()
        self.connection.close()

    def events(self) -> Iterator[dict[str, str]]:
        event: dict[str, str] = {}
        while line := self.response.readline():
            text = line.decode().rstrip("\r\n")
            if not text:
                yield event
                event = {}
                continue
            name, _, value = text.partition(":")
            event[name or "comment"] = event.get(name, "") + value.removeprefix(" ")


@pytest.fixture
def stream(served: Any) -> Iterator[Callable[..., Stream]]:
    """Open a stream on the served newsroom; all are closed in the end."""
    opened: list[Stream] = []

    def start(query: str = "", port: int = 0, **headers: str) -> Stream:
        opened.append(Stream(port or served.port, query, **headers))
        return opened[-1]

    yield start
    for each in opened:
        each.close()


def next_article(stream: Stream) -> dict[str, str]:
    return next(event for event in stream.events() if event.get("event") == "article")


def test_a_published_article_comes_by_the_stream_as_json(stream: Any, newsroom: Any, news: Any) -> None:
    opened = stream()
    assert opened.response.getheader("Content-Type", "").startswith("text/event-stream")
    assert next(opened.events())["comment"] == "listening"
    newsroom.publish(news.document("A corridor opens", hours=0))
    event = next_article(opened)
    assert event["id"] == newsroom.bus.last_id
    assert json.loads(event["data"])["title"] == "A corridor opens"


def test_the_stream_keeps_to_its_query(stream: Any, newsroom: Any, news: Any) -> None:
    opened = stream("?q=" + quote("country: am and @corridor"))
    next(opened.events())
    newsroom.publish(news.document("A corridor elsewhere", country="tr"))
    newsroom.publish(news.document("The corridor here", country="am"))
    assert json.loads(next_article(opened)["data"])["title"] == "The corridor here"


def test_the_stream_takes_dates_in_the_zone_that_it_is_asked_in(stream: Any, newsroom: Any, news: Any) -> None:
    opened = stream(f"?time_zone=Asia/Baku&q={quote('published: 2026-03-14')}")
    for title, day in (("night", 14), ("evening", 13)):
        newsroom.publish(news.document(title, published=datetime(2026, 3, day, 21, tzinfo=UTC)))
    assert json.loads(next_article(opened)["data"])["title"] == "evening"


def test_the_stream_resumes_behind_last_event_id(stream: Any, newsroom: Any, news: Any) -> None:
    newsroom.publish(news.document("before"))
    seen = newsroom.bus.last_id
    newsroom.publish(news.document("missed"))
    assert json.loads(next_article(stream(Last_Event_ID=seen))["data"])["title"] == "missed"
    assert json.loads(next_article(stream(f"?after={seen}"))["data"])["title"] == "missed"


def test_silence_is_broken_by_comments(stream: Any) -> None:
    opened = stream()
    comments = (event["comment"] for event in opened.events() if "comment" in event)
    assert [next(comments) for _ in range(3)] == ["listening", "still here", "still here"]


def test_a_resumption_from_another_run_is_told_to_reload(stream: Any) -> None:
    opened = stream(Last_Event_ID="feedbeef-7")
    assert [event["event"] for event in opened.events() if "event" in event] == ["reload"]


def test_a_wrong_query_is_refused_before_the_stream_opens(stream: Any) -> None:
    assert stream("?q=(").response.status == 400
    assert stream("?as=xml").response.status == 400


def test_too_many_streams_are_refused_with_503(stream: Any) -> None:
    streams = [stream() for _ in range(10)]
    assert {opened.response.status for opened in streams} == {200}
    refused = stream()
    assert refused.response.status == 503
    assert refused.response.getheader("Retry-After") == "30"


def test_stopping_the_server_ends_open_streams(news: Any, stream: Any) -> None:
    other = news.Newsroom()
    server = WebServer(create_app(other.deps()), "127.0.0.1", 0, before_stop=other.bus.close)
    server.start()
    streams = [stream(port=server.port) for _ in range(5)]
    assert server.stop(5.0)
    assert [[event for event in opened.events() if "event" in event] for opened in streams] == [[]] * 5
    assert other.bus.readers == 0
