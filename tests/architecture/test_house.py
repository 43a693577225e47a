"""The house: rooms with the same furniture, files that can be read in one sitting, small ports."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "services" / "heliograph"
LONGEST = 400
ARGUED = 300
NEAR = 280  # below, a file has shrunk for good
# Files longer than ARGUED, each with its reason.
REASONS = {
    "services/heliograph/runtime/sandbox.py": "one protocol between two processes: parent and child are read together",
    "services/heliograph/settings.py": "every key that can be set, in one file, with its words for the reference",
    "tests/alert/test_deliver.py": "one deliverer against real receivers: its claims share the servers",
    "tests/contract/test_history.py": "one contract suite for one port with two adapters",
}
TOP = {
    *("services", "deploy", "schemas", "tests", "docs", ".ci"),
    *("Makefile", "README.md", "pyproject.toml", "CHANGELOG.md", "LICENSE"),
}
ROOMS = (
    *("fetch", "parse", "eventlog", "detect", "stories", "index", "alert", "web"),
    *("runtime", "demo", "query", "core", "assembly"),
)
# What a room lacks of port.py, decide.py and stage.py, and why.
LACKS = {
    "fetch": {},
    "parse": {"decide.py": "pure throughout", "stage.py": "called by fetch, through a child process"},
    "eventlog": {"decide.py": "stores what it is given", "stage.py": "what stages stand on"},
    "detect": {"port.py": "needs no neighbour: topics are handed in", "decide.py": "engine.py is its pure part"},
    "stories": {},
    "index": {},
    "alert": {},
    "web": {"stage.py": "reads what stages wrote; its glue is app.py"},
}
PYTHON = sorted(path for folder in ("services", "tests") for path in (ROOT / folder).rglob("*.py"))
NAMES = [path.relative_to(ROOT).as_posix() for path in PYTHON]


@pytest.mark.parametrize("name", NAMES)
def test_a_file_can_be_read_in_one_sitting(name: str) -> None:
    lines = (ROOT / name).read_text("utf-8").count("\n")
    assert lines <= LONGEST, f"{name} has {lines} lines: split it"
    assert lines <= ARGUED or name in REASONS, f"{name} has {lines} lines: split it, or argue in REASONS"


def test_no_reason_outlives_its_file() -> None:
    for name in REASONS:
        assert (ROOT / name).read_text("utf-8").count("\n") > NEAR, f"{name} needs no reason any more"


def test_the_top_level_is_the_one_agreed(tracked: list[Path]) -> None:
    found = {path.relative_to(ROOT).parts[0] for path in tracked}
    assert {name for name in found if not name.startswith(".")} <= TOP
    assert found | {".ci"} >= TOP


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_opens_with_a_tour_that_names_each_of_its_files(room: str) -> None:
    tour = ast.get_docstring(ast.parse((PACKAGE / room / "__init__.py").read_text("utf-8"))) or ""
    assert tour.split("\n")[0].endswith((".", ":")), f"{room}: the first sentence is no sentence"
    files = {path.name for path in (PACKAGE / room).glob("*.py")} - {"__init__.py"}
    missing = sorted(name for name in files if name not in tour)
    assert not missing, f"{room}: its tour leaves out {', '.join(missing)}"
    gone = {name for name in re.findall(r"\b\w+\.py\b", tour) if not _there(room, name)}
    assert not gone, f"{room}: its tour names {', '.join(gone)}"


def _there(room: str, name: str) -> bool:
    return any((folder / name).is_file() for folder in (PACKAGE / room, PACKAGE))


@pytest.mark.parametrize("room", sorted(LACKS))
def test_rooms_have_the_same_furniture(room: str) -> None:
    wanted = {"__init__.py", "port.py", "decide.py", "stage.py"} - set(LACKS[room])
    there = {path.name for path in (PACKAGE / room).glob("*.py")}
    assert wanted <= there
    assert not set(LACKS[room]) & there, "it is there after all: take it out of LACKS"


# What the types of a port may come from.
NOUNS = {"__future__", "collections", "dataclasses", "datetime", "enum", "typing", "msgspec", "heliograph"}
PORTS = sorted(PACKAGE.glob("*/port.py"))


@pytest.mark.parametrize("path", PORTS, ids=lambda path: path.parent.name)
def test_a_port_is_small_and_tells_its_promises(path: Path) -> None:
    for node in ast.parse(path.read_text("utf-8")).body:
        if not isinstance(node, ast.ClassDef):
            continue
        assert ast.get_docstring(node), f"{node.name} has no docstring"
        if any(isinstance(base, ast.Name) and base.id == "Protocol" for base in node.bases):
            methods = [part.name for part in node.body if isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef))]
            # Whoever opens a thing closes it: that is no part of what the port does.
            assert len([name for name in methods if name != "close"]) <= 5, f"{node.name}: {methods}"


@pytest.mark.parametrize("path", PORTS, ids=lambda path: path.parent.name)
def test_no_client_type_crosses_a_port(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        for name in names:
            top = name.partition(".")[0]
            allowed = (
                "__future__",
                "collections",
                "dataclasses",
                "datetime",
                "enum",
                "typing",
                "msgspec",
                "heliograph",
            )
            assert top in allowed, f"{path.parent.name}/port.py imports {name}"
