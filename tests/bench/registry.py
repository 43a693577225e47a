"""Every benchmark of `make bench`, in the order in which they run: those without servers first, while none runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.bench.page import Bar, Bench, Figures


def _most(what: str, limit: float, key: str) -> Bar:
    """Return a bar that a figure must not exceed."""
    return Bar(what, f"<= {limit:g}", _shown(key), lambda figures: bool(_of(figures, key) <= limit))


def _least(what: str, limit: float, key: str) -> Bar:
    """Return a bar that a figure must reach."""
    return Bar(what, f">= {limit:g}", _shown(key), lambda figures: bool(_of(figures, key) >= limit))


def _below(what: str, limit: float, key: str) -> Bar:
    """Return a bar that a figure must stay under."""
    return Bar(what, f"< {limit:g}", _shown(key), lambda figures: bool(_of(figures, key) < limit))


def _of(figures: Figures, key: str) -> float:
    """Return a figure by its path, such as `2.articles_per_cpu_second`."""
    found: Any = figures
    for name in key.split("."):
        found = found[name]
    return float(found)


def _shown(key: str) -> Callable[[Figures], str]:
    return lambda figures: f"{_of(figures, key):.15g}"


BENCHES = (
    Bench(
        "parse",
        "bench_parse.run()",
        "A feed of 50 items and 120 kB: CPU time against bare feedparser on the same bytes.",
        (_least("reading a feed, times feedparser", 20, "quick_ratio"),),
    ),
    Bench(
        "detect",
        "bench_detect.run()",
        "Articles of 3 kB through 2 (the shipped), 100, 1,000 and 10,000 topics: articles per CPU-second.",
        (
            _least("the two shipped topics, articles a CPU-second", 2000, "2.articles_per_cpu_second"),
            _below("adding one topic to 10,000, ms", 10, "10000.add_one_ms"),
        ),
    ),
    Bench(
        "monitor",
        "bench_monitor.run()",
        "Our matcher beside Lucene Monitor 9.11.1: the same made-up topics and articles, matches without evidence, "
        "articles a CPU-second; the better of its two ways counts.",
        (_least("10,000 topics, times Lucene Monitor in batches or one by one", 10, "10000.ratio"),),
    ),
    Bench("log", "bench_log.run()", "Appends and reads of 3 kB events, each append on disk when it returns."),
    Bench(
        "latency",
        "bench_latency.run(hits=1)",
        "The real program at 50 articles a second, every one a hit: from fetched to searchable and to alerted.",
        (
            _most("fetched to searchable, p99 s", 2, "searchable_p99_s"),
            _most("fetched to alert handed over, p99 s", 2, "alerted_p99_s"),
        ),
    ),
    Bench(
        "poll",
        "bench_poll.run()",
        "10,000 feeds on loopback, half of which answer 304; a whole round.",
        (_most("a round of 10,000 feeds, s", 60, "seconds"), _below("memory, MB", 400, "rss_mb")),
    ),
    Bench(
        "index",
        "bench_index.run()",
        "100,000 articles of 3 kB: searches with histogram, facets and highlights.",
        (_most("search, p99 ms", 150, "p99_ms"),),
    ),
    Bench(
        "start",
        "bench_start.run()",
        "From the command to ready, and what an idle process holds.",
        (_most("ready, s", 3, "ready_s"), _most("idle, MB", 250, "idle_rss_mb")),
    ),
    Bench(
        "runners",
        "bench_runners.run(kafka)",
        "Articles of 3 kB through `detect` with the shipped topics: the embedded tier, threads that poll Kafka, Faust.",
        servers=True,
    ),
    Bench(
        "workers",
        "bench_workers.run(kafka)",
        "The same backlog through `detect` with 1,000 topics on Kafka and Faust: three worker processes against one. "
        "Broker and workers share the cores of one machine.",
        servers=True,
    ),
    Bench(
        "distributed",
        "bench_distributed.run(kafka, elasticsearch)",
        "The distributed tier, each service a process, at 50 articles a second, one in five a hit and alerted: from "
        "fetched to searchable and to alerted. Services, broker, Elasticsearch, feeds and receiver share the cores.",
        (
            _most("distributed: fetched to searchable, p99 s", 5, "searchable_p99_s"),
            _most("distributed: fetched to alert handed over, p99 s", 5, "alerted_p99_s"),
        ),
        servers=True,
    ),
    Bench(
        "distributed-all-hits",
        "bench_distributed.run(kafka, elasticsearch, hits=1)",
        "The same where every one of 50 articles a second is a hit and alerted, which is more than two cores do beside "
        "everything else that they run here.",
        (
            _most("distributed, every article alerted: fetched to searchable, p99 s", 5, "searchable_p99_s"),
            _most("distributed, every article alerted: fetched to alert handed over, p99 s", 5, "alerted_p99_s"),
        ),
        servers=True,
    ),
    Bench(
        "recovery",
        "bench_recovery.run(kafka, elasticsearch)",
        "Ten times the usual 50 articles a second for a minute, through `detect`, `stories` and `index`: when nothing "
        "waits any more, and the memory of each service.",
        (
            _most("nothing waits any more after a minute of ten times the load, s", 300, "recovered_seconds"),
            _most("most memory of a service in it, times before", 2, "worst_peak_to_before"),
            _most("memory of a service after it, times before", 1.5, "worst_memory_after_to_before"),
        ),
        servers=True,
    ),
    Bench(
        "kafka",
        "bench_kafka.run(kafka)",
        "The log on Kafka beside the log in SQLite: events of 3 kB, 12 partitions on one broker, one reader.",
        servers=True,
    ),
    Bench(
        "elastic",
        "bench_elastic.run(5_000, elasticsearch)",
        "Elasticsearch beside the embedded index: 5,000 articles of 3 kB, searches as the search page makes them.",
        servers=True,
    ),
)
