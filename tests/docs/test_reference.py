"""The generated reference is up to date, and there is nothing that the code leaves undocumented."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import generate_latest
from starlette.routing import Route
from tests.docs import generate
from tests.docs.markdown import NOTE
from tests.docs.pages_code import CARRIES, error_tree, families, tag_of
from tests.docs.pages_use import as_toml, commands, sections, variable
from tests.docs.pages_web import PAGES

from heliograph.core import event
from heliograph.runtime.metrics import Metrics
from heliograph.settings import PolicySettings, Settings, load_settings
from heliograph.web.desk import Desk
from heliograph.web.pages import Pages

REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "reference"
RELIED_ON = (
    *("data", "tier", "web.host", "web.port", "fetch.allow_networks", "fetch.poll_min", "fetch.poll_max"),
    *("kafka.bootstrap", "elasticsearch.url", "channels", "policies"),
)
COMMANDS = [(" ".join(words), command) for words, command in commands()]
FIELDS = [(f"{name}.{key}".lstrip("."), f) for name, m in sections().items() for key, f in m.model_fields.items()]


@pytest.mark.parametrize("name", sorted(generate.pages()))
def test_the_page_is_what_the_code_says_now(name: str) -> None:
    path = REFERENCE / name
    assert path.read_text("utf-8") == generate.rendered()[path], f"run `{generate.COMMAND}`"
    assert path.read_text("utf-8").startswith(NOTE)


@pytest.mark.parametrize("columns", ["20", "300"])
def test_the_pages_do_not_depend_on_the_terminal(columns: str) -> None:
    script = Path(generate.__file__)
    environment = {**os.environ, "COLUMNS": columns, "FORCE_COLOR": "1", "LANG": "C"}  # noqa: TID251 - for a child process
    done = subprocess.run(
        [sys.executable, script, "--check"], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(("words", "command"), COMMANDS, ids=[words for words, _ in COMMANDS])
def test_every_verb_and_every_option_has_help(words: str, command: Any) -> None:
    assert command.help, f"{words} has no docstring"
    assert command.help.splitlines()[0].endswith((".", "…", ")")) or ";" in command.help
    for one in command.params:
        assert one.help, f"{words}: {one.name} has no help"


@pytest.mark.parametrize(("key", "field"), FIELDS, ids=[key for key, _ in FIELDS])
def test_every_setting_is_described(key: str, field: Any) -> None:
    if key in sections():
        assert sections()[key].__doc__, f"[{key}] has no docstring"
    else:
        assert field.description, f"{key} has no description"
        assert field.description.endswith("."), key


@pytest.mark.parametrize("key", sorted(PolicySettings.model_fields))
def test_every_key_of_a_policy_is_described(key: str) -> None:
    assert PolicySettings.model_fields[key].description


@pytest.mark.parametrize("key", RELIED_ON)
def test_the_keys_that_others_rely_on_are_there(key: str) -> None:
    section, _, name = key.rpartition(".")
    assert name in sections()[section].model_fields
    page = (REFERENCE / "settings.md").read_text("utf-8")
    assert variable(section, name) in page or f"## `[[{name}]]`" in page


def test_the_defaults_told_are_those_in_force_and_can_be_written_so(tmp_path: Path) -> None:
    lines: list[str] = []
    for name, model in sections().items():
        lines += [f"[{name}]"] if name else []
        for key, field in model.model_fields.items():
            if key not in sections():
                lines.append(f"{key} = {as_toml(field.default)}")
    file = tmp_path / "heliograph.toml"
    file.write_text("\n".join(lines))
    assert load_settings(file).model_dump() == Settings().model_dump()
    assert len(tomllib.loads(file.read_text())) > 8


@pytest.mark.parametrize(
    ("value", "written"),
    [(timedelta(seconds=90), '"90s"'), (timedelta(hours=24), '"1d"'), (timedelta(0), '"0s"'), (True, "true")],
)
def test_values_are_written_as_the_file_has_them(value: object, written: str) -> None:
    assert as_toml(value) == written


def test_every_metric_that_is_exposed_is_on_the_page_with_help() -> None:
    page = (REFERENCE / "metrics.md").read_text("utf-8")
    told = [line.split() for line in generate_latest(Metrics().registry).decode().splitlines()]
    exposed = [words[2] for words in told if words[1] == "HELP" and not words[2].endswith("_created")]
    assert len(exposed) > 15
    for name in exposed:
        assert f"| `{name}` |" in page
    for name, _, _, text in families():
        assert text.endswith("."), name


def test_every_event_and_every_topic_of_the_log_is_on_the_page() -> None:
    page = (REFERENCE / "events.md").read_text("utf-8")
    for topic in event.LOG_TOPICS:
        assert f"`{topic}`" in page
    for kind in CARRIES.values():
        assert f"## {kind.__name__} (`{tag_of(kind)}`)" in page


def test_the_error_tree_drawn_is_the_tree_there_is() -> None:
    page = (REFERENCE / "errors.md").read_text("utf-8")
    drawn = page.split("```text\n")[1].split("```")[0].splitlines()
    assert [line.lstrip("|`- ").split()[0] for line in drawn] == [kind.__name__ for kind in error_tree()]
    depths = [(len(line) - len(line.lstrip("|`- "))) // 4 for line in drawn]
    assert depths == [len(kind.__mro__) - len(error_tree()[0].__mro__) for kind in error_tree()]


def test_every_page_for_people_is_listed() -> None:
    # Only the paths are asked for: no handler runs, so neither needs what it would work with.
    routes = [*Pages.routes(object.__new__(Pages)), *Desk.routes(object.__new__(Desk))]
    shown = {route.path for route in routes if isinstance(route, Route) and "GET" in (route.methods or ())}
    assert set(PAGES) == shown
