"""`make bench`: every benchmark, each in a process of its own, and docs/reference/benchmarks.md from the figures.

    python tests/bench/run.py [NAME...] [--no-write]

Ratios are taken inside one run and carry over to other machines; absolute figures are those of the machine named.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "reference" / "benchmarks.md"
Figures = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Bar:
    """What a figure is held to."""

    what: str
    limit: str
    figure: Callable[[Figures], str]
    holds: Callable[[Figures], bool]


@dataclass(frozen=True, slots=True)
class Bench:
    """One benchmark: the module, the call, what it shows, and its bars."""

    name: str
    call: str
    about: str
    bars: tuple[Bar, ...] = ()


BENCHES = (
    Bench(
        "parse",
        "bench_parse.run()",
        "A feed of 50 items and 120 kB: CPU time against bare feedparser on the same bytes.",
        (
            Bar(
                "reading a feed, times feedparser",
                ">= 20",
                lambda f: f"{f['quick_ratio']}",
                lambda f: float(f["quick_ratio"]) >= 20,
            ),
        ),
    ),
    Bench(
        "detect",
        "bench_detect.run()",
        "Articles of 3 kB through 2 (the shipped), 100, 1,000 and 10,000 topics: articles per CPU-second.",
        (
            Bar(
                "the two shipped topics, articles a CPU-second",
                ">= 2000",
                lambda f: f"{f['2']['articles_per_cpu_second']}",
                lambda f: f["2"]["articles_per_cpu_second"] >= 2000,
            ),
            Bar(
                "adding one topic to 10,000, ms",
                "< 10",
                lambda f: f"{f['10000']['add_one_ms']}",
                lambda f: f["10000"]["add_one_ms"] < 10,
            ),
        ),
    ),
    Bench("log", "bench_log.run()", "Appends and reads of 3 kB events, each append on disk when it returns."),
    Bench(
        "latency",
        "bench_latency.run()",
        "The real program at 50 articles a second, every one a hit: from fetched to searchable and to alerted.",
        (
            Bar(
                "fetched to searchable, p99 s", "<= 2", lambda f: f"{f['searchable_p99_s']}",
                lambda f: f["searchable_p99_s"] <= 2,
            ),
            Bar(
                "fetched to alert handed over, p99 s", "<= 2", lambda f: f"{f['alerted_p99_s']}",
                lambda f: f["alerted_p99_s"] <= 2,
            ),
        ),
    ),
    Bench(
        "poll",
        "bench_poll.run()",
        "10,000 feeds on loopback, half of which answer 304; a whole round.",
        (
            Bar("a round of 10,000 feeds, s", "<= 60", lambda f: f"{f['seconds']}", lambda f: f["seconds"] <= 60),
            Bar("memory, MB", "< 400", lambda f: f"{f['rss_mb']}", lambda f: f["rss_mb"] < 400),
        ),
    ),
    Bench(
        "index",
        "bench_index.run()",
        "100,000 articles of 3 kB: searches with histogram, facets and highlights.",
        (
            Bar("search, p99 ms", "<= 150", lambda f: f"{f['p99_ms']}", lambda f: f["p99_ms"] <= 150),
        ),
    ),
    Bench(
        "start",
        "bench_start.run()",
        "From the command to ready, and what an idle process holds.",
        (
            Bar("ready, s", "<= 3", lambda f: f"{f['ready_s']}", lambda f: f["ready_s"] <= 3),
            Bar("idle, MB", "<= 250", lambda f: f"{f['idle_rss_mb']}", lambda f: f["idle_rss_mb"] <= 250),
        ),
    ),
)  # fmt: skip


def measure(bench: Bench) -> Figures:
    """Run one benchmark in a fresh process and return its figures."""
    module = bench.call.partition(".")[0]
    with tempfile.NamedTemporaryFile(suffix=".json") as out:
        code = (
            f"import json, sys; sys.path[:0] = {[str(ROOT), str(ROOT / 'services'), str(Path(__file__).parent)]!r}\n"
            f"import {module}\n"
            f"json.dump({bench.call}, open({out.name!r}, 'w'))"
        )
        subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, stdout=sys.stderr)
        figures: Figures = json.loads(Path(out.name).read_text())
    return figures


def page(measured: dict[str, Figures], machine: str) -> str:
    """Return docs/reference/benchmarks.md."""
    lines = [
        "# Benchmarks",
        "",
        "Written by `make bench`. Ratios are taken in one run and carry over; absolute figures are this machine's.",
        "",
        machine,
        "",
        "| bar | limit | measured | holds |",
        "| --- | --- | --- | --- |",
    ]
    for bench in BENCHES:
        for bar in bench.bars if bench.name in measured else ():
            figures = measured[bench.name]
            lines.append(
                f"| {bar.what} | {bar.limit} | {bar.figure(figures)} | {'yes' if bar.holds(figures) else '**no**'} |"
            )
    for bench in BENCHES:
        if bench.name in measured:
            command = f"python tests/bench/run.py {bench.name}"
            figures_text = json.dumps(measured[bench.name], indent=2)
            lines += ["", f"## {bench.name}", "", bench.about, "", f"`{command}`", "", "```json", figures_text, "```"]
    return "\n".join(lines) + "\n"


def machine() -> str:
    """Return a line on this machine, now."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    load = os.getloadavg()[0]
    today = datetime.now(UTC).date()
    return (
        f"{today}, Python {platform.python_version()}, {platform.system()} {platform.machine()}, "
        f"{os.cpu_count()} cores, {memory:.0f} GiB; load when it began: {load:.1f}."
    )


def main() -> int:
    """Run the benchmarks named, or all of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(bench.name for bench in BENCHES)}")
    parser.add_argument("--no-write", action="store_true", help="print only; leave the page as it is")
    arguments = parser.parse_args()
    here = machine()
    measured: dict[str, Figures] = {}
    for bench in BENCHES:
        if not arguments.names or bench.name in arguments.names:
            print(f"== {bench.name}: {bench.about}", flush=True)
            measured[bench.name] = measure(bench)
            print(json.dumps(measured[bench.name], indent=2), flush=True)
            for bar in bench.bars:
                verdict = "holds" if bar.holds(measured[bench.name]) else "DOES NOT HOLD"
                print(f"   {bar.what}: {bar.figure(measured[bench.name])} ({bar.limit}) {verdict}", flush=True)
    if not arguments.no_write and not arguments.names:
        PAGE.parent.mkdir(parents=True, exist_ok=True)
        PAGE.write_text(page(measured, here))
        print(f"written: {PAGE.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
