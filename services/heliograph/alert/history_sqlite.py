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

from heliograph.alert.listing import from_cursor, from_micros, to_cursor, to_micros
from heliograph.alert.port import UPDATED, Alert, Attempt, Delivery, Find, Found, Status, Taken
from heliograph.errors import Unavailable, UsageError

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE deliveries (
        message TEXT PRIMARY KEY NOT NULL,
        alert   TEXT NOT NULL,
        kind    TEXT NOT NULL,
        channel TEXT NOT NULL,
        topic   TEXT NOT NULL,
        story   TEXT NOT NULL,
        created INTEGER NOT NULL,  -- this time and every other: microseconds since 1970
        status  TEXT NOT NULL,
        due     INTEGER,           -- NULL once settled
        tries   INTEGER NOT NULL DEFAULT 0,
        copies  INTEGER NOT NULL,
        outlets TEXT NOT NULL,     -- JSON
        error   TEXT NOT NULL DEFAULT '',
        body    BLOB NOT NULL      -- the Alert as JSON
    ) STRICT;
    CREATE INDEX deliveries_due ON deliveries (channel, due) WHERE due IS NOT NULL;
    CREATE INDEX deliveries_created ON deliveries (created, message);
    CREATE INDEX deliveries_alert ON deliveries (alert);
    CREATE INDEX deliveries_story ON deliveries (story);
    CREATE TABLE attempts (
        message TEXT NOT NULL REFERENCES deliveries ON DELETE CASCADE,
        number  INTEGER NOT NULL,
        time    INTEGER NOT NULL,
        outcome TEXT NOT NULL,
        status  INTEGER NOT NULL,
        error   TEXT NOT NULL,
        seconds REAL NOT NULL,
        PRIMARY KEY (message, number)
    ) STRICT, WITHOUT ROWID;
    """,
)
"""One step for each version of the file (`user_version`); a step, once released, never changes."""

BUSY = 5.0
"""Seconds to wait for another process that writes."""

_COLUMNS = "body, status, due, tries, copies, outlets, error"
# Due, and not an update that would overtake the alert it belongs to.
_WAITING = f"""channel = ? AND due IS NOT NULL AND NOT (kind = '{UPDATED}' AND EXISTS (
    SELECT 1 FROM deliveries AS first WHERE first.message = deliveries.alert AND first.due IS NOT NULL))"""  # noqa: S608 - a constant of ours

_alerts = msgspec.json.Decoder(Alert)
_outlets = msgspec.json.Decoder(tuple[str, ...])


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
            return [_claim(db, delivery) for delivery in deliveries]

    def take(self, channel: str, now: datetime, limit: int, lease: float) -> Taken:
        at = to_micros(now)
        until = to_micros(now + timedelta(seconds=lease))
        due = f"SELECT message, {_COLUMNS} FROM deliveries WHERE {_WAITING} AND due <= ? ORDER BY due, rowid LIMIT ?"  # noqa: S608 - constants of ours
        with self._read() as db:
            # Most looks find nothing; those must not cost a write.
            nothing_due = limit < 1 or not db.execute(due, (channel, at, 1)).fetchall()
            if nothing_due:
                return Taken((), _next_due(db, channel))
        with self._write(synced=False) as db:
            rows = db.execute(due, (channel, at, limit)).fetchall()
            leased = [(Status.SENDING.value, until, row[0]) for row in rows]
            db.executemany("UPDATE deliveries SET status = ?, due = ? WHERE message = ?", leased)
            taken = tuple(_delivery((row[1], Status.SENDING.value, until, *row[4:])) for row in rows)
            return Taken(taken, _next_due(db, channel))

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
        return {alert.message: alert for alert in (_alerts.decode(row[0]) for row in rows if row is not None)}

    def find(self, request: Find) -> Found:
        where, values = _conditions(request)
        with self._read() as db:
            total = db.execute(f"SELECT count(*) FROM deliveries WHERE {where}", values).fetchone()[0]  # noqa: S608 - conditions of ours, values bound
            if request.cursor:
                where, values = f"{where} AND (created, message) < (?, ?)", [*values, *from_cursor(request.cursor)]
            page = f"SELECT {_COLUMNS} FROM deliveries WHERE {where} ORDER BY created DESC, message DESC LIMIT ?"  # noqa: S608 - as above
            rows = db.execute(page, [*values, request.limit + 1]).fetchall()
        items = tuple(map(_delivery, rows[: request.limit]))
        more = len(rows) > len(items) and bool(items)
        return Found(total, items, to_cursor(items[-1].alert.created, items[-1].id) if more else "")

    def get(self, message: str) -> Delivery | None:
        with self._read() as db:
            row = db.execute(f"SELECT {_COLUMNS} FROM deliveries WHERE message = ?", (message,)).fetchone()  # noqa: S608 - constants of ours
            attempts = db.execute(
                "SELECT number, time, outcome, status, error, seconds FROM attempts WHERE message = ? ORDER BY number",
                (message,),
            ).fetchall()
        return _delivery(row, tuple(map(_attempt, attempts))) if row is not None else None

    def purge(self, before: datetime) -> int:
        with self._write() as db:
            gone = db.execute("DELETE FROM deliveries WHERE due IS NULL AND created < ?", (to_micros(before),))
            return gone.rowcount

    def close(self) -> None:
        with self._lock:
            self._db.close()


def _claim(db: sqlite3.Connection, delivery: Delivery) -> bool:
    alert = delivery.alert
    created = db.execute(
        "INSERT INTO deliveries "
        "(message, alert, kind, channel, topic, story, created, status, due, copies, outlets, body) VALUES "
        "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (
            *(alert.message, alert.id, alert.kind, alert.channel, alert.topic, alert.story, to_micros(alert.created)),
            *(delivery.status.value, to_micros(delivery.due) if delivery.due is not None else None),
            *(delivery.copies, msgspec.json.encode(delivery.outlets).decode(), msgspec.json.encode(alert)),
        ),
    ).rowcount
    if created and alert.kind == UPDATED:
        _grow(db, delivery)
    return bool(created)


def _grow(db: sqlite3.Connection, update: Delivery) -> None:
    outlets = msgspec.json.encode(update.outlets).decode()
    db.execute(
        "UPDATE deliveries SET copies = max(copies, ?), outlets = "
        "CASE WHEN json_array_length(outlets) < json_array_length(?) THEN ? ELSE outlets END WHERE message = ?",
        (update.copies, outlets, outlets, update.alert.id),
    )
    if update.status is Status.PENDING:
        db.execute(
            "UPDATE deliveries SET status = 'superseded', due = NULL "
            "WHERE alert = ? AND kind = ? AND status = 'pending' AND message <> ?",
            (update.alert.id, UPDATED, update.id),
        )


def _next_due(db: sqlite3.Connection, channel: str) -> datetime | None:
    found = db.execute(f"SELECT min(due) FROM deliveries WHERE {_WAITING}", (channel,)).fetchone()[0]  # noqa: S608 - constants of ours
    return from_micros(found) if found is not None else None


def _conditions(request: Find) -> tuple[str, list[str | int]]:
    values: list[str | int] = [status.value for status in request.statuses]
    conditions = [f"status IN ({', '.join('?' * len(values))})"]
    for column in ("channel", "topic", "story", "alert"):
        if wanted := getattr(request, column):
            conditions.append(f"{column} = ?")
            values.append(wanted)
    for moment, condition in ((request.since, "created >= ?"), (request.until, "created < ?")):
        if moment is not None:
            conditions.append(condition)
            values.append(to_micros(moment))
    return " AND ".join(conditions), values


def _delivery(row: tuple[bytes, str, int | None, int, int, str, str], attempts: tuple[Attempt, ...] = ()) -> Delivery:
    body, status, due, tries, copies, outlets, error = row
    return Delivery(
        alert=_alerts.decode(body),
        status=Status(status),
        due=from_micros(due) if due is not None else None,
        tries=tries,
        copies=copies,
        outlets=_outlets.decode(outlets),
        error=error,
        attempts=attempts,
    )


def _attempt(row: tuple[int, int, str, int, str, float]) -> Attempt:
    number, time, outcome, status, error, seconds = row
    return Attempt(number=number, time=from_micros(time), outcome=outcome, status=status, error=error, seconds=seconds)
