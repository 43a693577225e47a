"""The laws of imports: the contracts of pyproject.toml hold, and what is loaded late is loaded late."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = {"fetch", "parse", "eventlog", "detect", "stories", "index", "alert", "web", "demo"}
NEITHER_ROOM_NOR_LAYER = {"defaults", "_schemas"}  # data, no modules

BLOCK = """
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("kafka", "faust", "elasticsearch", "trafilatura", "apprise"):
            raise ImportError(f"{name} is not installed")
sys.meta_path.insert(0, Block())
"""


def _contracts() -> dict[str, dict[str, Any]]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    return {contract["id"]: contract for contract in settings["tool"]["importlinter"]["contracts"]}


def test_every_contract_is_kept() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert f"{len(_contracts())} kept, 0 broken" in done.stdout


def test_a_broken_law_is_found(tmp_path: Path) -> None:
    package = tmp_path / "heliograph"
    (package / "core").mkdir(parents=True)
    for name in ("__init__.py", "core/__init__.py"):
        (package / name).touch()
    (package / "core" / "ids.py").write_text("import socket\n")
    settings = ROOT / "pyproject.toml"
    pure = settings.read_text("utf-8").split('id = "pure"')[1].split("forbidden_modules")[1].split("]")[0]
    (tmp_path / "laws.toml").write_text(
        '[tool.importlinter]\nroot_package = "heliograph"\ninclude_external_packages = true\n'
        f'[[tool.importlinter.contracts]]\nid = "pure"\nname = "pure"\ntype = "forbidden"\n'
        f'source_modules = ["heliograph.core"]\nforbidden_modules{pure}]\n'
    )
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--config", "laws.toml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "heliograph.core is not allowed to import socket" in done.stdout


def test_every_room_is_under_the_law_of_independence() -> None:
    assert {name.rpartition(".")[2] for name in _contracts()["rooms"]["modules"]} == ROOMS | {"settings"}


def test_every_folder_of_the_package_has_its_place_in_the_layers() -> None:
    folders = {path.name for path in (ROOT / "services" / "heliograph").iterdir() if path.is_dir()}
    layers = " ".join(_contracts()["inwards"]["layers"])
    assert {name for name in folders if not name.startswith("__")} - NEITHER_ROOM_NOR_LAYER <= set(layers.split())


@pytest.mark.parametrize("module", ["heliograph", "heliograph.core", "heliograph.query.parse", "heliograph.cli"])
def test_importing_loads_nothing_heavy(module: str, fresh: Callable[[str], str]) -> None:
    loaded = set(json.loads(fresh(f"import json, {module}; print(json.dumps(sorted(sys.modules)))")))
    assert module in loaded
    heavy = {"aiohttp", "feedparser", "feedparser_rs", "jinja2", "nh3", "sqlite3", "starlette", "tantivy", "uvicorn"}
    assert not loaded & heavy


def test_the_command_line_is_built_without_the_engine_and_the_web(fresh: Callable[[str], str]) -> None:
    code = "import json\nfrom heliograph.cli import build_app\nbuild_app()\nprint(json.dumps(sorted(sys.modules)))"
    loaded = set(json.loads(fresh(code)))
    assert not loaded & {"aiohttp", "feedparser", "feedparser_rs", "jinja2", "nh3", "starlette", "tantivy", "uvicorn"}


def test_core_loads_nothing_but_the_standard_library_and_msgspec(fresh: Callable[[str], str]) -> None:
    code = (
        "import json, pkgutil, importlib\nbefore = set(sys.modules)\nimport heliograph.core\n"
        "for found in pkgutil.iter_modules(heliograph.core.__path__, 'heliograph.core.'):\n"
        "    importlib.import_module(found.name)\n"
        "tops = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(json.dumps(sorted(tops - set(sys.stdlib_module_names))))"
    )
    assert set(json.loads(fresh(code))) <= {"heliograph", "msgspec", "typing_extensions"}


def test_the_embedded_tier_runs_without_the_clients_of_the_distributed_one(fresh: Callable[[str], str]) -> None:
    code = f"""{BLOCK}
from heliograph.compose import program
from heliograph.settings import load_settings
flags = {{"data": "var", "sources": "none", "web": {{"port": 0}}, "logs": {{"level": "error"}}}}
running = program(load_settings(None, flags))
running.start()
try:
    assert running.url.startswith("http://127.0.0.1:"), running.url
finally:
    running.stop()
print("ran")
"""
    assert fresh(code).endswith("ran\n")


def test_no_module_works_at_import(fresh: Callable[[str], str]) -> None:
    code = """
import importlib, os, pkgutil, threading
import heliograph
acts = []

def watch(event, given):
    if event in ("socket.connect", "socket.bind", "sqlite3.connect", "subprocess.Popen", "os.mkdir"):
        acts.append((event, str(given)))
    if event == "open" and isinstance(given[2], int) and given[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        if not str(given[0]).endswith(("/dev/null",)) and "__pycache__" not in str(given[0]):
            acts.append((event, str(given)))

sys.dont_write_bytecode = True
for found in pkgutil.walk_packages(heliograph.__path__, "heliograph."):
    if found.name in ("heliograph.__main__", "heliograph.demo.__main__"):
        continue
    importlib.import_module(found.name)
# Third-party packages have been loaded by now; ours are imported once more, and watched.
ours = [name for name in sys.modules if name.partition(".")[0] == "heliograph"]
for name in ours:
    del sys.modules[name]
sys.addaudithook(watch)
for name in ours:
    importlib.import_module(name)
print(len(ours), threading.active_count(), acts)
"""
    count, threads, acts = fresh(code).split(" ", 2)
    assert int(count) > 100
    assert (int(threads), acts.strip()) == (1, "[]")
