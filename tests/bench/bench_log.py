"""The event log: appends and reads a second, with one writer and with sixteen, against plain SQLite in the same run.

    python tests/bench/bench_log.py

Every append is on disk when it returns (`synchronous=FULL`); `plain` is one commit for each event on the same file
system, which is what group commit is measured against.
"""

from __future__ import annotations

import json
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "services"))

from heliograph.eventlog.port import Entry
from heliograph.eventlog.sqlite import SqliteLog

VALUE = bytes(3000)
EVENTS = 20_000


def _seconds(work: Callable[[], object]) -> float:
    before = time.perf_counter()
    work()
    return time.perf_counter() - before


def _plain(path: Path, count: int) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE events (id TEXT UNIQUE, value BLOB)")
    for number in range(count):
        connection.execute("INSERT INTO events VALUES (?, ?)", (str(number), VALUE))
    connection.close()


def _singles(log: SqliteLog, thread: int, count: int) -> None:
    for number in range(count):
        log.append("singles", [Entry(f"{thread}-{number}", "k", VALUE)])


def _start_and_join(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def run(events: int = EVENTS) -> dict[str, float]:
    """Return events a second for each way of writing and for reading; sizes of 3 kB."""
    with tempfile.TemporaryDirectory() as folder:
        log = SqliteLog(Path(folder) / "log.sqlite")
        batches = [[Entry(f"{n}-{i}", "k", VALUE) for i in range(200)] for n in range(events // 200)]
        batched = _seconds(lambda: [log.append("batched", batch) for batch in batches])
        count = events // 100
        alone = _seconds(lambda: _singles(log, 0, count))
        threads = [threading.Thread(target=_singles, args=(log, n, count)) for n in range(1, 17)]
        together = _seconds(lambda: _start_and_join(threads))
        plain = _seconds(lambda: _plain(Path(folder) / "plain.sqlite", count))
        reader = log.reader("batched", "bench")
        got = 0

        def read_all() -> None:
            nonlocal got
            while messages := reader.read(500, 0):
                got += len(messages)
                reader.commit(messages)

        reading = _seconds(read_all)
        size = (Path(folder) / "log.sqlite").stat().st_size
        log.close()
    return {
        "appends_per_second_in_batches_of_200": round(len(batches) * 200 / batched),
        "appends_per_second_one_by_one": round(count / alone),
        "appends_per_second_from_16_threads": round(16 * count / together),
        "plain_sqlite_commits_per_second": round(count / plain),
        "ratio_16_threads_to_plain": round((16 * count / together) / (count / plain), 1),
        "reads_per_second_with_commits": round(got / reading),
        "bytes_on_disk_per_event": round(size / (len(batches) * 200 + 17 * count)),
    }


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
