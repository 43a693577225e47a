"""What the doctor says of the stores: of their files, where they are files, and of what is in them.

A store that is not there yet is left so.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Literal

from heliograph.alert.port import Find, Status
from heliograph.assembly.found import indexed
from heliograph.assembly.pages import feed_row
from heliograph.assembly.replay_letters import REPLAYED
from heliograph.assembly.world import World
from heliograph.core.event import ARTICLES, DEAD_LETTERS, FLAGGED, MATCHES
from heliograph.index.port import Search

GROUPS = (
    ("detect", ARTICLES),
    ("stories", MATCHES),
    ("index-flagged", FLAGGED),
    ("index-archive", ARTICLES),
    ("alert", FLAGGED),
)
"""Every consumer group of the pipeline with the topic that it reads."""

LOW_DISK, NO_DISK = 1_000_000_000, 100_000_000
"""Bytes free below which a person is warned, and below which writes are about to fail."""
BEHIND = 300.0
"""Seconds that a step may be behind before it is worth a word."""
AHEAD = timedelta(minutes=2)
"""How far an event may be dated ahead of this clock: two machines never agree to the second."""
_NOT_YET = "not started yet"

Verdict = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's: what was looked at, how it is, and what to do where it is not well."""

    check: str
    status: Verdict
    what: str
    to_do: str = ""


def data_folder(world: World) -> Iterator[Finding]:
    """Look at the folder, its permissions and the disk that it is on."""
    folder = world.settings.data
    place = folder.resolve()
    nearest = next(path for path in (place, *place.parents) if path.exists())
    if not nearest.is_dir():
        yield Finding("data folder", "fail", f"{nearest} is no folder", "set `data` to a folder")
        return
    if not os.access(nearest, os.W_OK | os.X_OK):
        yield Finding("data folder", "fail", f"{nearest} cannot be written", f"give this user rights to {nearest}")
    elif not folder.exists():
        yield Finding("data folder", "ok", f"{place}: {_NOT_YET}, `heliograph run` makes it")
    else:
        yield Finding("data folder", "ok", f"{place}, writable")
    free = shutil.disk_usage(nearest).free
    verdict: Verdict = "fail" if free < NO_DISK else "warn" if free < LOW_DISK else "ok"
    advice = "" if verdict == "ok" else "free some space, or shorten retention.log and retention.archive"
    yield Finding("disk", verdict, f"{free / 1e9:,.1f} GB free", advice)


def event_log(world: World) -> Iterator[Finding]:
    """Look at the log's file, how far each group is behind, the dead letters and the clock."""
    if finding := _file(world, "event log", "log.sqlite"):
        yield finding
        return
    log = world.log
    kept = {topic: log.reader(topic, "doctor").lag().events for topic in (ARTICLES, MATCHES, FLAGGED, DEAD_LETTERS)}
    yield Finding("event log", "ok", ", ".join(f"{count:,} {topic}" for topic, count in kept.items()))
    for group, topic in GROUPS:
        lag = log.reader(topic, group).lag()
        late = lag.seconds > BEHIND
        what = f"events waiting: {lag.events:,}, the oldest for {lag.seconds:,.0f} s" if lag.events else "up to date"
        advice = "start `heliograph run`; where it runs, its log says what the step waits for" if late else ""
        yield Finding(f"step {group}", "warn" if late else "ok", what, advice)
    waiting = kept[DEAD_LETTERS] - log.reader(REPLAYED, "doctor").lag().events
    if waiting > 0:
        advice = "`heliograph replay --topic dead-letters` lists them"
        yield Finding("dead letters", "warn", f"{waiting:,} refused and not replayed", advice)
    now = world.now()
    ahead = next((m for topic in kept for m in log.scan(topic, now + AHEAD)), None)
    if ahead is None:
        yield Finding("clock", "ok", f"{now:%Y-%m-%d %H:%M:%S} UTC, no event is dated later")
    else:
        what = f"it is {now:%Y-%m-%d %H:%M:%S} UTC here, yet {ahead.place} is of {ahead.time:%Y-%m-%d %H:%M:%S}"
        yield Finding("clock", "warn", what, "set this machine's clock, best by NTP")


