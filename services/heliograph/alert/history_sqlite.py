"""Alert history and outbox in one SQLite file: WAL, and `synchronous=FULL` so that a claim survives a power cut."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import Literal

import msgspec

from heliograph.alert.listing import from_cursor, to_cursor, to_micros
from heliograph.alert.port import Alert, Attempt, Delivery, Find, Found, Status, Taken
from heliograph.alert.sqlite_rows import (
    COLUMNS,
    MIGRATIONS,
    WAITING,
    claim,
    conditions_of,
    next_due,
    read_alert,
    read_attempt,
    read_delivery,
)
from heliograph.errors import Unavailable, UsageError

BUSY = 5.0
"""Seconds to wait for another process that writes."""


class SqliteHistory:
    """AlertStore on one file, shared by the threads of this process and by other processes on this machine.

    Raises Unavailable where the file cannot be opened or written (locked for too long, disk full), UsageError where a
    newer release wrote it.
    """

    def __init__(self, path: Path, *, busy: float = BUSY) -> None:
        self._path = path
        self._lock = Lock()
        with self._errors_named():
            self._db = sqlite3.connect(path, timeout=busy, isolation_level=None, check_same_thread=False)
            for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
                self._db.execute(f"PRAGMA {pragma}")
        try:
            self._migrate()
        except BaseException:
            self._db.close()
            raise

    def _migrate(self) -> None:
        with self._write() as db:
            version = int(db.execute("PRAGMA user_version").fetchone()[0])
            if version > len(MIGRATIONS):
                raise UsageError(
                    f"alert history {self._path} has version {version}, this release knows up to {len(MIGRATIONS)}: "
                    "upgrade Heliograph"
                )
            for step in MIGRATIONS[version:]:
                for statement in step.split(";"):
                    db.execute(statement)
            # A pragma takes no parameters; the number is the length of a constant.
            db.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")

    def pragma(self, name: Literal["journal_mode", "synchronous", "user_version", "integrity_check"]) -> str | int:
        """Return a setting of the open file, for `doctor`."""
        with self._read() as db:
            found: str | int = db.execute(f"PRAGMA {name}").fetchone()[0]
            return found

    @contextmanager
    def _errors_named(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            if type(error) not in (sqlite3.OperationalError, sqlite3.DatabaseError):  # the base class: a damaged file
                raise
            raise Unavailable(
                f"alert history {self._path} is away ({error}): check disk space and file rights"
            ) from error

    @contextmanager
    def _read(self) -> Iterator[sqlite3.Connection]:
        with self._errors_named(), self._lock:
            yield self._db

    @contextmanager
    def _write(self, *, synced: bool = True) -> Iterator[sqlite3.Connection]:
        """Commit what the block does; unless `synced`, without waiting for the disk."""
        with self._errors_named(), self._lock:
            if not synced:
                self._db.execute("PRAGMA synchronous = NORMAL")
            try:
                self._db.execute("BEGIN IMMEDIATE")
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                # Some failures (disk full) have rolled back already.
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
            finally:
                if not synced:
                    self._db.execute("PRAGMA synchronous = FULL")

    def claim(self, deliveries: Sequence[Delivery]) -> Sequence[bool]:
        with self._write() as db:
            return [claim(db, delivery) for delivery in deliveries]

    def take(self, channel: str, now: datetime, limit: int, lease: float) -> Taken:
        at = to_micros(now)
        until = to_micros(now + timedelta(seconds=lease))
        due = f"SELECT message, {COLUMNS} FROM deliveries WHERE {WAITING} AND due <= ? ORDER BY due, rowid LIMIT ?"  # noqa: S608 - constants of ours
        with self._read() as db:
            # Most looks find nothing; those must not cost a write.
            nothing_due = limit < 1 or not db.execute(due, (channel, at, 1)).fetchall()
            if nothing_due:
                return Taken((), next_due(db, channel))
        with self._write(synced=False) as db:
            rows = db.execute(due, (channel, at, limit)).fetchall()
            leased = [(Status.SENDING.value, until, row[0]) for row in rows]
            db.executemany("UPDATE deliveries SET status = ?, due = ? WHERE message = ?", leased)
            taken = tuple(read_delivery((row[1], Status.SENDING.value, until, *row[4:])) for row in rows)
            return Taken(taken, next_due(db, channel))

    def release(self, taken: Sequence[Delivery], now: datetime) -> None:
        with self._write(synced=False) as db:
            # The end of the lease tells whose it is.
            db.executemany(
                "UPDATE deliveries SET status = 'pending', due = ? "
                "WHERE message = ? AND status = 'sending' AND due = ?",
                [(to_micros(now), one.id, to_micros(one.due)) for one in taken if one.due is not None],
            )

    def record(self, message: str, attempt: Attempt, status: Status, due: datetime | None) -> None:
        with self._write(synced=False) as db:
            found = db.execute("SELECT status FROM deliveries WHERE message = ?", (message,)).fetchone()
            if found is None:
                return
            db.execute(
                "INSERT INTO attempts SELECT ?, 1 + coalesce(max(number), 0), ?, ?, ?, ?, ? FROM attempts "
                "WHERE message = ?",
                (message, to_micros(attempt.time), *msgspec.structs.astuple(attempt)[2:], message),
            )
            if found[0] != Status.DELIVERED:
                at = to_micros(due) if due is not None else None
                db.execute(
                    "UPDATE deliveries SET status = ?, due = ?, tries = tries + 1, error = ? WHERE message = ?",
                    (status.value, at, attempt.error, message),
                )

    def retry(self, messages: Sequence[str], now: datetime) -> int:
        again = (
            "UPDATE deliveries SET status = 'pending', due = ?, tries = 0 "
            "WHERE message = ? AND status IN ('failed', 'pending')"
        )
        with self._write() as db:
            return sum(db.execute(again, (to_micros(now), message)).rowcount for message in dict.fromkeys(messages))

    def recover(self, now: datetime) -> int:
        with self._write() as db:
            left = "UPDATE deliveries SET status = 'pending', due = ? WHERE status = 'sending' AND due IS NOT NULL"
            return db.execute(left, (to_micros(now),)).rowcount

    def known(self, messages: Collection[str]) -> Mapping[str, Alert]:
        with self._read() as db:
            rows = [
                db.execute("SELECT body FROM deliveries WHERE message = ?", (message,)).fetchone()
                for message in messages
            ]
        return {alert.message: alert for alert in (read_alert(row[0]) for row in rows if row is not None)}

    def find(self, request: Find) -> Found:
        where, values = conditions_of(request)
        with self._read() as db:
            total = db.execute(f"SELECT count(*) FROM deliveries WHERE {where}", values).fetchone()[0]  # noqa: S608 - conditions of ours, values bound
            if request.cursor:
                where, values = f"{where} AND (created, message) < (?, ?)", [*values, *from_cursor(request.cursor)]
            page = f"SELECT {COLUMNS} FROM deliveries WHERE {where} ORDER BY created DESC, message DESC LIMIT ?"  # noqa: S608 - as above
            rows = db.execute(page, [*values, request.limit + 1]).fetchall()
        items = tuple(map(read_delivery, rows[: request.limit]))
        more = len(rows) > len(items) and bool(items)
        return Found(total, items, to_cursor(items[-1].alert.created, items[-1].id) if more else "")

    def get(self, message: str) -> Delivery | None:
        with self._read() as db:
            row = db.execute(f"SELECT {COLUMNS} FROM deliveries WHERE message = ?", (message,)).fetchone()  # noqa: S608 - constants of ours
            attempts = db.execute(
                "SELECT number, time, outcome, status, error, seconds FROM attempts WHERE message = ? ORDER BY number",
                (message,),
            ).fetchall()
        return read_delivery(row, tuple(map(read_attempt, attempts))) if row is not None else None

    def purge(self, before: datetime) -> int:
        with self._write() as db:
            gone = db.execute("DELETE FROM deliveries WHERE due IS NULL AND created < ?", (to_micros(before),))
            return gone.rowcount

    def close(self) -> None:
        with self._lock:
            self._db.close()
