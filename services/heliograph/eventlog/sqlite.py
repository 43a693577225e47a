"""The event log of the embedded tier: one SQLite file.

One writer thread commits what many callers append (group commit): an append waits for the sync of its group, not for
one of its own. WAL lets readers go on meanwhile, and `synchronous=FULL` syncs the WAL at every commit, so an event that
was acknowledged survives power loss as well (https://www.sqlite.org/pragma.html#pragma_synchronous).
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from heliograph.errors import LogUnavailable
from heliograph.eventlog.group_commit import GroupCommit
from heliograph.eventlog.port import Entry, Lag, Message

_SCHEMA = """
CREATE TABLE IF NOT EXISTS events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,   -- the offset: rises over all topics, is never used twice
    topic TEXT NOT NULL,
    id TEXT NOT NULL,
    key TEXT NOT NULL,
    time REAL NOT NULL,                      -- seconds since 1970, UTC
    value BLOB NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS events_by_id ON events (topic, id);
CREATE INDEX IF NOT EXISTS events_by_topic ON events (topic, seq, time);
CREATE TABLE IF NOT EXISTS positions (
    topic TEXT NOT NULL,
    consumer TEXT NOT NULL,
    next INTEGER NOT NULL,
    PRIMARY KEY (topic, consumer)
) WITHOUT ROWID;
"""
_VERSION = 1
_SELECT = "SELECT seq, id, key, value, time FROM events WHERE topic = ? AND "
_SCAN_CHUNK = 500


def _utc_now() -> datetime:
    return datetime.now(UTC)


class SqliteLog:
    """Keeps topics in one file at `path`. A process that only reads may open it beside the one that writes.

    Raises LogUnavailable where the file cannot be opened, is not a log of ours, or comes from a newer release.
    """

    def __init__(self, path: Path, now: Callable[[], datetime] = _utc_now) -> None:
        self._path, self._now = path, now
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self._guard = threading.Lock()
        self._appended = threading.Condition()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            connection = self._connection()
            version = int(connection.execute("PRAGMA user_version").fetchone()[0])
            if version > _VERSION:
                raise LogUnavailable(f"{path}: written by a newer release (format {version}): upgrade Heliograph")
            connection.executescript(_SCHEMA)
            connection.execute(f"PRAGMA user_version={_VERSION}")
        except (sqlite3.Error, OSError) as error:
            self._close_connections()
            raise LogUnavailable(f"{path}: cannot open the event log: {error}; check its folder and disk") from error
        self._writer = GroupCommit(self._open, name="eventlog-writer")

    def append(self, topic: str, entries: Sequence[Entry]) -> int:
        if not entries:
            return 0
        time = self._now().timestamp()
        rows = [(topic, entry.id, entry.key, time, entry.value) for entry in entries]

        def write(connection: sqlite3.Connection) -> int:
            before = connection.total_changes
            connection.executemany(
                "INSERT OR IGNORE INTO events (topic, id, key, time, value) VALUES (?, ?, ?, ?, ?)", rows
            )
            return connection.total_changes - before

        new = self._submit(write)
        with self._appended:
            self._appended.notify_all()
        return new

    def reader(self, topic: str, group: str) -> SqliteReader:
        return SqliteReader(self, topic, group)

    def scan(self, topic: str, since: datetime | None = None, until: datetime | None = None) -> Iterator[Message]:
        low = since.timestamp() if since else float("-inf")
        high = until.timestamp() if until else float("inf")
        offset = 0
        while chunk := self.select(
            topic, "seq >= ? AND time >= ? AND time < ? ORDER BY seq LIMIT ?", offset, low, high, _SCAN_CHUNK
        ):
            yield from chunk
            offset = chunk[-1].offset + 1

    def trim(self, topic: str, before: datetime) -> int:
        time = before.timestamp()
        return self._submit(
            lambda connection: (
                connection.execute("DELETE FROM events WHERE topic = ? AND time < ?", (topic, time)).rowcount
            )
        )

    def close(self) -> None:
        self._writer.close()
        with self._appended:
            self._appended.notify_all()
        self._close_connections()

    def after(self, topic: str, offset: int, limit: int, timeout: float) -> list[Message]:
        """Return up to `limit` messages at or behind `offset`, waiting for the first.

        An append in this process wakes the reader; one by another process is seen when the wait ends.
        """
        condition = "seq >= ? ORDER BY seq LIMIT ?"
        found = self.select(topic, condition, offset, limit)
        if found or timeout <= 0:
            return found
        with self._appended:
            # Looked at again under the lock: an append between the first look and the wait would be slept through.
            found = self.select(topic, condition, offset, limit)
            if not found:
                self._appended.wait(timeout)
                found = self.select(topic, condition, offset, limit)
        return found

    def select(self, topic: str, condition: str, *arguments: object) -> list[Message]:
        """Return the topic's messages for which the SQL condition holds."""
        try:
            rows = self._connection().execute(_SELECT + condition, (topic, *arguments)).fetchall()
        except sqlite3.Error as error:
            raise LogUnavailable(f"{self._path}: cannot read topic {topic}: {error}") from error
        return [
            Message(topic, 0, seq, event_id, key, value, datetime.fromtimestamp(time, UTC))
            for seq, event_id, key, value, time in rows
        ]

    def committed(self, topic: str, group: str) -> int:
        """Return the offset that the group reads next."""
        row = self._one("SELECT next FROM positions WHERE topic = ? AND consumer = ?", topic, group)
        return int(row[0]) if row else 0

    def set_committed(self, topic: str, group: str, offset: int) -> None:
        """Move the group's position forward, never back; durable when it returns."""
        self._submit(
            lambda connection: (
                connection.execute(
                    "INSERT INTO positions (topic, consumer, next) VALUES (?, ?, ?) "
                    "ON CONFLICT DO UPDATE SET next = max(next, excluded.next)",
                    (topic, group, offset),
                ).rowcount
            )
        )

    def lag(self, topic: str, offset: int) -> Lag:
        """Return what lies at or behind `offset`."""
        row = self._one("SELECT count(*), min(time) FROM events WHERE topic = ? AND seq >= ?", topic, offset)
        if row is None or not row[0]:
            return Lag(0, 0.0)
        return Lag(int(row[0]), max(0.0, self._now().timestamp() - float(row[1])))

    def _one(self, sql: str, *arguments: object) -> tuple[float, ...] | None:
        try:
            row: tuple[float, ...] | None = self._connection().execute(sql, arguments).fetchone()
        except sqlite3.Error as error:
            raise LogUnavailable(f"{self._path}: cannot read the event log: {error}") from error
        return row

    def _submit(self, write: Callable[[sqlite3.Connection], int]) -> int:
        try:
            return self._writer.submit(write)
        except sqlite3.Error as error:
            raise LogUnavailable(
                f"{self._path}: cannot write to the event log: {error}; free some disk space or check the folder"
            ) from error

    def _connection(self) -> sqlite3.Connection:
        """Return this thread's own connection: SQLite's are not for sharing."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._open()
            with self._guard:
                self._connections.append(connection)
        return connection

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=30, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        return connection

    def _close_connections(self) -> None:
        with self._guard:
            for connection in self._connections:
                connection.close()
            self._connections.clear()
        self._local = threading.local()


class SqliteReader:
    """One member of a group over a `SqliteLog`."""

    epoch = 0

    def __init__(self, log: SqliteLog, topic: str, group: str) -> None:
        self._log, self._topic, self._group = log, topic, group
        self._next = log.committed(topic, group)

    def read(self, limit: int, timeout: float) -> Sequence[Message]:
        found = self._log.after(self._topic, self._next, limit, timeout)
        if found:
            self._next = found[-1].offset + 1
        return found

    def commit(self, messages: Sequence[Message]) -> None:
        if messages:
            self._log.set_committed(self._topic, self._group, max(m.offset for m in messages) + 1)

    def lag(self) -> Lag:
        return self._log.lag(self._topic, self._log.committed(self._topic, self._group))

    def close(self) -> None:
        """Nothing to give back: the position is the log's."""
