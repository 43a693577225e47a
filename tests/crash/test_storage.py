"""Torn files and full disks: a store opens to a prefix, refuses while there is no room, and goes on after."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from heliograph.core.article import Article, Document
from heliograph.errors import IndexUnavailable, LogUnavailable
from heliograph.eventlog.port import Entry
from heliograph.eventlog.sqlite import SqliteLog
from heliograph.index.embedded import EmbeddedIndex
from heliograph.index.port import Search

NOW = datetime(2026, 1, 17, tzinfo=UTC)
OFFSETS = 500
FILLS = 20


@pytest.mark.slow
def test_a_log_whose_tail_is_torn_off_anywhere_opens_to_a_prefix(tmp_path: Path) -> None:
    log = SqliteLog(tmp_path / "log.sqlite")
    for number in range(100):
        log.append("articles", [Entry(f"{number:03}", "k", bytes([number]) * 500)])
    # Copied while open: that is what a machine that loses power leaves, WAL and all.
    shutil.copytree(tmp_path, tmp_path / "torn")
    log.close()
    torn = tmp_path / "torn" / "log.sqlite"
    wal = Path(f"{torn}-wal").read_bytes()
    main = torn.read_bytes()
    assert len(wal) > 50_000
    chance, lengths = random.Random(3), []
    for cut in sorted(chance.randrange(len(wal)) for _ in range(OFFSETS)):
        torn.write_bytes(main)
        Path(f"{torn}-wal").write_bytes(wal[:cut])
        Path(f"{torn}-shm").unlink(missing_ok=True)
        again = SqliteLog(torn)
        events = list(again.scan("articles"))
        again.close()
        assert [m.id for m in events] == [f"{n:03}" for n in range(len(events))]
        assert all(m.value == bytes([n]) * 500 for n, m in enumerate(events))
        lengths.append(len(events))
    assert lengths == sorted(lengths)
    assert lengths[0] < 50 < lengths[-1]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Use up all that is left."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(os.urandom(4096))
    return ballast


@pytest.mark.slow
def test_a_full_disk_stops_the_log_without_harm_twenty_times(small_disk: Path) -> None:
    log = SqliteLog(small_disk / "log.sqlite")
    acknowledged: list[str] = []
    refused = 0
    for turn in range(FILLS):
        ballast = fill(small_disk)
        for number in range(30):
            name = f"{turn}-{number}"
            try:
                log.append("articles", [Entry(name, "k", bytes(4000))])
                acknowledged.append(name)
            except LogUnavailable:
                refused += 1
        ballast.unlink()
        log.append("articles", [Entry(f"{turn}-after", "k", b"x")])
        acknowledged.append(f"{turn}-after")
        assert [m.id for m in log.scan("articles")] == acknowledged
        log.trim("articles", datetime(2100, 1, 1, tzinfo=UTC))
        acknowledged.clear()
    log.close()
    connection = sqlite3.connect(small_disk / "log.sqlite")
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
    assert refused > FILLS


@pytest.mark.slow
def test_a_full_disk_stops_the_index_without_harm_twenty_times(small_disk: Path) -> None:
    index = EmbeddedIndex(small_disk / "index")
    wanted: set[str] = set()
    refused = 0
    for turn in range(FILLS):
        ballast = fill(small_disk)
        documents = [document(f"{turn}-{number}") for number in range(20)]
        try:
            index.upsert(documents)
        except IndexUnavailable:
            refused += 1
        ballast.unlink()
        index.upsert(documents)
        wanted |= {each.article.id for each in documents}
        assert {hit.document.article.id for hit in index.search(Search(limit=1000)).items} == wanted
    index.close()
    again = EmbeddedIndex(small_disk / "index")
    assert again.search(Search(limit=1)).total == len(wanted)
    again.close()
    assert refused > FILLS // 2


def document(name: str) -> Document:
    text = " ".join(f"{name} word{n}" for n in range(200))
    return Document(
        article=Article(id=name, revision="r", title=name, text=text, feed="f", source="s", fetched=NOW, sorted=NOW)
    )
