"""What only the file can promise."""

from __future__ import annotations

import resource
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from heliograph.errors import LogUnavailable
from heliograph.eventlog.port import Entry
from heliograph.eventlog.sqlite import SqliteLog


def test_events_and_positions_survive_a_reopening(tmp_path: Path) -> None:
    log = SqliteLog(tmp_path / "log.sqlite")
    log.append("articles", [Entry("a", "", b"1"), Entry("b", "", b"2")])
    reader = log.reader("articles", "g")
    reader.commit(reader.read(1, 0))
    log.close()
    again = SqliteLog(tmp_path / "log.sqlite")
    assert [m.id for m in again.reader("articles", "g").read(10, 0)] == ["b"]
    again.close()


def test_another_process_sees_what_was_appended(tmp_path: Path) -> None:
    log = SqliteLog(tmp_path / "log.sqlite")
    log.append("articles", [Entry("a", "", b"1")])
    code = (
        "import sys; from pathlib import Path; from heliograph.eventlog.sqlite import SqliteLog\n"
        "log = SqliteLog(Path(sys.argv[1])); print([m.id for m in log.scan('articles')]); log.close()"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "log.sqlite")], capture_output=True, text=True, check=True
    )
    assert shown.stdout.strip() == "['a']"
    log.close()


def test_a_file_that_is_no_database_is_an_error_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / "log.sqlite"
    path.write_bytes(b"not a database" * 1000)
    with pytest.raises(LogUnavailable, match=r"log\.sqlite"):
        SqliteLog(path)


def test_a_file_of_a_newer_release_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "log.sqlite"
    SqliteLog(path).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version=99")
    connection.close()
    with pytest.raises(LogUnavailable, match="upgrade"):
        SqliteLog(path)


def test_a_closed_log_refuses_to_append(tmp_path: Path) -> None:
    log = SqliteLog(tmp_path / "log.sqlite")
    log.close()
    with pytest.raises(LogUnavailable):
        log.append("articles", [Entry("a", "", b"1")])


def test_a_full_disk_is_an_error_and_the_log_goes_on_once_there_is_space(tmp_path: Path) -> None:
    """The file size limit of the process stands in for a full disk: the write fails the same way (EFBIG for ENOSPC)."""
    log = SqliteLog(tmp_path / "log.sqlite")
    log.append("articles", [Entry("first", "", b"x")])
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (256 * 1024, hard))
    try:
        with pytest.raises(LogUnavailable, match="disk"):
            log.append("articles", [Entry(f"big-{n}", "", bytes(64 * 1024)) for n in range(40)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert log.append("articles", [Entry("after", "", b"x")]) == 1
    ids = [m.id for m in log.scan("articles")]
    assert ids[0] == "first"
    assert ids[-1] == "after"
    assert sqlite3.connect(tmp_path / "log.sqlite").execute("PRAGMA integrity_check").fetchone() == ("ok",)
    log.close()
