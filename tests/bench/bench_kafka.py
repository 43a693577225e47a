"""The log on Kafka beside the log in SQLite, in one run: appends and reads a second, and what a lag costs.

    python tests/bench/bench_kafka.py [HOST:PORT]

Without an address a broker is started by deploy/stack and ended afterwards. Every append waits for its acknowledgement:
of the disk with SQLite, of the broker with Kafka, which writes to the disk later and relies on its replicas.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "services"))

from deploy.stack.stack import Stack

from heliograph.eventlog.kafka import KafkaLog
from heliograph.eventlog.port import Entry, EventLog
from heliograph.eventlog.sqlite import SqliteLog
from heliograph.runtime import kafka as clients
from heliograph.settings import KafkaSettings

EVENTS = 20_000
THREADS = 16
_WORDS = [f"w{n}".ljust(6, "o") for n in range(2000)]


def _value(seed: int) -> bytes:
    """Return 3 kB that compress as text does."""
    chosen = random.Random(seed)
    return " ".join(chosen.choices(_WORDS, k=430)).encode()[:3000]


def _seconds(work: Callable[[], object]) -> float:
    before = time.perf_counter()
    work()
    return time.perf_counter() - before


def _together(work: Callable[[int], None]) -> None:
    threads = [threading.Thread(target=work, args=(n,)) for n in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _measure(log: EventLog, events: int) -> dict[str, float]:
    values = [_value(seed) for seed in range(500)]
    batches = [
        [Entry(f"{n}-{i}", f"key-{n}-{i}", values[(n * 200 + i) % 500]) for i in range(200)]
        for n in range(events // 200)
    ]
    count = max(1, events // 400)

    def singles(thread: int) -> None:
        for number in range(count):
            log.append("matches", [Entry(f"{thread}-{number}", f"{thread}-{number}", values[number % 500])])

    log.append("articles", [Entry("warm", "warm", b"")])
    log.append("matches", [Entry("warm", "warm", b"")])
    spent = time.process_time()
    batched = _seconds(lambda: [log.append("articles", batch) for batch in batches])
    append_cpu = time.process_time() - spent
    alone = _seconds(lambda: singles(THREADS))
    together = _seconds(lambda: _together(singles))
    reader = log.reader("articles", "bench")
    first = _seconds(lambda: _first_read(log))
    wanted, got = len(batches) * 200 + 1, 0

    def read_all() -> None:
        nonlocal got
        while got < wanted:
            messages = reader.read(500, 5)
            got += len(messages)
            reader.commit(messages)

    spent = time.process_time()
    reading = _seconds(read_all)
    read_cpu = time.process_time() - spent
    scanning = _seconds(lambda: sum(1 for _ in log.scan("articles")))
    lags = sorted(_seconds(reader.lag) for _ in range(20))
    reader.close()
    return {
        "appends_per_second_in_batches_of_200": round(len(batches) * 200 / batched),
        "appends_per_cpu_second": round(len(batches) * 200 / append_cpu),
        "appends_per_second_one_by_one": round(count / alone),
        f"appends_per_second_from_{THREADS}_threads": round(THREADS * count / together),
        "reads_per_second_with_commits": round(got / reading),
        "reads_per_cpu_second": round(got / read_cpu),
        "scanned_per_second": round(wanted / scanning),
        "first_read_ms": round(first * 1000),
        "lag_ms_median": round(lags[len(lags) // 2] * 1000, 1),
    }


def _first_read(log: EventLog) -> None:
    reader = log.reader("matches", "bench-first")
    while not reader.read(1, 5):
        continue
    reader.close()


def run(bootstrap: str = "", events: int = EVENTS) -> dict[str, dict[str, float]]:
    """Return the figures of both logs; values of 3 kB, 12 partitions on one broker, one reader."""
    with tempfile.TemporaryDirectory() as folder:
        stack = None if bootstrap else Stack(Path(folder) / "stack")
        if stack is not None:
            stack.up(only="kafka")
            bootstrap = stack.bootstrap
        settings = KafkaSettings(bootstrap=bootstrap, topic_prefix=f"bench-{uuid4().hex[:8]}.")
        kafka, sqlite = KafkaLog(settings), SqliteLog(Path(folder) / "log.sqlite")
        try:
            return {"kafka": _measure(kafka, events), "sqlite": _measure(sqlite, events)}
        finally:
            kafka.close()
            sqlite.close()
            if stack is not None:
                stack.down(grace=2)
            else:
                _drop(settings)


def _drop(settings: KafkaSettings) -> None:
    admin = clients.admin(settings)
    admin.delete_topics([name for name in admin.list_topics() if name.startswith(settings.topic_prefix)])
    admin.close()


if __name__ == "__main__":
    print(json.dumps(run("".join(sys.argv[1:2])), indent=2))
