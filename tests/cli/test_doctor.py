"""`heliograph doctor`."""

from __future__ import annotations

import http.server
import sqlite3
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from heliograph.assembly.doctor_stores import GROUPS
from heliograph.compose import program, steps
from heliograph.core.event import DeadLetter
from heliograph.eventlog.port import Entry
from heliograph.eventlog.sqlite import SqliteLog
from heliograph.fetch.port import FeedState, Update
from heliograph.settings import load_settings

if TYPE_CHECKING:
    from tests.cli.conftest import Answer, Desk, Run, Site


@pytest.fixture(autouse=True)
def _own_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HELIOGRAPH_WEB__PORT", "0")


def findings(answer: Answer) -> Any:
    return {row["check"]: row for row in answer.json}


def look(hg: Run, *options: str) -> Any:
    return findings(hg("doctor", "--format", "json", *options))


def test_before_the_first_start_all_is_well_and_nothing_is_made(hg: Run, folder: Path) -> None:
    answer = hg("doctor", "--format", "json")
    assert answer.status == 0
    found = findings(answer)
    assert {row["status"] for row in found.values()} == {"ok"}
    assert "not started yet" in found["data folder"]["what"]
    assert found["event log"]["what"] == found["index archive"]["what"] == "not started yet"
    assert list(folder.iterdir()) == []


@pytest.mark.usefixtures("filled")
def test_a_filled_folder_is_well_and_counted(hg: Run) -> None:
    answer = hg("doctor", "--format", "json")
    found = findings(answer)
    assert answer.status == 0
    assert found["event log"]["what"] == "4 articles, 3 matches, 3 flagged, 0 dead-letters"
    assert found["index flagged"]["what"] == "3 articles"
    assert found["index archive"]["what"] == "4 articles"
    assert {found[f"step {group}"]["what"] for group, _ in GROUPS} == {"up to date"}
    assert "3 topics" in found["definitions"]["what"]


def test_every_group_of_the_pipeline_is_looked_at(filled: Desk) -> None:
    here = filled.open(writes_index=True)
    try:
        made = [step for service in steps(here).values() for step in service()]
        assert {(step.reader_group, step.source) for step in made} == set(GROUPS)
    finally:
        here.close()


def test_settings_that_are_wrong_are_a_finding(hg: Run, folder: Path) -> None:
    (folder / "heliograph.toml").write_text("[web]\nprot = 1\n", encoding="utf-8")
    answer = hg("doctor", "--format", "json")
    assert answer.status == 1
    (row,) = answer.json
    assert row["status"] == "fail"
    assert "did you mean 'port'" in row["what"]


def test_the_settings_file_that_was_read_is_named(hg: Run, folder: Path) -> None:
    (folder / "own.toml").write_text('[web]\nhost = "127.0.0.1"\n', encoding="utf-8")
    assert "own.toml" in look(hg, "--config", "own.toml")["settings"]["what"]


@pytest.mark.parametrize(
    ("file", "check"), [("log.sqlite", "event log"), ("ledger.sqlite", "ledger"), ("alerts.sqlite", "alert history")]
)
def test_a_damaged_store_fails_and_is_named(hg: Run, filled: Desk, file: str, check: str) -> None:
    hg("feeds", "list")
    for beside in filled.data.glob(f"{file}-*"):
        beside.unlink()
    (filled.data / file).write_bytes(b"SQLite format 3\x00" + b"\xa5" * 8192)
    answer = hg("doctor", "--format", "json")
    assert answer.status == 1
    assert findings(answer)[check]["status"] == "fail"
    assert file in findings(answer)[check]["what"]


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("log.sqlite", "replay --to detect"),
        ("ledger.sqlite", "feeds list"),
        ("alerts.sqlite", "alerts list"),
        ("alerts.sqlite", "alerts retry --failed"),
    ],
)
def test_a_verb_names_the_damaged_store_in_one_line(hg: Run, filled: Desk, file: str, words: str) -> None:
    for beside in filled.data.glob(f"{file}-*"):
        beside.unlink()
    (filled.data / file).write_bytes(b"SQLite format 3\x00" + b"\xa5" * 8192)
    answer = hg(*words.split())
    assert answer.status == 1
    assert file in answer.err
    assert len(answer.err.splitlines()) == 1


def test_a_page_of_a_store_that_was_overwritten_is_found(hg: Run, filled: Desk) -> None:
    path = filled.data / "log.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    data = bytearray(path.read_bytes())
    data[4096 + 8 : 4096 + 512] = b"\xff" * 504
    path.write_bytes(data)
    assert look(hg)["event log"]["status"] == "fail"


