"""The ledger in one SQLite file: WAL, synced before a call returns.

Subscriptions and states are JSON, so that a new field needs no migration; items seen are rows, so that a poll touches
only those of its feed. `PRAGMA user_version` counts the migrations below that a file has been through.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

import msgspec

from heliograph.errors import Unavailable
from heliograph.fetch.decide import without_validators
from heliograph.fetch.port import REMEMBER, Feed, FeedState, Share, Subscription, Update
from heliograph.fetch.share import Whole

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE feeds (id TEXT PRIMARY KEY, subscription BLOB NOT NULL, state BLOB NOT NULL) WITHOUT ROWID",
        """CREATE TABLE seen (
            feed TEXT NOT NULL, article TEXT NOT NULL, revision TEXT NOT NULL, last_seen REAL NOT NULL,
            PRIMARY KEY (feed, article)
        ) WITHOUT ROWID""",
    ),
)
"""One tuple of statements a version; a released one is never changed."""

_REFRESH_AFTER = 86_400.0
"""Seconds before an unchanged item's `last_seen` is written again: a day is exact enough for 45 days of memory."""
_VARIABLES = 500
"""Ids asked for in one statement."""


class SqliteLedger:
    """See `port.Ledger`. One connection writes and one reads, so that a page can be read while polls are saved."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._write_lock, self._read_lock = Lock(), Lock()
        self._states = msgspec.json.Decoder(FeedState)
        self._subscriptions = msgspec.json.Decoder(Subscription)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._writer = self._connect()
            try:
                with self._transaction() as connection:
                    self._migrate(connection)
                self._reader = self._connect()
            except BaseException:
                self._writer.close()
                raise
        except (sqlite3.Error, OSError) as error:
            raise self._away(error) from error

    def feeds(self) -> Sequence[Feed]:
        with self._read_lock:
            try:
                rows = self._reader.execute("SELECT subscription, state FROM feeds ORDER BY id").fetchall()
            except sqlite3.Error as error:
                raise self._away(error) from error
        return tuple(Feed(self._subscriptions.decode(first), self._states.decode(second)) for first, second in rows)

    def edit(self, put: Sequence[Subscription] = (), remove: Sequence[str] = ()) -> None:
        with self._transaction() as connection:
            for name in remove:
                connection.execute("DELETE FROM feeds WHERE id = ?", (name,))
                connection.execute("DELETE FROM seen WHERE feed = ?", (name,))
            for subscription in put:
                row = connection.execute(
                    "SELECT subscription, state FROM feeds WHERE id = ?", (subscription.id,)
                ).fetchone()
                state = FeedState(feed=subscription.id)
                if row is not None:
                    state = self._states.decode(row[1])
                    if self._subscriptions.decode(row[0]).url != subscription.url:
                        state = without_validators(state)
                connection.execute(
                    "INSERT OR REPLACE INTO feeds VALUES (?, ?, ?)",
                    (subscription.id, msgspec.json.encode(subscription), msgspec.json.encode(state)),
                )

    def known(self, feed: str, articles: Sequence[str]) -> Mapping[str, str]:
        found: dict[str, str] = {}
        with self._read_lock:
            try:
                for start in range(0, len(articles), _VARIABLES):
                    part = articles[start : start + _VARIABLES]
                    marks = ",".join("?" * len(part))
                    query = f"SELECT article, revision FROM seen WHERE feed = ? AND article IN ({marks})"  # noqa: S608 - only question marks are put in
                    found.update(self._reader.execute(query, (feed, *part)))
            except sqlite3.Error as error:
                raise self._away(error) from error
        return found

    def items(self, feed: str) -> Mapping[str, str]:
        """Return the revision of every item that the feed is remembered to have had, for a migration."""
        with self._read_lock:
            try:
                return dict(self._reader.execute("SELECT article, revision FROM seen WHERE feed = ?", (feed,)))
            except sqlite3.Error as error:
                raise self._away(error) from error

    def save(self, updates: Sequence[Update]) -> None:
        with self._transaction() as connection:
            for update in updates:
                name, when = update.state.feed, update.state.last_attempt
                written = connection.execute(
                    "UPDATE feeds SET state = ? WHERE id = ?", (msgspec.json.encode(update.state), name)
                )
                if not written.rowcount or not update.seen or when is None:
                    continue
                moment = when.timestamp()
                connection.executemany(
                    "INSERT INTO seen VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE"
                    " SET revision = excluded.revision, last_seen = excluded.last_seen"
                    " WHERE revision <> excluded.revision OR last_seen < excluded.last_seen - ?",
                    [(name, article, revision, moment, _REFRESH_AFTER) for article, revision in update.seen.items()],
                )
                connection.execute(
                    "DELETE FROM seen WHERE feed = ? AND last_seen < ?", (name, moment - REMEMBER.total_seconds())
                )

    def share(self) -> Share:
        return Whole(self)

    def close(self) -> None:
        with self._write_lock, self._read_lock:
            self._reader.close()
            self._writer.close()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False, timeout=10.0)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        return connection

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """Commit all that is done inside, or nothing."""
        with self._write_lock:
            try:
                self._writer.execute("BEGIN IMMEDIATE")
                try:
                    yield self._writer
                except BaseException:
                    self._writer.execute("ROLLBACK")
                    raise
                self._writer.execute("COMMIT")
            except sqlite3.Error as error:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                raise self._away(error) from error

    def _migrate(self, connection: sqlite3.Connection) -> None:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > len(MIGRATIONS):
            raise Unavailable(
                f"{self._path}: the ledger has version {version}, this release reads up to {len(MIGRATIONS)}:"
                " upgrade Heliograph"
            )
        for statements in MIGRATIONS[version:]:
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")

    def _away(self, error: Exception) -> Unavailable:
        return Unavailable(f"{self._path}: the ledger of feeds cannot be used: {error}")
