"""One FaustRunner in a process of its own, to be killed: copies articles to `matches` and says what it was handed.

    python -m tests.stack.faust_worker BOOTSTRAP PREFIX SESSION_SECONDS [APPENDS]

Each line on standard output is the id of an event handed in. After so many appends to the sink the process kills
itself: the events are in the sink then, and their positions are not committed.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from tests.contract.runners import copy_of
from tests.stack.kafka import specs

from heliograph.core.event import Envelope
from heliograph.eventlog.kafka import KafkaLog
from heliograph.eventlog.port import Entry
from heliograph.runtime.faust import FaustRunner
from heliograph.runtime.logs import configure_logs
from heliograph.runtime.metrics import Metrics
from heliograph.runtime.stage import Outcome, Step
from heliograph.settings import KafkaSettings


class Copies:
    """Copies every event, and says so."""

    name = "scripted"

    def handle(self, batch: Sequence[Envelope]) -> Sequence[Outcome]:
        os.write(1, "".join(f"{e.id}\n" for e in batch).encode())
        return [copy_of(e) for e in batch]


class DiesAfter:
    """The log, until it has appended to the sink so many times."""

    def __init__(self, log: KafkaLog, appends: int) -> None:
        self._log, self._left = log, appends

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)

    def append(self, topic: str, entries: Sequence[Entry]) -> int:
        appended = self._log.append(topic, entries)
        self._left -= topic == "matches"
        if not self._left:
            os.kill(os.getpid(), signal.SIGKILL)
        return appended


def main(bootstrap: str, prefix: str, session: str, appends: str = "0") -> None:
    """Run until SIGTERM, or until it kills itself."""
    configure_logs("warning")
    timeout = timedelta(seconds=float(session))
    access = KafkaSettings(bootstrap=bootstrap, topic_prefix=prefix, session_timeout=timeout)
    log: Any = DiesAfter(KafkaLog(access, topics=specs()), int(appends) or -1)
    runner = FaustRunner(log, [Step(Copies(), "articles", sink="matches", batch=50)], Metrics(), kafka=access)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    runner.start()
    stop.wait()
    runner.stop()
    log.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
