"""The other deploy files, each checked by its own tool where there is one, and by what the program and schemas say."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.deploy.parts import DEPLOY, ROOT, VARIABLE, accepted, compose, tool

from heliograph.settings import ElasticsearchSettings, Settings

TEXTS = sorted(
    path
    for path in DEPLOY.rglob("*")
    if path.is_file() and not {"stack", "secrets", "__pycache__"} & {*path.relative_to(DEPLOY).parts}
)
UNIT = DEPLOY / "systemd/heliograph.service"
MANAGER = DEPLOY / "alertmanager/alertmanager.yml"


def test_yamllint_finds_nothing() -> None:
    command = [
        sys.executable,
        "-m",
        "yamllint",
        "--strict",
        "--config-file",
        str(DEPLOY / ".yamllint.yaml"),
        str(DEPLOY),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout


def known(variable: str) -> bool:
    """Tell whether a variable sets something: the settings file, or a key of the settings."""
    model: Any = Settings
    for part in variable.removeprefix("HELIOGRAPH_").lower().split("__"):
        if part not in getattr(model, "model_fields", {}):
            return variable == "HELIOGRAPH_CONFIG"
        model = model.model_fields[part].annotation
    return not hasattr(model, "model_fields")


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.relative_to(DEPLOY).as_posix())
def test_every_variable_of_the_program_that_a_file_names_is_a_setting(path: Path) -> None:
    assert [name for name in VARIABLE.findall(path.read_text("utf-8")) if not known(name)] == []


def test_a_variable_that_sets_nothing_would_be_found() -> None:
    assert known("HELIOGRAPH_ELASTICSEARCH__PASSWORD_FILE")
    for wrong in ("HELIOGRAPH_WEB_PORT", "HELIOGRAPH_WEB", "HELIOGRAPH_WEB__PROT", "HELIOGRAPH_HEALTH"):
        assert not known(wrong)


def test_alertmanager_takes_its_file() -> None:
    amtool = tool("amtool", package="prometheus-alertmanager")
    version = subprocess.run([amtool, "--version"], capture_output=True, text=True, check=True)
    text = MANAGER.read_text("utf-8")
    [number] = re.findall(r"version (\d+)\.(\d+)", version.stdout + version.stderr)[:1]
    if tuple(map(int, number)) < (0, 26):
        # Older ones know no address in a file: the address itself is put in for it.
        text = re.sub(r"url_file: \S+", "url: http://127.0.0.1:9/", text)
    done = subprocess.run([amtool, "check-config"], input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    wrong = text.replace("receiver: operators", "receiver: nobody")
    assert subprocess.run([amtool, "check-config"], input=wrong, capture_output=True, text=True, check=False).returncode


def receivers(route: dict[str, Any]) -> Iterator[str]:
    yield route["receiver"]
    for inner in route.get("routes", []):
        yield from receivers(inner)


def test_every_alert_goes_to_a_receiver_whose_address_is_a_secret_that_is_mounted() -> None:
    told = yaml.safe_load(MANAGER.read_text("utf-8"))
    named = {one["name"]: one for one in told["receivers"]}
    assert {*receivers(told["route"])} == {*named}
    addresses = {hook["url_file"] for one in named.values() for hook in one["webhook_configs"]}
    service = compose()["services"]["alertmanager"]
    assert addresses == {f"/run/secrets/{name}" for name in service["secrets"]}
    targets = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text("utf-8"))["alerting"]["alertmanagers"]
    assert targets == [{"static_configs": [{"targets": ["alertmanager:9093"]}]}]


def test_systemd_takes_the_unit_and_calls_it_well_shut(tmp_path: Path) -> None:
    analyze = tool("systemd-analyze", package="systemd")
    copy = tmp_path / UNIT.name
    # It wants to see the program where the unit says that it is.
    copy.write_text(UNIT.read_text("utf-8").replace("/opt/heliograph/bin/heliograph", sys.executable), "utf-8")
    verified = subprocess.run([analyze, "verify", copy], capture_output=True, text=True, check=False)
    assert (verified.returncode, verified.stdout, verified.stderr) == (0, "", "")
    security = [analyze, "security", "--offline=true", "--no-pager", "--threshold=15", str(copy)]
    done = subprocess.run(security, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-200:]


def test_the_unit_says_settings_that_the_program_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = UNIT.read_text("utf-8").replace("%S", "/var/lib")
    variables = dict(line.split("=", 1) for line in re.findall(r"^Environment=(\S+)$", text, re.MULTILINE))
    settings = accepted("", variables, tmp_path, monkeypatch)
    assert settings.data == Path("/var/lib/heliograph")
    assert re.search(r"^ExecStart=/\S+/heliograph run --config /\S+$", text, re.MULTILINE)
    assert float(re.findall(r"^TimeoutStopSec=(\d+)$", text, re.MULTILINE)[0]) > 5


def fields(properties: dict[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    for name, field in properties.items():
        yield f"{before}{name}", field.get("type", "object")
        yield from fields(field.get("properties", {}), f"{before}{name}.")


def mapping(name: str) -> dict[str, str]:
    told = json.loads((ROOT / "schemas/elasticsearch" / name).read_text("utf-8"))
    return dict(fields(told.get("template", told)["mappings"]["properties"]))


def test_the_data_views_are_of_our_indices_and_their_times_are_dates() -> None:
    lines = (DEPLOY / "kibana/data-views.ndjson").read_text("utf-8").splitlines()
    views = {one["id"]: one for one in map(json.loads, lines)}
    documents, alerts = mapping("documents.json"), mapping("alerts.json")
    mappings = {"flagged": documents, "archive": documents, "alerts": alerts}
    prefix = ElasticsearchSettings().index_prefix
    assert [*views] == [f"{prefix}{name}" for name in mappings]
    for (name, known_fields), view in zip(mappings.items(), views.values(), strict=True):
        told = view["attributes"]
        assert (view["type"], told["title"]) == ("index-pattern", f"{prefix}{name}")
        assert known_fields[told["timeFieldName"]] == "date"
        hidden = [one["value"].removesuffix(".*") for one in json.loads(told["sourceFilters"])]
        assert {*hidden, *json.loads(told["fieldFormatMap"])} <= known_fields.keys()


@pytest.mark.parametrize("page", ["README.md", "kubernetes/README.md", "kibana/README.md"])
def test_what_could_not_be_run_here_is_said(page: str) -> None:
    assert "not run here" in (DEPLOY / page).read_text("utf-8").lower()
