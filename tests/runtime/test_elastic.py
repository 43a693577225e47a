"""How the Elasticsearch client is opened, and what its errors are called."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from heliograph.errors import BadInput, HeliographError, IndexUnavailable, SettingsError, Unavailable
from heliograph.runtime.elastic import Conflict, Missing, Refused, connect, named, place, reason, translate
from heliograph.settings import ElasticsearchSettings

WHAT = "alert history at http://127.0.0.1:9200"


@pytest.fixture
def answering() -> Iterator[Callable[[int, dict[str, str], bytes], str]]:
    """Return a maker of servers on loopback that give one answer to whatever is asked."""
    servers: list[HTTPServer] = []

    def make(status: int, headers: dict[str, str], body: bytes) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
                """Keep quiet."""

        servers.append(HTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=servers[-1].serve_forever, args=(0.01,)).start()
        return f"http://127.0.0.1:{servers[-1].server_port}"

    yield make
    for server in servers:
        server.shutdown()
        server.server_close()


def ask(url: str) -> HeliographError:
    client = connect(ElasticsearchSettings(url=url))
    try:
        with pytest.raises(HeliographError) as caught, named(WHAT, IndexUnavailable):
            client.info()
    finally:
        client.close()
    return caught.value


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *((status, IndexUnavailable) for status in (401, 403, 408, 429, 500, 502, 503, 504)),
        (404, Missing),
        (409, Conflict),
        (400, Refused),
        (413, Refused),
    ],
)
def test_each_status_has_its_error(status: int, kind: type[HeliographError]) -> None:
    found = translate(status, "why", WHAT, IndexUnavailable)
    assert type(found) is kind
    assert WHAT in str(found)
    assert "why" in str(found)
    assert "\n" not in str(found)


def test_a_request_that_is_refused_is_bad_input_and_never_asked_again() -> None:
    assert issubclass(Refused, BadInput)
    assert not issubclass(Refused, Unavailable)


def test_a_port_where_nobody_listens_is_away() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        found = ask(f"http://127.0.0.1:{free.getsockname()[1]}")
    assert type(found) is IndexUnavailable
    assert str(found) == f"{WHAT} is away (connection refused or lost): check that it runs, and elasticsearch.url"


def test_another_server_is_told_apart(answering: Callable[[int, dict[str, str], bytes], str]) -> None:
    found = ask(answering(200, {"content-type": "application/json"}, b"{}"))
    assert isinstance(found, IndexUnavailable)
    assert "not Elasticsearch" in str(found)


def test_a_server_that_asks_for_patience_says_how_much(
    answering: Callable[[int, dict[str, str], bytes], str],
) -> None:
    headers = {"content-type": "application/json", "retry-after": "7", "x-elastic-product": "Elasticsearch"}
    found = ask(answering(429, headers, b'{"error": {"type": "es_rejected", "reason": "queue is full"}}'))
    assert isinstance(found, IndexUnavailable)
    assert found.retry_after == 7
    assert "queue is full" in str(found)


def test_a_key_that_is_not_accepted_counts_as_away_and_is_not_shown(
    answering: Callable[[int, dict[str, str], bytes], str],
) -> None:
    url = answering(401, {"content-type": "application/json"}, b'{"error": "no"}')
    client = connect(ElasticsearchSettings(url=url, api_key="c2VjcmV0LWtleQ=="))
    with pytest.raises(Unavailable, match=r"elasticsearch\.api_key") as caught, named(WHAT):
        client.info()
    client.close()
    assert "c2VjcmV0" not in str(caught.value)


def test_an_address_is_shown_without_what_is_secret_in_it() -> None:
    assert place(ElasticsearchSettings(url="https://name:pass@search.example:9200")) == "https://search.example:9200"


@pytest.mark.parametrize("url", ["search.example:9200", "http://", "ftp://search.example:9200", "http://a:99999", ""])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match=r"elasticsearch\.url"):
        connect(ElasticsearchSettings(url=url))


@pytest.mark.parametrize("url", ["http://search.example", "https://search.example", "https://search.example:9243/path"])
def test_a_port_may_be_left_out(url: str) -> None:
    connect(ElasticsearchSettings(url=url)).close()


def test_two_ways_to_log_in_are_refused() -> None:
    with pytest.raises(SettingsError, match="either"):
        connect(ElasticsearchSettings(username="a", password="b", api_key="c"))


def test_certificates_that_are_not_there_are_named(tmp_path: object) -> None:
    with pytest.raises(SettingsError, match=r"ca_file.*missing\.pem"):
        connect(ElasticsearchSettings(url="https://search.example:9200", ca_file=f"{tmp_path}/missing.pem"))


def test_reasons_are_one_short_line() -> None:
    nested = {"error": {"type": "a", "reason": "b\nc", "caused_by": {"type": "d", "reason": "e" * 1000}}}
    assert reason(nested).startswith("a: b c; d: eee")
    assert len(reason(nested)) == 300
    assert reason({"status": 500}) == "{'status': 500}"