def ledger(world: World) -> Iterator[Finding]:
    """Look at the ledger's file, and at how the feeds are doing."""
    if finding := _file(world, "ledger", "ledger.sqlite"):
        yield finding
        return
    feeds = world.ledger.feeds()
    yield Finding("ledger", "ok", f"{len(feeds):,} subscriptions")
    counts = Counter(feed_row(feed, world).status for feed in feeds)
    never = sum(f.state.last_attempt is not None and f.state.last_success is None for f in feeds)
    polled = counts["ok"] + counts["failing"]
    what = f"{counts['ok']} ok, {counts['failing']} failing ({never} never answered), {counts['new']} not polled yet"
    if counts["failing"] and counts["failing"] == polled:
        yield Finding("feeds", "fail", what, "check the network: no feed answers; see `heliograph feeds list`")
    elif counts["failing"]:
        yield Finding("feeds", "warn", what, "see `heliograph feeds list --status failing`")
    else:
        yield Finding("feeds", "ok", what)


def alert_history(world: World) -> Iterator[Finding]:
    """Look at the history's file, and at what was not delivered."""
    if finding := _file(world, "alert history", "alerts.sqlite"):
        yield finding
        return
    found = {status: world.alerts.find(Find(statuses=(status,), limit=1)).total for status in Status}
    what = ", ".join(f"{count:,} {status.value}" for status, count in found.items() if count) or "empty"
    failed = bool(found[Status.FAILED])
    advice = "see `heliograph alerts list --status failed`, then `heliograph alerts retry --failed`" if failed else ""
    yield Finding("alert history", "warn" if failed else "ok", what, advice)


def indexes(world: World) -> Iterator[Finding]:
    """Look at both indexes; one that lacks what its step says is done was lost."""
    has_log = not world.tier.sole or (world.settings.data / "log.sqlite").exists()
    for name, topic in (("flagged", FLAGGED), ("archive", ARTICLES)):
        begun = indexed(world, name)
        total = world.index(name).aggregate(Search(), facets=(), buckets=1, size=1).total if begun else 0
        if not total and has_log and _done(world, topic, f"index-{name}"):
            what = f"empty, although {topic} were indexed"
            yield Finding(f"index {name}", "warn", what, "stop `heliograph run`, then `heliograph replay --to index`")
        else:
            yield Finding(f"index {name}", "ok", f"{total:,} articles" if begun else _NOT_YET)


def _file(world: World, check: str, name: str) -> Finding | None:
    """Return what is to say of a store's file instead of looking into it: that it is not there yet, or damaged."""
    if not world.tier.sole:
        return None  # on servers; what keeps them from answering is said when they are asked
    path = world.settings.data / name
    if not path.exists():
        return Finding(check, "ok", _NOT_YET)
    if damage := damage_of(path):
        return Finding(check, "fail", f"{path}: {damage}", "restore it from a backup, or move it away")
    return None


def _done(world: World, topic: str, group: str) -> bool:
    """Tell whether the group has worked on events of the topic that are still kept."""
    kept, lag = (world.log.reader(topic, reader).lag().events for reader in ("doctor", group))
    return kept > lag


def damage_of(path: Path) -> str:
    """Return what SQLite finds wrong with a file in one line, or the empty string."""
    try:
        connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=10)
        try:
            rows: Sequence[tuple[str]] = connection.execute("PRAGMA integrity_check(3)").fetchall()
        finally:
            connection.close()
    except sqlite3.Error as error:
        return f"cannot be read: {error}"
    found = [" ".join(row[0].split()) for row in rows]
    return "" if found == ["ok"] else f"damaged: {'; '.join(found)[:300]}"


def in_use(path: Path) -> bool:
    """Tell whether another process has a file of SQLite's open: in WAL mode, each holds a lock for as long as it has.

    A file that cannot be read is not in use: the store that opens it says what is wrong with it.
    """
    connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=rw", uri=True, timeout=1.0)
    try:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error as error:
        return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY
    else:
        return False
    finally:
        connection.close()