def test_an_index_that_was_lost_is_told_from_one_that_is_not_there_yet(hg: Run, filled: Desk) -> None:
    import shutil

    shutil.rmtree(filled.data / "index" / "flagged")
    row = look(hg)["index flagged"]
    assert row["status"] == "warn"
    assert "heliograph replay --to index" in row["to_do"]
    assert not (filled.data / "index" / "flagged").exists()


def test_an_index_of_another_layout_fails_with_its_own_advice(hg: Run, filled: Desk) -> None:
    (filled.data / "index" / "archive" / "heliograph-index.json").write_text('{"layout": 99}', encoding="utf-8")
    answer = hg("doctor", "--format", "json")
    assert answer.status == 1
    assert "layout 99" in findings(answer)["index"]["what"]


@pytest.mark.usefixtures("make")
def test_a_step_that_is_far_behind_is_a_warning(hg: Run, desk: Desk) -> None:
    log = SqliteLog(desk.data / "log.sqlite", now=lambda: datetime.now(UTC) - timedelta(hours=2))
    log.append("articles", [Entry("1", "1", b"{}")])
    log.close()
    row = look(hg)["step detect"]
    assert row["status"] == "warn"
    assert row["what"].startswith("events waiting: 1, the oldest for 7,2")


def test_an_event_from_the_future_points_at_the_clock(hg: Run, desk: Desk) -> None:
    log = SqliteLog(desk.data / "log.sqlite", now=lambda: datetime.now(UTC) + timedelta(hours=2))
    log.append("articles", [Entry("1", "1", b"{}")])
    log.close()
    row = look(hg)["clock"]
    assert row["status"] == "warn"
    assert "NTP" in row["to_do"]


def test_dead_letters_are_counted(hg: Run, filled: Desk) -> None:
    filled.bury(DeadLetter(stage="detect", reason="x", cause="y", payload=b"z", origin="articles/0/1"))
    assert look(hg)["dead letters"]["status"] == "warn"


def test_feeds_that_never_answered_are_counted(hg: Run, desk: Desk) -> None:
    hg("feeds", "add", "https://samovar.example/rss")
    hg("feeds", "add", "https://kettle.example/rss")
    here = desk.open()
    failing = FeedState(
        feed="samovar-example", last_attempt=datetime.now(UTC), consecutive_failures=3, last_error="away"
    )
    here.ledger.save([Update(failing)])
    here.close()
    answer = hg("doctor", "--format", "json")
    assert findings(answer)["feeds"]["status"] == "fail"
    assert "1 failing (1 never answered), 1 not polled yet" in findings(answer)["feeds"]["what"]
    listed = hg("feeds", "list", "--status", "failing", "--format", "json").json
    assert listed[0]["reason"] == "never answered so far; away"


def test_a_topic_file_that_is_wrong_fails(hg: Run, desk: Desk) -> None:
    desk.topic("tea and (")
    answer = hg("doctor", "--format", "json")
    assert answer.status == 1
    assert any(row["check"] == "definitions" and "tea.yaml" in row["what"] for row in answer.json)


def test_a_channel_that_no_policy_names_is_a_warning(hg: Run, folder: Path, site: Site) -> None:
    (folder / "heliograph.toml").write_text(
        f'[[channels]]\nname = "desk"\ntype = "webhook"\nurl = "{site.url}/hook"\n'
        'secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"\n',
        encoding="utf-8",
    )
    assert look(hg)["channel desk"]["status"] == "warn"
    assert site.posted == []
    hg("doctor", "--send")
    assert len(site.posted) == 1
    site.pages["/hook"] = (503, "text/plain", b"")
    assert hg("doctor", "--send").status == 1


def test_the_service_is_recognised_by_its_readiness(hg: Run, filled: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    running = program(load_settings(None, {"data": filled.data}), ["web"])
    running.start()
    try:
        monkeypatch.setenv("HELIOGRAPH_WEB__PORT", running.url.rpartition(":")[2].strip("/"))
        assert look(hg)["web"]["status"] == "ok"
        assert "runs and is ready" in look(hg)["web"]["what"]
        assert look(hg, "--data", "elsewhere")["web"]["status"] == "warn"
    finally:
        running.stop()
    assert "is free" in look(hg)["web"]["what"]


@pytest.mark.usefixtures("folder")
def test_another_program_on_the_port_fails(hg: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    server = http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
    thread = threading.Thread(target=server.handle_request)
    thread.start()
    monkeypatch.setenv("HELIOGRAPH_WEB__PORT", str(server.server_port))
    try:
        row = look(hg)["web"]
        assert row["status"] == "fail"
        assert "web.port" in row["to_do"]
    finally:
        thread.join()
        server.server_close()


def test_the_table_says_what_to_do_beneath_each_finding(hg: Run, folder: Path) -> None:
    (folder / "heliograph.toml").write_text("nonesuch = 1\n", encoding="utf-8")
    answer = hg("doctor")
    assert answer.status == 1
    assert "-> correct it" in answer.out
