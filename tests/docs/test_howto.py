"""Examples of the how-tos and of README.md: parsed by the program's own parser, loaded by its loaders, or run."""

from __future__ import annotations

import json
import re
import shlex
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest
import typer
from tests.docs.blocks import ROOT, blocks, pages

from heliograph.alert.channels import Tools, build_channels, build_policies
from heliograph.alert.deliver import send_now
from heliograph.alert.format import sample_alert
from heliograph.alert.port import NotDelivered
from heliograph.assembly.doctor_stores import GROUPS
from heliograph.cli import build_app
from heliograph.cli.feeds import Status
from heliograph.compose import SERVICES, world
from heliograph.core.event import ARTICLES
from heliograph.detect.examples import run_examples
from heliograph.detect.files import defaults_folder, load_definitions
from heliograph.errors import SettingsError
from heliograph.eventlog.kafka_topics import declared
from heliograph.eventlog.port import Entry
from heliograph.fetch.decide import Reason
from heliograph.fetch.sources import load
from heliograph.query.parse import parse
from heliograph.settings import load_settings

HOWTO = "docs/howto"
# Fragments of a file; the page's own test, tests/alert/test_howto.py, knows what they stand in.
FRAGMENTS = frozenset({f"{HOWTO}/receive-webhooks.md"})
QUERY_AT = {("search",): 0, ("query", "explain"): 0}


def cases(language: str, *, skip: frozenset[str] = frozenset()) -> list[Any]:
    return [
        pytest.param(block, id=f"{page}-{number}")
        for page in pages()
        if page not in skip
        for number, block in enumerate(blocks(page, language))
    ]


def lines() -> Iterator[Any]:
    """Every command in a block of shell, with the page that it stands on."""
    for page in pages():
        for block in blocks(page, "sh"):
            for number, line in enumerate(block.replace("\\\n", " ").splitlines()):
                if words := shlex.split(line, comments=True):
                    yield pytest.param(words, id=f"{page}-{number}-{words[0]}")


def program_words(words: list[str]) -> list[str] | None:
    """Return what is handed to heliograph in a command line, None where it calls something else."""
    if "|" in words:
        words = words[words.index("|") + 1 :]
    while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
        words = words[1:]
    if ">" in words:
        words = words[: words.index(">")]
    return words[1:] if words and words[0] == "heliograph" else None


def parsed(words: list[str]) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Return the verb's words and its parameters. Raises what the parser does for words that it does not take."""
    command: Any = typer.main.get_command(build_app())
    verb: tuple[str, ...] = ()
    while hasattr(command, "commands"):
        assert words, f"{' '.join(verb)} needs a verb"
        assert words[0] in command.commands, f"no verb {words[0]!r}"
        verb, command, words = (*verb, words[0]), command.commands[words[0]], words[1:]
    return verb, command.make_context(verb[-1], list(words)).params


