"""compose.yaml, held against the Compose Specification's keys, the program's settings and services, and our own rules.

Nothing is started: that needs Docker.
"""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from tests.deploy.compose_schema import SCHEMA
from tests.deploy.parts import DEPLOY, PORTS, SECRET, accepted, compose, files_named

from heliograph import __version__
from heliograph.compose import SERVICES

FILE = compose()
ALL: dict[str, dict[str, Any]] = FILE["services"]
OURS = {name: service for name, service in ALL.items() if service["image"].startswith("heliograph:")}
ONCE = {"elasticsearch-setup", "kibana-setup"}
# Their images write into their own folders when they start; compose.yaml says what.
WRITABLE = {"kafka", "elasticsearch", "kibana"}
# A digest has to be looked up where the images are; .env takes `version@sha256:…`.
NO_DIGEST = "CL-0019"
NOT_READ_ONLY = "CL-0007"


def complaints(file: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with the file: by schema, by names that lead nowhere, by our rules for containers."""
    found = [f"{'.'.join(map(str, e.path))}: {e.message}" for e in Draft202012Validator(SCHEMA).iter_errors(file)]
    return found or [*dangling(file), *soft(file)]


def dangling(file: Mapping[str, Any]) -> Iterator[str]:
    for name, service in file["services"].items():
        for kind in ("networks", "secrets"):
            yield from (f"{name}: {kind}: {one}" for one in service.get(kind, []) if one not in file[kind])
        for config in service.get("configs", []):
            if config["source"] not in file["configs"]:
                yield f"{name}: configs: {config['source']}"
        for volume in service.get("volumes", []):
            if volume["type"] == "volume" and volume["source"] not in file["volumes"]:
                yield f"{name}: volumes: {volume['source']}"
        for other, how in service.get("depends_on", {}).items():
            wanted = file["services"].get(other)
            if wanted is None or not set(service["profiles"]) <= set(wanted["profiles"]):
                yield f"{name}: depends on {other}, which its profiles do not start"
            elif how["condition"] == "service_healthy" and "healthcheck" not in wanted:
                yield f"{name}: waits for the health of {other}, which has no check"


def soft(file: Mapping[str, Any]) -> Iterator[str]:
    for name, service in file["services"].items():
        if not {"cap_drop", "security_opt", "logging", "restart"} <= service.keys():
            yield f"{name}: keeps capabilities, may gain privileges, or fills the disk with logs"
        if service.get("user", "0:0").startswith("0:"):
            yield f"{name}: runs as root"
        if bool(service.get("read_only")) == (name in WRITABLE):
            yield f"{name}: root file system"
        if "healthcheck" not in service and name not in ONCE:
            yield f"{name}: no health check"


def test_it_says_nothing_that_is_wrong_leads_nowhere_or_is_soft() -> None:
    assert complaints(FILE) == []


@pytest.mark.parametrize(
    ("service", "change", "said"),
    [
        ("ingest", {"image": "heliograph:latest"}, "does not match"),
        ("ingest", {"imagee": "heliograph"}, "Additional properties"),
        ("web", {"ports": ["8477:8477"]}, "does not match"),
        ("web", {"deploy": {"resources": {"limits": {"cpus": "1"}}}}, "required property"),
        ("index", {"user": "0:0"}, "runs as root"),
        ("index", {"read_only": False}, "root file system"),
        ("alert", {"secrets": ["webhook_secrets"]}, "alert: secrets: webhook_secrets"),
        ("detect", {"depends_on": {"heliograph": {"condition": "service_healthy"}}}, "profiles do not start"),
        ("detect", {"privileged": True}, "Additional properties"),
    ],
)
def test_what_is_wrong_would_be_found(service: str, change: dict[str, Any], said: str) -> None:
    wrong = deepcopy(FILE)
    wrong["services"][service].update(change)
    assert any(said in complaint for complaint in complaints(wrong)), complaints(wrong)


def test_compose_lint_finds_nothing_but_what_is_said_here() -> None:
    lint = Path(sys.executable).with_name("compose-lint")
    done = subprocess.run(
        [lint, "--format", "json", DEPLOY / "compose.yaml"], capture_output=True, text=True, check=False
    )
    found = {(one["rule_id"], one["service"]) for one in json.loads(done.stdout)["findings"]}
    assert found == {*((NO_DIGEST, name) for name in ALL), *((NOT_READ_ONLY, name) for name in WRITABLE)}


def test_there_is_a_container_for_each_service_and_one_for_all_of_them() -> None:
    told = {name: tuple(service["command"]) for name, service in OURS.items()}
    assert told == {**{name: ("run", name) for name in SERVICES}, "heliograph": ("run",)}
    assert {service["image"] for service in OURS.values()} == {f"heliograph:{__version__}"}
    assert all(
        (DEPLOY / service["build"]["context"] / service["build"]["dockerfile"]).is_file() for service in OURS.values()
    )


def test_what_ends_by_itself_is_waited_for_by_a_service_that_stays() -> None:
    waited = {
        other
        for service in ALL.values()
        for other, how in service.get("depends_on", {}).items()
        if how["condition"] == "service_completed_successfully"
    }
    assert waited == {name for name in ONCE if ALL[name]["profiles"] != ["by-hand"]}


def test_only_who_fetches_and_who_delivers_can_leave() -> None:
    assert {name for name, service in ALL.items() if "outside" in service["networks"]} == {
        "ingest",
        "alert",
        "heliograph",
    }
    assert FILE["networks"]["inside"] == {"internal": True}
    assert FILE["networks"]["front"]["driver_opts"] == {"com.docker.network.bridge.enable_ip_masquerade": "false"}
    assert {name for name, service in ALL.items() if service.get("ports")} == {
        name for name, service in ALL.items() if "front" in service["networks"]
    }


@pytest.mark.parametrize("name", OURS)
def test_the_program_takes_the_settings_of_each_container(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = OURS[name]
    settings = accepted((DEPLOY / "heliograph.toml").read_text("utf-8"), service["environment"], tmp_path, monkeypatch)
    assert settings.tier == service["profiles"][0]
    assert (settings.web.port, settings.health.port) == PORTS
    assert [port.rpartition(":")[2] for port in service.get("ports", [])] in ([], [str(settings.web.port)])
    if settings.tier == "distributed":
        broker = ALL["kafka"]["environment"]
        assert broker["KAFKA_ADVERTISED_LISTENERS"] == f"PLAINTEXT://{settings.kafka.bootstrap}"
        assert settings.kafka.replication == 1
        assert settings.elasticsearch.url == "http://elasticsearch:9200"
        assert settings.elasticsearch.password == SECRET
        setup = (DEPLOY / "elasticsearch/setup.sh").read_text("utf-8")
        assert f"/_security/user/{settings.elasticsearch.username} " in setup


def test_the_role_reaches_the_indices_of_the_settings_and_no_others() -> None:
    role = json.loads((DEPLOY / "elasticsearch/role.json").read_text("utf-8"))
    from heliograph.settings import ElasticsearchSettings

    assert [entry["names"] for entry in role["indices"]] == [[f"{ElasticsearchSettings().index_prefix}*"]]


def test_every_channel_shown_in_the_settings_would_be_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (DEPLOY / "heliograph.toml").read_text("utf-8")
    shown = re.sub(r"^# (\[\[channels|name =|type =|url =|secret_file =)", r"\1", text, flags=re.MULTILINE)
    assert shown != text
    settings = accepted(shown, {}, tmp_path, monkeypatch)
    assert {channel["name"] for channel in settings.channels} == {"log", "desk"}
    named = {Path(file).name for file in files_named(shown)}
    for name in ("heliograph", "alert", "web"):
        assert named <= {*OURS[name]["secrets"]}


def test_what_is_mounted_is_there() -> None:
    named = [config["file"] for config in FILE["configs"].values()]
    binds = [one["source"] for service in ALL.values() for one in service.get("volumes", []) if one["type"] == "bind"]
    for name in [*named, *binds]:
        assert (DEPLOY / name).exists(), name


def test_state_is_on_volumes_and_each_is_used_by_one_service() -> None:
    used = [one["source"] for service in ALL.values() for one in service.get("volumes", []) if one["type"] == "volume"]
    assert sorted(used) == sorted(FILE["volumes"])


def test_the_script_makes_every_secret_once(tmp_path: Path) -> None:
    command = [sys.executable, str(DEPLOY / "make_secrets.py"), str(tmp_path / "secrets")]
    assert "made elastic_password" in subprocess.run(command, capture_output=True, text=True, check=True).stdout
    made = {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}
    assert {f"./secrets/{name}" for name in made} == {secret["file"] for secret in FILE["secrets"].values()}
    assert len(set(made.values())) == len(made)
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "secrets").iterdir()} == {0o444}
    assert "nothing" in subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert made == {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}


def test_every_secret_is_used_and_none_stands_in_the_environment() -> None:
    used = {secret for service in ALL.values() for secret in service.get("secrets", [])}
    assert used == set(FILE["secrets"])
    for name, service in ALL.items():
        for variable, value in service.get("environment", {}).items():
            if re.search("PASSWORD|SECRET|KEY|TOKEN", variable):
                assert value.startswith("/run/secrets/"), f"{name}: {variable}"


def test_the_example_of_variables_tells_each_with_its_default() -> None:
    text = (DEPLOY / "compose.yaml").read_text("utf-8")
    named = dict(re.findall(r"\$\{(\w+):-([^}]*)\}", text))
    assert not re.findall(r"\$\{\w+\}", text)
    lines = (DEPLOY / ".env.example").read_text("utf-8").splitlines()
    assert named == dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    # They would be taken for settings.
    assert not [name for name in named if name.startswith("HELIOGRAPH_")]


def test_prometheus_asks_every_service_where_it_answers() -> None:
    jobs = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text("utf-8"))["scrape_configs"]
    [job] = [job for job in jobs if job["job_name"] == "heliograph"]
    assert job["metrics_path"] == "/metrics"
    assert {name for lookup in job["dns_sd_configs"] for name in lookup["names"]} >= {*OURS}
    assert {lookup["port"] for lookup in job["dns_sd_configs"]} == {PORTS[1]}
    assert all({"inside"} <= {*service["networks"]} for service in OURS.values())
    assert "inside" in ALL["prometheus"]["networks"]


@pytest.mark.parametrize("script", ["elasticsearch/setup.sh", "kibana/setup.sh"])
def test_the_scripts_of_the_setup_are_shell_and_name_secrets_that_they_are_given(script: str) -> None:
    path = DEPLOY / script
    assert subprocess.run(["bash", "-n", path], check=False, capture_output=True).returncode == 0
    given = {*ALL[f"{path.parent.name}-setup"]["secrets"]}
    assert {*re.findall(r"\b[a-z]+_password\b", path.read_text("utf-8"))} == given
    assert os.access(path, os.R_OK)
