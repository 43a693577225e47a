"""Work that nobody asks for: retention, lag gauges, and topics edited while the program runs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import structlog

from heliograph.assembly.world import World
from heliograph.core.event import ARTICLES, DEAD_LETTERS, FLAGGED, MATCHES
from heliograph.detect.engine import Engine
from heliograph.detect.files import KINDS, Definitions, load_definitions
from heliograph.errors import LogUnavailable

_log = structlog.get_logger("upkeep")
_HOUR = 3600.0
_LOOK = 2.0
"""Seconds between two looks at the topic files."""
_GAUGES = 5.0


class Retention:
    """Drops what is older than the settings say, at the start and every hour."""

    def __init__(self, world: World) -> None:
        self._world = world

    def run(self, stop: threading.Event) -> None:
        """Keep house until `stop` is set."""
        while True:
            self.once()
            if stop.wait(_HOUR):
                return

    def once(self) -> dict[str, int]:
        """Drop what is due; return how much of each went."""
        world, kept, now = self._world, self._world.settings.retention, self._world.now()
        gone = {topic: world.log.trim(topic, _before(now, kept.log)) for topic in (ARTICLES, MATCHES, FLAGGED)}
        gone[DEAD_LETTERS] = world.log.trim(DEAD_LETTERS, _before(now, kept.dead_letters))
        gone["alerts"] = world.alerts.purge(_before(now, kept.alerts))
        gone["index flagged"] = world.index("flagged").purge(_before(now, kept.flagged))
        gone["index archive"] = world.index("archive").purge(_before(now, kept.archive))
        for name, count in gone.items():
            if count:
                _log.info("retention", dropped=count, of=name)
        return gone


def _before(now: datetime, kept: timedelta) -> datetime:
    # A retention longer than history itself means for ever.
    return now - min(kept, now - datetime(1970, 1, 2, tzinfo=now.tzinfo))


class Preparing:
    """Makes what the tier's servers lack, as soon as they answer; says what is there and differs."""

    def __init__(self, world: World) -> None:
        self._world = world

    def run(self, stop: threading.Event) -> None:
        """Prepare, then wait for `stop`. Raises Unavailable while the servers are away, to be started again."""
        for line in self._world.tier.prepare(self._world.log):
            _log.warning("not as declared", what=line)
        stop.wait()


class Gauges:
    """Refreshes the lag gauges, which the runner sets when it is asked how it does."""

    def __init__(self, health: Callable[[], object]) -> None:
        self._health = health

    def run(self, stop: threading.Event) -> None:
        """Ask until `stop` is set. While the log is away the gauges keep what they showed, and `/readyz` says why."""
        while not stop.wait(_GAUGES):
            with suppress(LogUnavailable):
                self._health()


class Definers:
    """Reloads topics and concepts when a file of them changes, and puts them in force.

    A file that is wrong is said in the log and changes nothing: the topic as it was before the edit stays in force, so
    that a slip of the pen misses no article.
    """

    def __init__(self, world: World, use: Callable[[Engine], None]) -> None:
        self._world, self._use = world, use
        self._seen = self._stamp()

    def run(self, stop: threading.Event) -> None:
        """Look at the files until `stop` is set."""
        while not stop.wait(_LOOK):
            stamp = self._stamp()
            if stamp != self._seen:
                self._seen = stamp
                self.reload()

    def reload(self) -> Definitions:
        """Read the files and put them in force."""
        before, found = self._world.definitions, load_definitions(self._world.folders)
        files = [Path(error.place.partition(":")[0]) for error in found.errors]
        for error in found.errors:
            _log.error("definition is wrong; what was in force stays", error=str(error))
        if any(file.parent.name == "languages" for file in files):
            # Every topic would lose the language.
            return before
        broken = {file.stem for file in files}
        kept = {name: before.compiled[name] for name in broken & before.compiled.keys() - found.compiled.keys()}
        merged = replace(
            found,
            topics={**{name: before.topics[name] for name in kept}, **found.topics},
            compiled={**kept, **found.compiled},
        )
        self._world.definitions = merged
        self._use(Engine(merged.compiled.values()))
        _log.info("topics in force", topics=sorted(merged.compiled))
        return merged

    def _stamp(self) -> tuple[tuple[str, int, int], ...]:
        folders = [folder / kind for folder in self._world.folders for kind in KINDS]
        files = sorted(path for folder in folders for path in folder.glob("*.y*ml"))
        stats = [(str(path), path.stat()) for path in files if path.exists()]
        return tuple((path, stat.st_mtime_ns, stat.st_size) for path, stat in stats)
