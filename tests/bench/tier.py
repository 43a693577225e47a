"""What benchmarks of the distributed tier stand on: servers, an installation of their own on them, its processes."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from deploy.stack.stack import Stack
from prometheus_client.parser import text_string_to_metric_families
from tests.bench.bench_detect import articles, vocabularies
from tests.stack.elastic import Cluster
from tests.stack.kafka import drop_topics

from heliograph.compose import world
from heliograph.core.article import Article
from heliograph.core.event import ArticleFetched, Envelope
from heliograph.eventlog.port import Entry, EventLog
from heliograph.runtime.work import entry
from heliograph.settings import Settings, load_settings

QUIET = """
data = "{folder}/data"
sources = "none"
runner = "{runner}"
[logs]
level = "error"
"""
"""Settings of services that are fed through the log, and have no feeds of their own."""


class Service:
    """One process of the real program; it runs until `stop`."""

    def __init__(self, services: Sequence[str], config: Path, name: str = "") -> None:
        self.name = name or "-".join(services) or "all"
        present = os.environ.items()  # noqa: TID251 - taken away below, nobody's own settings are measured
        self._process = subprocess.Popen(
            [sys.executable, "-m", "heliograph", "run", *services, "--config", str(config)],
            stdout=subprocess.PIPE,
            text=True,
            env={name: value for name, value in present if not name.startswith("HELIOGRAPH_")},
            cwd=config.parent,
        )
        self.url = self.probes = ""

    def wait_ready(self) -> None:
        """Return once it says where its pages and probes are. Raises RuntimeError where it ends instead."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if "ready" not in line:
            raise RuntimeError(f"{self.name} did not start; what it said of it stands above")
        pages, probes = re.search(r"ready on (\S+);", line), re.search(r"probes on (\S+)$", line.strip())
        self.url, self.probes = pages[1] if pages else "", probes[1] if probes else ""

    def handled(self) -> int:
        """Return how many events its stages have worked on."""
        with urllib.request.urlopen(f"{self.probes}/metrics", timeout=30) as answer:
            families = text_string_to_metric_families(answer.read().decode())
        samples = [sample for family in families for sample in family.samples]
        return sum(int(sample.value) for sample in samples if sample.name == "heliograph_stage_events_total")

    def cpu_seconds(self) -> float:
        """Return the CPU time that it has taken."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_mb(self) -> int:
        """Return what it holds of memory now."""
        return self._status("VmRSS")

    def peak_mb(self) -> int:
        """Return the most it has held since the start, or since `forget_peak`."""
        return self._status("VmHWM")

    def forget_peak(self) -> None:
        """Begin to look for the most anew."""
        Path(f"/proc/{self._process.pid}/clear_refs").write_text("5")

    def stop(self) -> None:
        """End it politely, and otherwise after a while."""
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(20)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _status(self, name: str) -> int:
        text = Path(f"/proc/{self._process.pid}/status").read_text()
        return round(int(text.split(f"{name}:")[1].split()[0]) / 1024)


@contextmanager
def running(wanted: Sequence[Sequence[str]], config: Path) -> Iterator[list[Service]]:
    """Yield a process for each list of services, all of them ready; a number tells those of one kind apart."""
    started: list[Service] = []
    try:
        for number, services in enumerate(wanted):
            name = f"{services[0]}-{number}" if list(wanted).count(services) > 1 else ""
            started.append(Service(services, config, name))
        for service in started:
            service.wait_ready()
        yield started
    finally:
        for service in started:
            service.stop()


@contextmanager
def servers(kafka: str = "", elasticsearch: str = "", *, only: str = "") -> Iterator[tuple[str, str]]:
    """Yield the addresses of a broker and of Elasticsearch: those given, or a stack of our own, ended afterwards."""
    if kafka and (elasticsearch or only == "kafka"):
        yield kafka, elasticsearch
        return
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(Path(folder))
        try:
            stack.up(only)
            yield stack.bootstrap, "" if only == "kafka" else stack.url
        finally:
            stack.down(grace=2)  # nobody needs the data


@contextmanager
def installation(folder: Path, kafka: str, elasticsearch: str, text: str = "") -> Iterator[tuple[Path, EventLog]]:
    """Yield a settings file of the distributed tier, on topics and indices of its own, and its log.

    `text` is TOML: keys first, tables behind them. What was made on the servers is gone afterwards.
    """
    cluster = Cluster(elasticsearch or "http://127.0.0.1:9200")
    config = folder / "heliograph.toml"
    # Its prefix is nobody else's, and does for the topics as well.
    tables: dict[str, dict[str, Any]] = {
        "kafka": {"bootstrap": kafka, "topic_prefix": f"{cluster.prefix.rstrip('-')}."},
        "elasticsearch": {"url": cluster.url, "index_prefix": cluster.prefix},
        "health": {"host": "127.0.0.1", "port": 0},
    }
    lines = ['tier = "distributed"', text.strip()]
    for name, keys in tables.items():
        lines += [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in keys.items())]
    config.write_text("\n".join(lines) + "\n")
    settings: Settings = load_settings(config)
    here = world(settings)
    try:
        here.tier.prepare(here.log)
        yield config, here.log
    finally:
        here.close()
        drop_topics(settings.kafka)
        if elasticsearch:
            cluster.clean()


class Stream:
    """Articles of 3,000 characters as they come from `ingest`, one in fifty about a shipped topic; never one twice."""

    def __init__(self, kinds: int = 1_000, seed: int = 7) -> None:
        chance = random.Random(seed)
        self.words = vocabularies(chance)
        self._made: list[Article] = articles(kinds, self.words, chance)
        self.count = 0

    def next(self, count: int) -> list[Entry]:
        """Return the next so many, fetched now."""
        now, found = datetime.now(UTC), []
        for number in range(self.count, self.count + count):
            made = self._made[number % len(self._made)]
            article = msgspec.structs.replace(
                made, id=f"a-{number}", title=f"{made.title} {number}", fetched=now, sorted=now
            )
            event = Envelope(
                id=f"e-{number}", time=now, trace=f"e-{number}", data=ArticleFetched(article=article), origin="ingest"
            )
            found.append(entry(event))
        self.count += count
        return found


def documents(config: Path, index: str) -> int:
    """Return how many documents an index of an installation holds."""
    access = load_settings(config).elasticsearch
    cluster = Cluster(access.url)
    cluster.ask("POST", f"{access.index_prefix}{index}/_refresh")
    return int(cluster.ask("GET", f"{access.index_prefix}{index}/_count")["count"])


class Shares:
    """CPU time from now on of services and of Elasticsearch, as shares of one core."""

    def __init__(self, services: Sequence[Service], elasticsearch: str) -> None:
        self._services, self._cluster = services, Cluster(elasticsearch)
        self._started, self._before = time.monotonic(), self._cpu()

    def read(self) -> dict[str, float]:
        """Return the shares up to now."""
        now, spent = self._cpu(), time.monotonic() - self._started
        return {name: round((seconds - self._before[name]) / spent, 2) for name, seconds in now.items()}

    def _cpu(self) -> dict[str, float]:
        nodes = self._cluster.ask("GET", "_nodes/stats/process")["nodes"].values()
        node = sum(node["process"]["cpu"]["total_in_millis"] for node in nodes) / 1000
        return {**{service.name: service.cpu_seconds() for service in self._services}, "elasticsearch": node}
