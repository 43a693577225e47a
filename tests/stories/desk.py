"""The real program in this process, on a folder of its own: what the stories are told with."""

from __future__ import annotations

import json
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

from heliograph.compose import program
from heliograph.settings import load_settings

ALLOW = {"allow_networks": ("127.0.0.0/8", "::1/128"), "poll_min": "200ms", "poll_max": "400ms", "per_host": 16}


class Desk:
    """A running Heliograph. Use it as a context manager; `stop` and `start` again on the same folder."""

    def __init__(self, data: Path, **flags: Any) -> None:
        self.data = data
        fetch = {**ALLOW, **flags.pop("fetch", {})}
        self.flags: Mapping[str, Any] = {"data": data, "sources": "none", "web": {"port": 0}, "fetch": fetch, **flags}
        self._running: Any = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start the program on what the folder holds."""
        self._running = program(load_settings(None, self.flags))
        self._running.start()

    def stop(self) -> None:
        """Stop it cleanly."""
        if self._running is not None:
            self._running.stop()
            self._running = None

    def get(self, path: str) -> Any:
        """Return the JSON that an address of the API answers with."""
        with urllib.request.urlopen(f"{self._running.url}{path}", timeout=20) as answer:
            return json.load(answer)

    def search(self, query: str = "", *, scope: str = "all", limit: int = 500) -> Any:
        """Return what the API finds."""
        return self.get(f"/api/v1/search?q={urllib.parse.quote(query)}&scope={scope}&limit={limit}")

    def alerts(self) -> list[Any]:
        """Return the alerts, newest first."""
        return list(self.get("/api/v1/alerts?limit=500")["items"])

    def feeds(self) -> dict[str, Any]:
        """Return the feeds by id."""
        return {feed["id"]: feed for feed in self.get("/api/v1/feeds")["items"]}

    def lag(self) -> int:
        """Return how many events wait for any step."""
        return sum(step.lag_events for step in self._running.health())

    def polls(self) -> float:
        """Return how many polls have ended since the start, from /metrics."""
        with urllib.request.urlopen(f"{self._running.url}/metrics", timeout=20) as answer:
            lines = answer.read().decode().splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith("heliograph_polls_total{"))


def wait_for(holds: Callable[[], object], seconds: float = 30.0, what: str = "") -> None:
    """Wait until `holds()` is true; looks twenty times a second. Fails with `what` otherwise."""
    pause, until = threading.Event(), time.monotonic() + seconds
    while not holds():
        if time.monotonic() > until:
            raise AssertionError(f"did not come true within {seconds} s: {what or holds}")
        pause.wait(0.05)
