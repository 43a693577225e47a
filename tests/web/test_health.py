"""Probes, metrics, and the server's start and stop."""

from __future__ import annotations

import http.client
import json
import socket
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from heliograph.errors import UsageError
from heliograph.web.app import create_app
from heliograph.web.server import WebServer


def test_livez_answers_whatever_fails(client: Any, newsroom: Any) -> None:
    newsroom.healthy = False
    assert client("GET", "/livez")[0] == 200


def test_readyz_names_each_check_and_is_503_when_one_fails(client: Any, newsroom: Any) -> None:
    status, _, body = client("GET", "/readyz")
    assert status == 200
    assert json.loads(body) == {"ready": True, "checks": {"disk": {"ok": True, "detail": "12 GB free"}}}
    newsroom.healthy = False
    status, _, body = client("GET", "/readyz")
    assert status == 503
    assert json.loads(body)["checks"]["disk"] == {"ok": False, "detail": "the disk is full: free some space"}


def test_metrics_count_requests_by_route_and_never_by_path(client: Any) -> None:
    for path in ("/articles/a", "/articles/b", "/nowhere/x", "/nowhere/y", "/api/v1/search?q=("):
        client("GET", path)
    client("BREW", "/")
    status, headers, body = client("GET", "/metrics")
    assert status == 200
    assert headers["content-type"].startswith("text/plain")
    counted = {
        (sample.labels["route"], sample.labels["method"], sample.labels["status"]): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
        if sample.name == "heliograph_http_requests_total"
    }
    assert counted[("/articles/{id}", "GET", "404")] == 2
    assert counted[("/api/v1/search", "GET", "400")] == 1
    assert counted[("(none)", "GET", "404")] == 2
    assert {method for _, method, _ in counted} <= {"GET", "(other)"}


def test_an_unexpected_error_is_500_without_details_and_with_the_headers(newsroom: Any, serve: Any) -> None:
    def broken() -> Any:
        raise RuntimeError("secret detail")

    client = serve(newsroom.deps(topics=broken))
    for path in ("/topics", "/api/v1/topics"):
        status, headers, body = client("GET", path)
        assert status == 500
        assert b"secret detail" not in body
        assert headers["content-security-policy"].startswith("default-src 'none'")


def test_a_port_in_use_is_told_in_one_line_that_helps(newsroom: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server = WebServer(create_app(newsroom.deps()), "127.0.0.1", taken.getsockname()[1])
        with pytest.raises(UsageError, match=r"port is in use.*--port") as caught:
            server.start()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("host", ["192.0.2.77", "no-such-host.invalid"])
def test_an_address_that_is_not_ours_is_told(newsroom: Any, host: str) -> None:
    with pytest.raises(UsageError, match=r"web\.host"):
        WebServer(create_app(newsroom.deps()), host, 0).start()


def test_a_stopped_server_is_gone_and_its_port_is_free_again(newsroom: Any) -> None:
    app = create_app(newsroom.deps())
    server = WebServer(app, "127.0.0.1", 0)
    server.start()
    assert server.stop()
    assert not server.alive
    again = WebServer(app, "127.0.0.1", server.port or 0)
    again.start()
    connection = http.client.HTTPConnection("127.0.0.1", again.port, timeout=5)
    connection.request("GET", "/livez")
    assert connection.getresponse().status == 200
    connection.close()
    assert again.stop()


def test_an_idle_kept_alive_connection_does_not_hold_the_stop_up(newsroom: Any) -> None:
    server = WebServer(create_app(newsroom.deps()), "127.0.0.1", 0)
    server.start()
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    connection.request("GET", "/livez")
    connection.getresponse().read()
    assert server.stop(5.0)
    connection.close()
