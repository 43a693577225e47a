"""The tables of the alert history in SQLite, and what is asked of them within a transaction of the caller's."""

from __future__ import annotations

import sqlite3
from datetime import datetime

import msgspec

from heliograph.alert.listing import from_micros, to_micros
from heliograph.alert.port import UPDATED, Alert, Attempt, Delivery, Find, Status

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

COLUMNS = "body, status, due, tries, copies, outlets, error"
# Due, and not an update that would overtake the alert it belongs to.
WAITING = f"""channel = ? AND due IS NOT NULL AND NOT (kind = '{UPDATED}' AND EXISTS (
    SELECT 1 FROM deliveries AS first WHERE first.message = deliveries.alert AND first.due IS NOT NULL))"""  # noqa: S608 - a constant of ours

_alerts = msgspec.json.Decoder(Alert)
_outlets = msgspec.json.Decoder(tuple[str, ...])


def claim(db: sqlite3.Connection, delivery: Delivery) -> bool:
    """Create a delivery unless it is there, with what an update changes of others; tell whether it was created."""
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


def next_due(db: sqlite3.Connection, channel: str) -> datetime | None:
    """Return when the first of a channel falls due, None where nothing waits."""
    found = db.execute(f"SELECT min(due) FROM deliveries WHERE {WAITING}", (channel,)).fetchone()[0]  # noqa: S608 - constants of ours
    return from_micros(found) if found is not None else None


def conditions_of(request: Find) -> tuple[str, list[str | int]]:
    """Return the condition that `request` comes to, and the values for its places."""
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


def read_alert(body: bytes) -> Alert:
    """Return an alert as it is kept."""
    return _alerts.decode(body)


def read_delivery(
    row: tuple[bytes, str, int | None, int, int, str, str], attempts: tuple[Attempt, ...] = ()
) -> Delivery:
    """Return a delivery from a row of `COLUMNS`."""
    body, status, due, tries, copies, outlets, error = row
    return Delivery(
        alert=read_alert(body),
        status=Status(status),
        due=from_micros(due) if due is not None else None,
        tries=tries,
        copies=copies,
        outlets=_outlets.decode(outlets),
        error=error,
        attempts=attempts,
    )


def read_attempt(row: tuple[int, int, str, int, str, float]) -> Attempt:
    """Return an attempt from a row of its table."""
    number, time, outcome, status, error, seconds = row
    return Attempt(number=number, time=from_micros(time), outcome=outcome, status=status, error=error, seconds=seconds)
