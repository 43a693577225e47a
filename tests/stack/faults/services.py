"""Services as processes of their own: started, killed and asked for their metrics."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families
from tests.stories.desk import wait_for

START = 120.0
"""Seconds within which a service must say that it is ready."""


class Zygote:
    """Starts processes from one that has imported everything."""

    def __init__(self, folder: Path) -> None:
        present = os.environ.items()  # noqa: TID251 - taken away below, nobody's own settings are tested
        kept = {name: value for name, value in present if not name.startswith("HELIOGRAPH_")}
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", str(Path(__file__).with_name("zygote.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=kept,
            cwd=folder,
        )
        assert self._hear() == "ready"

    def start(self, service: str, settings: dict[str, Any], log: Path) -> int:
        """Start one service; return its process id."""
        assert self._process.stdin is not None
        wanted = {"service": service, "settings": settings, "log": str(log)}
        self._process.stdin.write(f"{json.dumps(wanted)}\n")
        self._process.stdin.flush()
        return int(self._hear())

    def close(self) -> None:
        """End the zygote; what it started goes on."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(20)
        self._process.stdout.close()

    def _hear(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


class Service:
    """One service: its settings, and its process if it runs."""

    def __init__(self, zygote: Zygote, folder: Path, service: str, settings: dict[str, Any], name: str = "") -> None:
        self.service, self.name = service, name or service
        self.kills = self.lives = 0
        self._zygote, self._folder, self._settings = zygote, folder, settings
        self._pid = self._watch = 0

    @property
    def log(self) -> Path:
        """What it says in its present life."""
        return self._folder / f"{self.name}.{self.lives}.log"

    @property
    def runs(self) -> bool:
        """Whether it was started, and not ended by us."""
        return bool(self._pid)

    def start(self) -> None:
        """Start it; return at once."""
        self.lives += 1
        self._pid = self._zygote.start(self.service, self._settings, self.log)
        self._watch = os.pidfd_open(self._pid)

    def wait_ready(self) -> None:
        """Return once it says that it runs. Fails where it has ended."""

        def said() -> bool:
            assert not self.ended(0), f"{self.name} ended: {self.log.read_text()[-2000:]}"
            return bool(self._probes())

        wait_for(said, START, f"{self.name} is ready")

    def kill(self) -> None:
        """End it as `kill -9` does; return when it is gone."""
        self._end(signal.SIGKILL)
        self.kills += 1

    def stop(self) -> None:
        """Ask it to end, as SIGTERM does; return when it is gone."""
        self._end(signal.SIGTERM)

    def ended(self, within: float) -> bool:
        """Tell whether the process is gone, or goes within so many seconds."""
        return not self._pid or bool(select.select([self._watch], [], [], within)[0])

    def handled(self) -> Counter[str]:
        """Return how many events its stages have worked on in this life, as `stage/outcome`."""
        found: Counter[str] = Counter()
        for family in text_string_to_metric_families(self.ask("/metrics")):
            for sample in family.samples:
                if sample.name == "heliograph_stage_events_total":
                    found[f"{sample.labels['stage']}/{sample.labels['outcome']}"] += int(sample.value)
        return found

    def ask(self, path: str) -> str:
        """Return what the port of the probes answers, also where it answers that something is wrong."""
        try:
            with urllib.request.urlopen(f"{self._probes()}{path}", timeout=30) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError as refused:
            with refused:
                return str(refused.read().decode())

    def _probes(self) -> str:
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        found = re.search(r"probes on (http://\S+)\n", text)
        return found[1] if found else ""

    def _end(self, how: signal.Signals) -> None:
        if not self._pid:
            return
        signal.pidfd_send_signal(self._watch, how)
        if not self.ended(30):
            signal.pidfd_send_signal(self._watch, signal.SIGKILL)
            assert self.ended(30), self.name
        os.close(self._watch)
        self._pid = 0
