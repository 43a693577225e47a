"""Services apart: each answers probes and metrics for itself, and is told only the secrets that it needs."""

from __future__ import annotations

import json
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from heliograph.compose import SERVICES, program
from heliograph.errors import SettingsError, UsageError
from heliograph.program import Program
from heliograph.settings import load_settings


def composed(data: Path, *services: str, **flags: Any) -> Program:
    flags = {"data": data, "sources": "none", "web": {"port": 0}, "health": {"host": "127.0.0.1", "port": 0}, **flags}
    return program(load_settings(None, flags), services)


@contextmanager
def running(data: Path, *services: str, **flags: Any) -> Iterator[Program]:
    one = composed(data, *services, **flags)
    one.start()
    try:
        yield one
    finally:
        one.stop()


def get(url: str, **headers: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read().decode()


@pytest.mark.parametrize("service", SERVICES)
def test_each_service_alone_answers_probes_and_counts_what_it_does(tmp_path: Path, service: str) -> None:
    if service == "web":
        with running(tmp_path, "index"):
            pass  # what the pages read must have been made
    with running(tmp_path, service) as one:
        assert get(f"{one.probes_url}/livez") == (200, "ok\n")
        status, body = get(f"{one.probes_url}/readyz")
        assert (status, json.loads(body)["ready"]) == (200, True), body
        assert ("indexes" in json.loads(body)["checks"]) == (service in ("index", "web"))
        status, body = get(f"{one.probes_url}/metrics")
        assert "heliograph_build_info" in {family.name for family in text_string_to_metric_families(body)}


def test_the_port_of_the_probes_shows_no_pages(tmp_path: Path) -> None:
    with running(tmp_path) as one:
        assert one.probes_url != one.url
        for path in ("/", "/status", "/api/v1/feeds", "/openapi.json"):
            assert get(f"{one.probes_url}{path}")[0] == 404
            assert get(f"{one.url}{path}")[0] == 200


def test_metrics_are_refused_under_a_foreign_name_and_probes_are_not(tmp_path: Path) -> None:
    with running(tmp_path, "detect") as one:
        assert get(f"{one.probes_url}/metrics", Host="evil.example")[0] == 421
        assert get(f"{one.probes_url}/livez", Host="pod-7.cluster.example")[0] == 200


def test_without_the_setting_there_is_no_such_port(tmp_path: Path) -> None:
    with running(tmp_path, "detect", health={}) as one:
        assert (one.url, one.probes_url) == ("", "")


def test_a_taken_port_of_the_probes_names_its_own_setting(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        one = composed(tmp_path, "detect", health={"host": "127.0.0.1", "port": taken.getsockname()[1]})
        with pytest.raises(UsageError, match=r"^health: cannot listen on .*set health\.port to another number"):
            one.start()
        one.stop()


def test_a_channel_s_secret_is_asked_for_where_alerts_are_delivered_and_nowhere_else(tmp_path: Path) -> None:
    channel = {"name": "desk", "type": "webhook", "url": "http://127.0.0.1:9/", "secret_file": str(tmp_path / "none")}
    flags = {"channels": (channel,), "policies": ({"name": "all", "channels": ("desk",)},)}
    for service in ("alert", "web"):
        with pytest.raises(SettingsError, match="none"):
            composed(tmp_path, service, **flags)
    for service in ("ingest", "detect", "stories", "index"):
        with running(tmp_path, service, **flags) as one:
            assert get(f"{one.probes_url}/livez")[0] == 200
