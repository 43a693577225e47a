"""What the tests of the deploy files share: where they lie, what they say of settings, and how manifests are built."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from heliograph.alert.channels import Tools, build_channels
from heliograph.settings import Settings, load_settings

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
OVERLAYS = ("embedded", "distributed", "dev")
SECRET = "whsec_aGVsaW9ncmFwaC1leGFtcGxlLXNlY3JldC0wMQ=="
VARIABLE = re.compile(r"\bHELIOGRAPH_[A-Z0-9_]*[A-Z0-9]\b")
PORTS = (Settings.model_fields["web"].default.port, Settings.model_fields["health"].default.port)


def tool(*names: str, package: str) -> str:
    """Return the first of these programs that the machine has.

    On a machine without any, the test is passed over and says so; where continuous integration runs, which installs
    them, it fails.
    """
    for name in names:
        if found := shutil.which(name):
            return found
    missing = f"no {' or '.join(names)} here (package {package}): nothing was checked"
    if os.environ.get("CI"):  # noqa: TID251 - the tests' own surroundings, no setting
        pytest.fail(missing)
    pytest.skip(missing)


def build(overlay: str) -> list[dict[str, Any]]:
    """Return the manifests of an overlay, as a cluster would get them."""
    program = tool("kubectl", "kustomize", package="kubectl")
    command = [program, "kustomize"] if Path(program).name == "kubectl" else [program, "build"]
    done = subprocess.run(
        [*command, str(KUBERNETES / "overlays" / overlay)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    # What kustomize calls deprecated stops working in one of its next versions.
    assert not done.stderr, done.stderr
    # The same loader in C: an overlay has thousands of lines.
    return list(yaml.load_all(done.stdout, Loader=yaml.CSafeLoader))


def compose() -> dict[str, Any]:
    """Return compose.yaml with its anchors resolved and its variables at their defaults."""
    text = (DEPLOY / "compose.yaml").read_text("utf-8")
    text = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text).replace("$$", "$")
    loaded: dict[str, Any] = yaml.safe_load(text)
    return loaded


def accepted(toml: str, variables: Mapping[str, str], folder: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Return the settings as the program reads them in a container, its channels built as well.

    Files that only a container has are put into `folder`. Raises SettingsError for whatever the program would refuse.
    """
    for name in [name for name in os.environ if name.startswith("HELIOGRAPH_")]:  # noqa: TID251 - as above
        monkeypatch.delenv(name)
    monkeypatch.chdir(folder)

    def here(match: re.Match[str]) -> str:
        path = folder / match["path"].lstrip("/").replace("/", "_")
        path.write_text(SECRET, "utf-8")
        return f"{match['before']}{path}"

    config = folder / "heliograph.toml"
    config.write_text(re.sub(r'(?P<before>\w*_file = ")(?P<path>/run/[^"]+)', here, toml), "utf-8")
    for name, value in variables.items():
        moved = re.sub(r"(?P<before>^)(?P<path>/run/.+)", here, value) if name.endswith("_FILE") else value
        monkeypatch.setenv(name, str(config) if name == "HELIOGRAPH_CONFIG" else moved)
    settings = load_settings()
    assert settings.file == config or "HELIOGRAPH_CONFIG" not in variables
    build_channels(settings.channels, Tools())
    return settings


def files_named(toml: str) -> Iterator[str]:
    """Yield the files that settings name."""

    def walk(value: object) -> Iterator[str]:
        if isinstance(value, Mapping):
            for key, inner in value.items():
                if isinstance(inner, str) and str(key).endswith("_file"):
                    yield inner
                yield from walk(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from walk(inner)

    yield from walk(tomllib.loads(toml))
