"""docs/howto/receive-webhooks.md: its examples run, its tables are true."""

from __future__ import annotations

import json
import re
import threading
import tomllib
from collections.abc import Callable
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest

from heliograph.alert.channels import Tools, build_channels, build_policies
from heliograph.alert.deliver import send_now
from heliograph.alert.format import MAX_EVIDENCE, WebhookBody, WebhookData, sample_alert
from heliograph.alert.port import NotDelivered
from heliograph.alert.retry import SCHEDULE
from heliograph.query.tree import All

PAGE = (Path(__file__).parents[2] / "docs" / "howto" / "receive-webhooks.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


def run(code: str) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "example"}
    exec(compile(code, "receive-webhooks.md", "exec"), names)
    return names


def channel(url: str, secret: str) -> Any:
    return build_channels([{"name": "desk", "type": "webhook", "url": url, "secret": secret}], Tools())["desk"]


def test_the_receiver_takes_genuine_alerts_once_and_refuses_forged_ones(capsys: pytest.CaptureFixture[str]) -> None:
    example = run(blocks("python")[0])

    quiet = type("Quiet", (example["Receiver"],), {"log_message": lambda *_: None})
    assert issubclass(quiet, BaseHTTPRequestHandler)
    with ThreadingHTTPServer(("127.0.0.1", 0), quiet) as server:
        server.daemon_threads = False
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}/hook"
        alert = sample_alert("desk", datetime.now(UTC))
        try:
            for _ in range(2):
                assert send_now(channel(url, example["SECRET"]), alert).status == 204
            with pytest.raises(NotDelivered, match="401"):
                send_now(channel(url, "whsec_c29tZWJvZHkgZWxzZSdzIHNlY3JldA=="), alert)
        finally:
            server.shutdown()
            thread.join()
    printed = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["alert"] for line in printed] == [alert.id]


def test_the_check_without_a_library_agrees(receiver: Any) -> None:
    is_genuine: Callable[..., bool] = run(blocks("python")[1])["is_genuine"]
    secret = "whsec_aGVsaW9ncmFwaC1leGFtcGxlLXNlY3JldC0wMQ=="
    send_now(channel(receiver.url, secret), sample_alert("desk", datetime.now(UTC)))
    [request] = receiver.requests
    assert is_genuine(secret, request.headers, request.body)
    assert not is_genuine(secret, request.headers, request.body + b" ")
    assert not is_genuine("whsec_c29tZWJvZHkgZWxzZQ==", request.headers, request.body)
    assert not is_genuine(secret, {**request.headers, "webhook-timestamp": "1700000000"}, request.body)


def test_the_settings_are_accepted(tmp_path: Path) -> None:
    settings = tomllib.loads(blocks("toml")[0])
    secret = tmp_path / "desk.secret"
    secret.write_text("whsec_aGVsaW9ncmFwaC1leGFtcGxlLXNlY3JldC0wMQ==\n")
    [table] = settings["channels"]
    channels = build_channels([{**table, "secret_file": str(secret)}], Tools())
    [policy] = build_policies(settings["policies"], channels=channels, parse=lambda _query: All())
    assert policy.channels == ("desk",)
    assert policy.updates is False


def test_the_body_shown_is_one_that_is_sent() -> None:
    [shown] = blocks("json")
    body = msgspec.json.decode(shown, type=WebhookBody)
    assert set(json.loads(shown)["data"]) == {field.name for field in msgspec.structs.fields(WebhookData)}
    assert json.loads(msgspec.json.encode(body)) == json.loads(shown)
    [evidence] = body.data.evidence
    assert body.data.title[evidence.start : evidence.end] == evidence.text
    assert f"at most {MAX_EVIDENCE} places" in PAGE


def test_the_schedule_told_is_the_schedule_kept() -> None:
    told = "5 seconds, 5 minutes, 30 minutes, 2, 5, 10, 14, 20 and 24 hours"
    assert told in " ".join(PAGE.split())
    hours = [2, 5, 10, 14, 20, 24]
    assert (0, 5, 5 * 60, 30 * 60, *(hour * 3600 for hour in hours)) == SCHEDULE
