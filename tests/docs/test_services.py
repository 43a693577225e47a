"""services/README.md and schemas/asyncapi.yaml say what compose.py does."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from tests.docs.pages_code import CARRIES, tag_of
from tests.docs.pages_use import commands

from heliograph import __version__
from heliograph.compose import SERVICES, steps, world
from heliograph.core.event import ARTICLES, DEAD_LETTERS, LOG_TOPICS
from heliograph.settings import load_settings

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "services" / "README.md").read_text("utf-8")
SCHEMAS = ROOT / "schemas"
ASYNC: dict[str, Any] = yaml.safe_load((SCHEMAS / "asyncapi.yaml").read_text("utf-8"))
# Ingest brings events in: it is a task beside the steps.
BROUGHT_IN = {("ingest", "send", ARTICLES), ("ingest", "send", DEAD_LETTERS)}


@pytest.fixture(scope="module")
def wired(tmp_path_factory: pytest.TempPathFactory) -> Iterator[set[tuple[str, str, str]]]:
    """Give (service, receive or send, topic), as compose.py wires them."""
    here = world(load_settings(None, {"data": tmp_path_factory.mktemp("data")}), writes_index=True)
    found = set(BROUGHT_IN)
    for service, made in steps(here).items():
        for step in made():
            found.add((service, "receive", step.source))
            found |= {(service, "send", step.sink)} if step.sink else set()
    yield found
    here.close()


def rows() -> dict[str, dict[str, str]]:
    """Return the table of services: service -> column -> cell."""
    lines = [line for line in README.splitlines() if line.startswith("|")]
    heads, _, *body = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines[: len(SERVICES) + 2])
    return {line[0].strip("`"): dict(zip(heads, line, strict=True)) for line in body}


def named(cell: str) -> set[str]:
    return set(re.findall(r"`([^`]+)`", cell))


def test_the_table_has_every_service_in_the_order_of_the_stream() -> None:
    assert tuple(rows()) == SERVICES


@pytest.mark.parametrize("service", SERVICES)
def test_the_topics_in_the_table_are_those_that_are_wired(service: str, wired: set[tuple[str, str, str]]) -> None:
    row = rows()[service]
    assert named(row["Reads"]) == {topic for name, action, topic in wired if (name, action) == (service, "receive")}
    assert named(row["Writes"]) == {topic for name, action, topic in wired if (name, action) == (service, "send")}


@pytest.mark.parametrize("service", SERVICES)
def test_the_command_in_the_table_starts_that_service_and_the_rooms_are_rooms(service: str) -> None:
    words = rows()[service]["Command"].strip("`").split()
    (run,) = [command for path, command in commands() if path == tuple(words[:2])]
    assert run.make_context("run", words[2:]).params["services"] == [service]
    for room in named(rows()[service]["Rooms"]):
        assert (ROOT / "services" / "heliograph" / room / "__init__.py").is_file()


def test_the_map_names_everything_at_the_top_of_the_package() -> None:
    drawn = README.split("```text\n")[1].split("```")[0]
    package = ROOT / "services" / "heliograph"
    names = {path.name for path in package.iterdir() if path.is_dir() or path.suffix == ".py"}
    for name in names - {"__init__.py", "__main__.py", "__pycache__", "_schemas"}:
        assert re.search(rf"\b{re.escape(name)}(/|\b)", drawn), f"{name} is not on the map"


def test_the_channels_are_the_topics_in_use(wired: set[tuple[str, str, str]]) -> None:
    in_use = {topic for _, _, topic in wired}
    assert set(ASYNC["channels"]) == in_use == set(CARRIES)
    assert in_use <= set(LOG_TOPICS)
    for name, channel in ASYNC["channels"].items():
        assert channel["address"] == name
        assert list(channel["messages"]) == [tag_of(CARRIES[name])]


def test_the_operations_are_what_is_wired(wired: set[tuple[str, str, str]]) -> None:
    told = set()
    for name, operation in ASYNC["operations"].items():
        topic = operation["channel"]["$ref"].removeprefix("#/channels/")
        assert name.partition(".")[2] == topic
        told.add((name.partition(".")[0], operation["action"], topic))
    assert told == wired


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        node = list(node.values())
    if isinstance(node, list):
        for value in node:
            yield from references(value)


@pytest.mark.parametrize("reference", sorted(set(references(ASYNC))))
def test_every_reference_leads_somewhere(reference: str) -> None:
    file, _, pointer = reference.partition("#")
    node: Any = json.loads((SCHEMAS / file).read_text("utf-8")) if file else ASYNC
    for part in pointer.strip("/").split("/") if pointer else ():
        node = node[part]
    assert node
    if file:
        Draft202012Validator.check_schema(node)


def test_each_message_refers_to_the_schema_of_its_own_payload() -> None:
    for name, message in ASYNC["components"]["messages"].items():
        assert message["name"] == name
        assert message["payload"]["schema"]["$ref"] == f"./events/{name}.schema.json"


def test_the_description_is_of_this_release() -> None:
    assert (ASYNC["asyncapi"], ASYNC["info"]["version"]) == ("3.0.0", __version__)


def test_the_list_of_schemas_is_complete() -> None:
    told = named(
        "\n".join(line for line in (SCHEMAS / "README.md").read_text("utf-8").splitlines() if line[:3] == "| `")
    )
    there = {path.relative_to(SCHEMAS).as_posix() for path in SCHEMAS.rglob("*.*") if path.name != "README.md"}
    assert there <= told
