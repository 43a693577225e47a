"""The webhook notifier against a real receiver."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import pytest
import standardwebhooks

from heliograph.alert.channels import Tools, build_channels
from heliograph.alert.deliver import send_now
from heliograph.alert.format import sample_alert
from heliograph.alert.port import NotDelivered
from heliograph.errors import FetchError

OLD = "whsec_" + base64.b64encode(b"the key that is going away..").decode()
NEW = "whsec_" + base64.b64encode(b"the key that comes in its place.").decode()


def now() -> datetime:
    return datetime.now(UTC)


def send(url: str, tools: Tools | None = None, **options: object) -> tuple[int, str]:
    """Send one alert; return the status answered and the message's id."""
    table: Mapping[str, object] = {"name": "desk", "type": "webhook", "url": url, **options}
    [notifier] = build_channels([table], tools or Tools()).values()
    alert = sample_alert("desk", now())
    return send_now(notifier, alert).status, alert.message


def failure(url: str, tools: Tools | None = None, **options: object) -> NotDelivered:
    with pytest.raises(NotDelivered) as caught:
        send(url, tools, **options)
    return caught.value


def test_the_signature_is_verified_by_the_reference_library(receiver: Any) -> None:
    status, message = send(receiver.url, secret=NEW)
    assert status == 200
    [request] = receiver.requests
    body = standardwebhooks.Webhook(NEW).verify(request.body, request.headers)
    assert body["data"]["alert"] == message == request.id
    assert request.headers["content-type"] == "application/json"
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(OLD).verify(request.body, request.headers)


def test_while_rotating_receivers_of_the_old_and_the_new_secret_verify(receiver: Any) -> None:
    send(receiver.url, secret=NEW, secrets=[OLD])
    [request] = receiver.requests
    assert request.headers["webhook-signature"].count("v1,") == 2
    for secret in (OLD, NEW):
        assert standardwebhooks.Webhook(secret).verify(request.body, request.headers) == json.loads(request.body)


def test_a_stale_clock_is_refused_by_the_receivers_library(receiver: Any) -> None:
    send(receiver.url, Tools(clock=lambda: datetime(2020, 1, 1, tzinfo=UTC)), secret=NEW)
    [request] = receiver.requests
    with pytest.raises(standardwebhooks.WebhookVerificationError, match="too old"):
        standardwebhooks.Webhook(NEW).verify(request.body, request.headers)


def test_without_a_secret_there_is_no_signature(receiver: Any) -> None:
    send(receiver.url)
    [request] = receiver.requests
    assert "webhook-signature" not in request.headers
    assert {"webhook-id", "webhook-timestamp"} <= set(request.headers)


def test_redirects_are_failures_and_are_not_followed(receiver: Any, receivers: Callable[[], Any], answer: Any) -> None:
    elsewhere = receivers()
    receiver.answer = lambda _request: answer(307, {"location": elsewhere.url})
    error = failure(receiver.url)
    assert (error.outcome, error.status, error.permanent) == ("http-307", 307, False)
    assert "give the new address" in str(error)
    assert not elsewhere.requests


def test_410_is_permanent(receiver: Any, answer: Any) -> None:
    receiver.answer = lambda _request: answer(410)
    assert failure(receiver.url).permanent


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_handed_on(receiver: Any, answer: Any, status: int) -> None:
    receiver.answer = lambda _request: answer(status, {"retry-after": "77"})
    error = failure(receiver.url)
    assert (error.retry_after, error.throttle, error.permanent) == (77.0, True, False)


def test_a_receiver_that_hangs_is_given_up_at_the_deadline(receiver: Any, answer: Any) -> None:
    receiver.answer = lambda _request: answer(hang=True)
    error = failure(receiver.url, timeout=0.2)
    assert error.outcome == "timeout"
    assert "0.2 s" in str(error)


def test_a_receiver_that_trickles_its_headers_is_given_up_at_the_deadline(receiver: Any, answer: Any) -> None:
    receiver.answer = lambda _request: answer(trickle=True)
    assert failure(receiver.url, timeout=0.3).outcome in ("timeout", "protocol")


def test_a_connection_dropped_after_2xx_counts_as_delivered(receiver: Any, answer: Any) -> None:
    receiver.answer = lambda _request: answer(drop=True)
    assert send(receiver.url)[0] == 200


def test_a_port_where_nobody_listens_is_named_without_the_path() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    error = failure(f"http://user:pass-canary@127.0.0.1:{port}/token-canary?key=query-canary")
    assert error.outcome == "connection"
    assert f"http://127.0.0.1:{port}" in str(error)
    assert "canary" not in str(error)


def test_a_server_that_does_not_speak_http_is_a_failure() -> None:
    async def scene() -> NotDelivered:
        async def babble(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"SSH-2.0-OpenSSH_9.9\r\n")
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(babble, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            return await asyncio.to_thread(failure, f"http://127.0.0.1:{port}/")

    assert asyncio.run(scene()).outcome in ("protocol", "connection")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "127.1", "2130706433"])
def test_private_networks_are_refused_at_connect_time_where_the_channel_says_so(receiver: Any, host: str) -> None:
    asked: list[IPv4Address | IPv6Address] = []

    def judge(address: IPv4Address | IPv6Address) -> None:
        asked.append(address)
        mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
        if (mapped or address).is_loopback:
            raise FetchError("loopback", reason="refused-address")

    port = receiver.url.rpartition(":")[2].partition("/")[0]
    error = failure(f"http://{host}:{port}/hook", Tools(judge=judge), private_networks=False)
    assert not receiver.requests
    # Short and decimal spellings of an address are no host names for the client, and never reach a resolver.
    assert error.outcome == ("address" if host in ("127.1", "2130706433") else "refused-address")
    assert bool(asked) == (error.outcome == "refused-address")


def test_private_networks_are_reached_unless_the_channel_says_otherwise(receiver: Any) -> None:
    def judge(_address: IPv4Address | IPv6Address) -> None:
        raise FetchError("no address will do", reason="refused-address")

    assert send(receiver.url, Tools(judge=judge))[0] == 200
