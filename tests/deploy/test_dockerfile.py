"""The image: what its file says, held against the program and the checkout. Nothing is built: that needs Docker."""

from __future__ import annotations

import fnmatch
import http.client
import json
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from tests.deploy.parts import DEPLOY, PORTS, ROOT, accepted, compose

from heliograph import __version__
from heliograph.compose import program
from heliograph.settings import load_settings

TEXT = (DEPLOY / "Dockerfile").read_text("utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def instructions(text: str) -> list[tuple[str, str]]:
    """Return instruction and argument of each line, continued lines joined, comments left out."""
    lines = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    joined = re.sub(r"\\\n\s*", " ", lines)
    found = (line.partition(" ") for line in joined.splitlines() if line.strip())
    return [(name, argument.strip()) for name, _, argument in found]


def last(name: str) -> str:
    return [argument for found, argument in instructions(TEXT) if found == name][-1]


def environment() -> dict[str, str]:
    """Return the variables of the final stage."""
    return dict(pair.split("=", 1) for pair in shlex.split(last("ENV")))


def test_hadolint_finds_nothing() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run(
        [hadolint, "--failure-threshold", "style", DEPLOY / "Dockerfile"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stdout


def test_both_stages_stand_on_one_base_pinned_to_its_patch() -> None:
    [base] = [argument for name, argument in instructions(TEXT) if name == "ARG" and argument.startswith("PYTHON=")]
    assert re.fullmatch(r"PYTHON=3\.11\.\d+-slim-[a-z]+", base)
    froms = [argument.split()[0] for name, argument in instructions(TEXT) if name == "FROM"]
    assert froms == ["python:${PYTHON}"] * 2
    assert PROJECT["requires-python"] == ">=3.11"


def test_it_does_not_run_as_root_and_says_so_in_numbers() -> None:
    user, group = last("USER").split(":")
    assert min(int(user), int(group)) > 1000
    after = instructions(TEXT)[[name for name, _ in instructions(TEXT)].index("USER") :]
    assert not {"RUN", "COPY", "ADD"} & {name for name, _ in after}


def test_it_names_no_host() -> None:
    assert not re.findall(r"https?://(?!127\.0\.0\.1)", TEXT)


def test_its_variables_are_settings_and_its_ports_those_of_the_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {name: value for name, value in environment().items() if name.startswith("HELIOGRAPH_")}
    settings = accepted("", given, tmp_path, monkeypatch)
    assert (settings.data, settings.web.host, settings.health.host) == (Path("/data"), "0.0.0.0", "0.0.0.0")
    assert (
        last("EXPOSE").split() == [str(port) for port in PORTS] == [str(settings.web.port), str(settings.health.port)]
    )
    assert last("VOLUME") == '["/data"]'


def test_it_starts_the_program_and_ends_it_by_the_signal_that_it_takes() -> None:
    assert json.loads(last("ENTRYPOINT"))[0] in PROJECT["scripts"]
    assert json.loads(last("CMD")) == ["run"]
    assert last("STOPSIGNAL") == "SIGTERM"


def test_version_and_extras_are_those_of_the_project() -> None:
    arguments = dict(argument.split("=", 1) for name, argument in instructions(TEXT) if name == "ARG")
    assert arguments["VERSION"] == __version__
    assert set(arguments["EXTRAS"].split(",")) <= PROJECT["optional-dependencies"].keys()


def test_the_build_sees_what_it_copies_and_what_the_wheel_is_made_of() -> None:
    lines = (DEPLOY / "Dockerfile.dockerignore").read_text("utf-8").splitlines()
    allowed = {line.removeprefix("!") for line in lines if line.startswith("!")}
    assert "*" in lines
    copied = {
        source
        for name, argument in instructions(TEXT)
        if name == "COPY" and not argument.startswith("--from")
        for source in argument.split()[:-1]
    }
    assert copied == allowed
    assert all((ROOT / name).exists() for name in copied)
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = [PROJECT["readme"], *PROJECT["license-files"], *wheel["packages"], *wheel["force-include"]]
    for name in needed:
        assert any(fnmatch.fnmatch(name, f"{top}*") for top in copied), name


def command(test: list[str], port: int) -> list[str]:
    """Return a health check as the container would run it, by this interpreter and of this port."""
    assert test[:3] == ["CMD", "python", "-c"]
    assert str(PORTS[1]) in test[3]
    return [sys.executable, "-c", test[3].replace(str(PORTS[1]), str(port))]


CHECKS = {
    "image": ["CMD", *json.loads(last("HEALTHCHECK").partition(" CMD ")[2])],
    "compose": compose()["services"]["detect"]["healthcheck"]["test"],
}


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS.keys())
def test_the_health_check_tells_a_living_program_from_a_dead_one(check: list[str], tmp_path: Path) -> None:
    flags: dict[str, Any] = {"data": tmp_path, "sources": "none", "health": {"host": "127.0.0.1", "port": 0}}
    running = program(load_settings(None, flags), ["detect"])
    running.start()
    port = int(running.probes_url.rpartition(":")[2])
    try:
        assert subprocess.run(command(check, port), timeout=30, check=False).returncode == 0
    finally:
        running.stop()
    dead = subprocess.run(command(check, port), timeout=30, stderr=subprocess.PIPE, check=False)
    assert dead.returncode != 0
    with pytest.raises(OSError, match="refused"):
        http.client.HTTPConnection("127.0.0.1", port, timeout=5).request("GET", "/livez")
