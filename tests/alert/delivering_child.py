"""Delivers from the outbox given until it is killed: the process that test_crash.py kills."""

from __future__ import annotations

import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

from heliograph.alert.channels import Tools, build_channels
from heliograph.alert.deliver import Deliverer
from heliograph.alert.history_sqlite import SqliteHistory


def main(path: str, url: str, secret: str) -> None:
    channels = build_channels([{"name": "desk", "type": "webhook", "url": url, "secret": secret}], Tools())
    deliverer = Deliverer(
        outbox=SqliteHistory(Path(path)),
        notifiers=channels,
        clock=lambda: datetime.now(UTC),
        schedule=[0.01] * 50,
        concurrency=3,
    )
    deliverer.run(threading.Event())


if __name__ == "__main__":
    main(*sys.argv[1:])
