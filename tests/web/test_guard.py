"""guard: Host, Origin and the headers of every answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from heliograph.web.guard import CSP, host_allowed
from heliograph.web.server import WebServer

FORM = {"Content_Type": "application/x-www-form-urlencoded"}


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8477", "localhost", "LOCALHOST:1", "[::1]:8477", "10.0.0.7", "desk.example", "desk.example.:80"]
)
def test_ip_literals_localhost_and_configured_names_are_served(host: str) -> None:
    assert host_allowed(host, {"desk.example"})


@pytest.mark.parametrize(
    "host",
    ["", "evil.example", "127.0.0.1.evil.example", "desk.example@evil.example", "evil.example#desk.example", "a b",
     "desk.example/", "127.0.0.1:x", "[::1", "desk.example\\.evil.example", "localhost.evil.example", "2130706433.x"],
)  # fmt: skip
def test_any_other_name_is_refused(host: str) -> None:
    assert not host_allowed(host, {"desk.example"})


def test_a_rebound_name_gets_nothing(client: Any) -> None:
    for path in ("/", "/api/v1/search", "/metrics", "/openapi.json", "/static/app.js"):
        assert client("GET", path, Host="evil.example")[0] == 421


def test_probes_answer_under_any_name(client: Any) -> None:
    assert client("GET", "/livez", Host="pod-7.cluster.example")[0] == 200
    assert client("GET", "/readyz", Host="pod-7.cluster.example")[0] == 200


POSTS = [
    "/feeds",
    "/feeds/f-kura/remove",
    "/alerts/test",
    "/api/v1/feeds",
    "/api/v1/channels/desk/test",
    "/",
    "/nowhere",
]
FOREIGN = [
    {},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1"},
    {"Origin": "http://127.0.0.1:1"},
    {"Origin": ""},
    {"Origin": "file://"},
    {"Referer": "http://127.0.0.1/"},
    {"Origin": "https://evil.example", "X_Forwarded_Host": "evil.example", "X_Forwarded_For": "127.0.0.1"},
    {"Content_Type": "text/plain"},
    {"Content_Type": "application/json", "Cookie": "a=b"},
    {"Content_Type": "application/json", "Sec_Fetch_Site": "cross-site"},
]


@pytest.mark.parametrize("path", POSTS)
def test_a_post_that_is_not_from_our_own_page_is_refused(client: Any, newsroom: Any, path: str) -> None:
    body = b'{"url": "https://x.example/rss"}'
    assert [client("POST", path, body, **{**FORM, **headers})[0] for headers in FOREIGN] == [403] * len(FOREIGN)
    assert len(newsroom.feeds) == 3
    assert newsroom.tested == []


def test_a_post_from_our_own_page_passes(client: Any, served: WebServer) -> None:
    origin = f"http://127.0.0.1:{served.port}"
    assert client("POST", "/feeds", b"url=https://x.example/rss", Origin=origin, **FORM)[0] == 303


def test_a_program_without_origin_may_use_the_api_with_json(client: Any) -> None:
    body = json.dumps({"url": "https://x.example/rss"}).encode()
    assert client("POST", "/api/v1/feeds", body, Content_Type="application/json")[0] == 201
    assert client("DELETE", "/api/v1/feeds/f-kura")[0] == 204
    assert client("DELETE", "/api/v1/feeds/f-kura", Origin="https://evil.example")[0] == 403


@pytest.mark.parametrize(
    "path", ["/", "/nowhere", "/static/app.js", "/api/v1/search", "/api/v1/nowhere", "/livez", "/feed.rss", "/?since=x"]
)
def test_every_answer_carries_the_security_headers(client: Any, path: str) -> None:
    _, headers, _ = client("GET", path)
    assert headers["content-security-policy"] == CSP
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["x-frame-options"] == "DENY"
    assert "server" not in headers
    assert "unsafe" not in CSP


def test_refusals_carry_them_too(client: Any) -> None:
    for status, headers, _ in (client("GET", "/", Host="evil.example"), client("POST", "/feeds", b"")):
        assert status in (421, 403)
        assert headers["content-security-policy"] == CSP


@pytest.mark.parametrize(
    "path",
    [
        "//evil.example",
        "/\\evil.example",
        "/%2f%2fevil.example",
        "/?next=//evil.example",
        "/feeds?done=//evil.example",
        "/static/..%2f..%2fapp.py",
        "/static/../app.py",
        "/static//evil.example",
    ],
)
def test_nothing_redirects_away_and_nothing_but_static_files_is_served(client: Any, path: str) -> None:
    status, headers, body = client("GET", path)
    assert "evil" not in headers.get("location", "")
    assert status in (200, 404)
    assert b"def create_app" not in body
