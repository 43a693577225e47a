"""The page on deploying: its commands name files, profiles, services and objects that there are."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from tests.deploy.manifests import Built, of
from tests.deploy.parts import DEPLOY, ROOT, compose
from tests.docs.blocks import blocks

PAGE = "docs/howto/deploy.md"
FILE = compose()
KINDS = {"statefulset": "StatefulSet", "deployment": "Deployment", "service": "Service"}


def lines(program: str) -> list[list[str]]:
    """Return the command lines of a program, `sudo` and continuations left out."""
    text = "\n".join(blocks(PAGE, "sh")).replace("\\\n", " ")
    found = [shlex.split(line, comments=True) for line in text.splitlines()]
    bare = [words[1:] if words[:1] == ["sudo"] else words for words in found]
    return [words for words in bare if words and words[0] == program]


def after(words: list[str], flag: str) -> list[str]:
    return [words[place + 1] for place, word in enumerate(words) if word == flag]


def files(words: list[str]) -> list[str]:
    """Return the words that name files of ours."""
    return [word.rpartition("=")[2] for word in words if re.match(r"(\w+=)?deploy/", word)]


@pytest.mark.parametrize("program", ["docker", "kubectl", "install", "python3", "/opt/heliograph/bin/pip"])
def test_every_file_of_ours_that_a_command_names_is_there(program: str) -> None:
    assert lines(program)
    for words in lines(program):
        for name in files(words):
            made = name.startswith("deploy/secrets/")
            assert made or (ROOT / name).exists(), name
            assert not made or f"./{name.removeprefix('deploy/')}" in {one["file"] for one in FILE["secrets"].values()}


def test_compose_is_told_profiles_and_services_that_it_knows() -> None:
    told = [words for words in lines("docker") if words[1] == "compose"]
    assert len(told) > 4
    for words in told:
        assert after(words, "--file") == ["deploy/compose.yaml"]
        [profile] = after(words, "--profile")
        started = {name for name, one in FILE["services"].items() if profile in one["profiles"]}
        assert started, profile
        named = [word.partition("=")[0] for word in after(words, "--scale")] + after(words, "exec")
        named += [words[-1]] if "logs" in words else []
        assert set(named) <= started
        assert {*after(words, "--rm")} <= {
            name for name, one in FILE["services"].items() if one["profiles"] == ["by-hand"]
        }
        for name in after(words, "--scale"):
            # Two containers cannot have one port of the machine.
            assert "ports" not in FILE["services"][name.partition("=")[0]]


def test_the_image_is_built_as_the_overlays_and_compose_name_it(built: Built) -> None:
    tags = {tag for words in lines("docker") if words[1] == "build" for tag in after(words, "--tag")}
    used = {FILE["services"]["heliograph"]["image"]}
    for overlay in ("embedded", "distributed", "dev"):
        for one in of(built(overlay), "StatefulSet", "Deployment").values():
            images = {container["image"] for container in one["spec"]["template"]["spec"]["containers"]}
            used |= {image for image in images if image.startswith("heliograph:")}
    assert tags == used


def test_kubectl_is_told_overlays_and_objects_that_there_are(built: Built) -> None:
    overlays = {Path(name).name for words in lines("kubectl") for name in after(words, "--kustomize")}
    assert overlays == {"embedded", "distributed", "dev"}
    everything = [one for overlay in overlays for one in built(overlay)]
    for words in lines("kubectl"):
        assert {*after(words, "--namespace")} <= {"heliograph"}
        for kind, _, name in (word.partition("/") for word in words if word.partition("/")[0] in KINDS):
            assert name in of(everything, KINDS[kind]), f"{kind}/{name}"
        for port in (word for word in words if re.fullmatch(r"\d+:\d+", word)):
            assert [one["port"] for one in of(everything, "Service")["pages"]["spec"]["ports"]] == [
                int(port.split(":")[1])
            ]


def test_what_the_pods_ask_for_by_name_is_what_the_page_makes(built: Built) -> None:
    made: dict[str, set[str]] = {}
    for words in lines("kubectl"):
        if "create" in words:
            keys = {
                value.partition("=")[0] for flag in ("--from-literal", "--from-file") for value in after(words, flag)
            }
            made[next(word for word in words if word.startswith("heliograph-"))] = keys
    for one in of(built("distributed"), "StatefulSet", "Deployment").values():
        for volume in one["spec"]["template"]["spec"]["volumes"]:
            secret, config = volume.get("secret", {}), volume.get("configMap", {})
            name = secret.get("secretName") or config.get("name", "")
            if name in made:
                assert {item["key"] for item in secret.get("items", [])} <= made[name]
            elif name.startswith("heliograph-") and not re.fullmatch(
                "heliograph-(config-.+|es-http-certs-public)", name
            ):
                assert volume.get("secret", config).get("optional"), f"nothing makes {name}"
    assert made["heliograph-elasticsearch-user"] == {"username", "password", "roles"}


def test_the_override_that_is_shown_is_of_a_service_and_networks_that_there_are() -> None:
    [text] = blocks(PAGE, "yaml")
    for name, changed in yaml.safe_load(text)["services"].items():
        assert {*changed["networks"]} - {*FILE["services"][name]["networks"]} == {"outside"}
        assert {*changed["networks"]} <= {*FILE["networks"]}


def test_the_memory_told_is_that_of_the_limits() -> None:
    limits = [
        one["deploy"]["resources"]["limits"]["memory"]
        for one in FILE["services"].values()
        if "distributed" in one["profiles"] and one["restart"] != "no"
    ]
    total = sum(int(text[:-1]) * {"m": 1, "g": 1024}[text[-1]] for text in limits) / 1024
    [told] = re.findall(r"add up to (\d+) GB", (ROOT / PAGE).read_text("utf-8"))
    assert total <= int(told) < total + 1.5


def test_the_unit_is_installed_where_it_looks_for_its_program_and_its_settings() -> None:
    unit = (DEPLOY / "systemd/heliograph.service").read_text("utf-8")
    [environment] = [words[-1] for words in lines("python3") if "venv" in words]
    assert f"ExecStart={environment}/bin/heliograph run --config /etc/heliograph/heliograph.toml" in unit
    targets = {words[-1] for words in lines("install")}
    assert targets == {"/etc/heliograph/heliograph.toml", "/etc/systemd/system/heliograph.service"}
    assert lines("systemctl")[-1] == ["systemctl", "enable", "--now", "heliograph"]


def test_the_script_that_the_page_runs_is_the_one_that_makes_the_secrets(tmp_path: Path) -> None:
    [command] = {tuple(words) for words in lines("python3") if "venv" not in words}
    assert command == ("python3", "deploy/make_secrets.py")
    done = subprocess.run([sys.executable, *command[1:], tmp_path], cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == 0
