"""Elasticsearch beside the embedded index: the same articles, the same requests, in one run.

    python -m tests.bench.bench_elastic [--documents 20000] [--url http://127.0.0.1:9200]

Without `--url` a node of its own is started and ended. One request is what the search page asks: 50 hits with evidence,
the exact total, the histogram and seven facets.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from deploy.stack.servers import Stack
from tests.bench.bench_index import ask, documents, load, percentile
from tests.stack.elastic import Cluster

from heliograph.index.embedded import EmbeddedIndex
from heliograph.index.port import Index

SMALL = 20
"""Batches of five, as a trickle of news writes them."""


@contextmanager
def embedded(_: str) -> Iterator[Index]:
    with TemporaryDirectory() as folder:
        index = EmbeddedIndex(Path(folder))
        yield index
        index.close()


@contextmanager
def elastic(url: str) -> Iterator[Index]:
    cluster = Cluster(url)
    try:
        yield cluster.index()
    finally:
        cluster.clean()


def run(count: int = 20_000, url: str = "", repeats: int = 2) -> dict[str, object]:
    """Load so many articles into both, ask every query over every range, and return what was measured."""
    if url:
        return _measured(count, url, repeats)
    with TemporaryDirectory() as folder:
        stack = Stack(Path(folder))
        try:
            stack.up(only="elasticsearch")
            return _measured(count, stack.url, repeats)
        finally:
            stack.down()


def _measured(count: int, url: str, repeats: int) -> dict[str, object]:
    sides: dict[str, Callable[[str], AbstractContextManager[Index]]] = {"embedded": embedded, "elasticsearch": elastic}
    return {"documents": count, **{name: _side(opened, count, url, repeats) for name, opened in sides.items()}}


def _side(
    opened: Callable[[str], AbstractContextManager[Index]], count: int, url: str, repeats: int
) -> dict[str, object]:
    with opened(url) as index:
        loaded = load(index, count, 1000)
        ask(index, 1)
        took, cpu, by_query = ask(index, repeats)
        small, rest = [], documents(SMALL * 5, seed=2)
        while made := list(islice(rest, 5)):
            started = time.perf_counter()
            index.upsert(made)
            small.append((time.perf_counter() - started) * 1000)
        return {
            **loaded,
            "requests": len(took),
            "p50_ms": round(statistics.median(took), 1),
            "p99_ms": round(percentile(took, 0.99), 1),
            "cpu_p50_ms": round(statistics.median(cpu), 1),
            "write_of_five_p50_ms": round(statistics.median(small), 1),
            "queries": by_query,
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=20_000)
    parser.add_argument("--url", default="", help="a node that runs already")
    given = parser.parse_args()
    print(json.dumps(run(given.documents, given.url), indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