@pytest.mark.parametrize("words", list(lines()))
def test_every_command_is_one_that_the_program_takes(words: list[str]) -> None:
    if words[0] == "make":
        targets = re.findall(r"^([a-z-]+(?: [a-z-]+)*):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
        assert words[1] in " ".join(targets).split()
        return
    if (given := program_words(words)) is None:
        # What docker, kubectl and sudo are told is looked at in tests/deploy/test_howto.py.
        known = ("curl", "tar", "python3", "cat", "docker", "kubectl", "sudo")
        assert words[0] in (*known, "-X", "http://127.0.0.1:8477/api/v1/feeds")
        return
    verb, params = parsed(given)
    if verb in QUERY_AT:
        terms = load_definitions([defaults_folder()]).terms
        example = {"sea-cable": terms["black-sea"]}
        parse(params["query"], concepts={**terms, **example}, now=datetime.now(UTC))


def test_a_command_that_is_wrong_would_be_found() -> None:
    with pytest.raises(AssertionError, match="no verb"):
        parsed(["feeds", "subscribe", "https://example.org"])
    with pytest.raises(Exception, match="No such option"):
        parsed(["feeds", "list", "--colour"])


@pytest.mark.parametrize("text", cases("toml", skip=FRAGMENTS))
def test_every_settings_example_is_accepted(text: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("whsec_aGVsaW9ncmFwaC1leGFtcGxlLXNlY3JldC0wMQ==\n")
    file = tmp_path / "heliograph.toml"
    file.write_text(re.sub(r'(secret|password)_file = ".*"', rf'\1_file = "{secret}"', text), "utf-8")
    settings = load_settings(file)
    channels = build_channels(settings.channels, Tools())
    tables = [policy.model_dump() for policy in settings.policies]
    build_policies(tables, channels=channels, parse=lambda query: parse(query, now=datetime.now(UTC)))


@pytest.mark.parametrize("page", [page for page in pages() if page.startswith(HOWTO)])
def test_every_yaml_example_is_taken_by_its_loader_and_its_examples_hold(page: str, tmp_path: Path) -> None:
    for text in blocks(page, "yaml"):
        name = text.splitlines()[0].removeprefix("# ")
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, "utf-8")
        if name == "sources.yaml":
            assert load(text, name)
    found = load_definitions([defaults_folder(), tmp_path]).strict()
    for path in tmp_path.glob("topics/*.yaml"):
        results = run_examples(found.topics[path.stem], found.compiled[path.stem])
        assert len(results) > 3
        assert [result.example.text for result in results if not result.passed] == []


def module(code: str) -> ModuleType:
    made = ModuleType("example")
    sys.modules["example"] = made  # msgspec resolves annotations by the module's name
    exec(compile(code, "example", "exec"), made.__dict__)
    return made


def test_the_notifier_shown_is_one(tmp_path: Path) -> None:
    [code] = blocks(f"{HOWTO}/add-a-notifier.md", "python")
    shown = module(code)
    given = {key: value for key, value in shown.EXAMPLE.items() if key not in ("name", "type")}
    options = msgspec.convert({**given, "path": str(tmp_path / "alerts.jsonl")}, shown.Options)
    assert {field.name for field in msgspec.structs.fields(shown.Options)} == set(given)
    notifier, alert = shown.create("archive", options, Tools()), sample_alert("archive", datetime.now(UTC))
    for _ in range(2):
        send_now(notifier, alert)
    kept = (tmp_path / "alerts.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line)["data"]["alert"] for line in kept] == [alert.id] * 2
    with pytest.raises(NotDelivered, match="channel archive: "):
        send_now(shown.create("archive", shown.Options(path=str(tmp_path)), Tools()), alert)
    with pytest.raises(SettingsError, match="`path`"):
        shown.create("archive", shown.Options(path=""), Tools())


def test_a_backup_of_a_running_installation_is_whole(tmp_path: Path) -> None:
    [code] = blocks(f"{HOWTO}/back-up-and-restore.md", "python")
    live = world(load_settings(None, {"data": tmp_path / "live", "sources": "none"}))
    live.log.append(ARTICLES, [Entry(f"e{number}", "k", b"{}") for number in range(500)])
    assert not live.ledger.feeds()
    assert not live.alerts.known(["none"])
    module(code).back_up(tmp_path / "live", tmp_path / "copy")
    live.log.append(ARTICLES, [Entry("later", "k", b"{}")])
    live.close()
    copy = world(load_settings(None, {"data": tmp_path / "copy", "sources": "none"}))
    assert len(list(copy.log.scan(ARTICLES))) == 500
    copy.close()
    for name in ("log", "ledger", "alerts"):
        with closing(sqlite3.connect(tmp_path / "copy" / f"{name}.sqlite")) as database:
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_the_backup_page_names_all_that_lies_in_the_data_folder(tmp_path: Path) -> None:
    page = (ROOT / HOWTO / "back-up-and-restore.md").read_text("utf-8")
    here = world(load_settings(None, {"data": tmp_path, "sources": "none"}), writes_index=True)
    _ = here.log, here.ledger, here.alerts, here.index("flagged"), here.index("archive")
    made = {path.name for path in tmp_path.iterdir() if path.is_file()} | {"index/flagged", "index/archive"}
    here.close()
    for name in made:
        if not name.endswith(("-wal", "-shm")):
            assert f"`{name}`" in page


def test_the_growing_page_tells_every_service_what_it_reads_and_how_far_it_is_shared() -> None:
    page = (ROOT / HOWTO / "grow-to-the-distributed-tier.md").read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| (.*?) \|", page.split("| Service |")[1].split("\n\n")[0], re.MULTILINE)
    assert [name for name, _, _ in rows] == list(SERVICES)
    shares = {topic: spec.partitions for topic, spec in declared().items()}
    told = {name: dict(re.findall(r"`([\w-]+)`, (\d+)", reads)) for name, reads, _ in rows}
    assert {topic: int(count) for topics in told.values() for topic, count in topics.items()} == {
        topic: shares[topic] for topics in told.values() for topic in topics
    }
    for group, topic in GROUPS:
        assert topic in told[group.partition("-")[0]], f"{group} reads {topic}"


def test_the_ledger_page_tells_every_status_and_every_reason() -> None:
    page = (ROOT / HOWTO / "read-the-ledger.md").read_text("utf-8")
    statuses, reasons = page.split("## Why the next poll")
    assert set(re.findall(r"^\| `([\w-]+)` \|", statuses, re.MULTILINE)) == {status.value for status in Status}
    told = re.findall(r"^\| `([\w-]+)` \|", reasons, re.MULTILINE)
    assert told == [reason.value for reason in Reason]


def test_the_queries_of_the_reading_page_mean_something() -> None:
    page = (ROOT / HOWTO / "search-and-read.md").read_text("utf-8")
    rows = page.split("| to find | write |")[1].split("\n\n")[0]
    queries = re.findall(r"`([^`]+)`", rows)
    assert len(queries) > 8
    terms = load_definitions([defaults_folder()]).terms
    for query in queries:
        parse(query, concepts=terms, now=datetime.now(UTC))
