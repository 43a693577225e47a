"""One ingest worker: `ingest_child.py BOOTSTRAP PREFIX NAME [alone]`; SIGTERM ends it as a stop of the service does.

`alone` makes it take every feed for its own, as a worker would that knew of no other.
"""

from __future__ import annotations

import signal
import sys
import tempfile
import threading
from collections.abc import Sequence
from typing import NoReturn

from heliograph.assembly.collection import Collection
from heliograph.assembly.world import Tier, World
from heliograph.eventlog.kafka import KafkaLog
from heliograph.fetch.ledger_kafka import KafkaLedger
from heliograph.fetch.port import Share, Update
from heliograph.fetch.share import Whole
from heliograph.runtime.logs import configure_logs
from heliograph.settings import Settings, load_settings

SHORTEST, LONGEST = "4s", "5s"
"""Different, so that workers which know nothing of each other drift into each other."""
SESSION = "6s"
"""The shortest that a broker allows."""


class Alone(KafkaLedger):
    """Shares with nobody, and keeps nothing."""

    def share(self) -> Share:
        return Whole(self)

    def save(self, updates: Sequence[Update]) -> None:
        """Remember in the process alone."""


def settings(bootstrap: str, prefix: str, folder: str, name: str) -> Settings:
    """Return settings under which feeds are polled every few seconds, by a client of this name."""
    fetch = {"poll_min": SHORTEST, "poll_max": LONGEST, "allow_networks": ["127.0.0.0/8"], "user_agent": name}
    kafka = {"bootstrap": bootstrap, "topic_prefix": prefix, "session_timeout": SESSION}
    return load_settings(flags={"data": folder, "sources": "none", "fetch": fetch, "kafka": kafka})


def unused(*_: object) -> NoReturn:
    """Stand for what ingest has no business with."""
    raise AssertionError("ingest opened what it does not need")


def main() -> None:
    bootstrap, prefix, name = sys.argv[1:4]
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    with tempfile.TemporaryDirectory() as folder:
        given = settings(bootstrap, prefix, folder, name)
        configure_logs(given.logs.level, given.logs.form)
        ledger = Alone if sys.argv[4:] == ["alone"] else KafkaLedger
        tier = Tier(
            name="test",
            log=lambda: KafkaLog(given.kafka),
            ledger=lambda: ledger(given.kafka),
            index=unused,
            alerts=unused,
            runner=unused,
        )
        world = World(given, tier)
        Collection(world).run(stop)
        world.close()


if __name__ == "__main__":
    main()
