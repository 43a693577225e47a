"""Our matcher beside Lucene Monitor 9.11.1: the same topics, the same folded articles, articles a CPU-second.

    python tests/bench/bench_monitor.py [--sizes 1000,10000] [--articles 300]

The topics are those of bench_detect.py. The Monitor gets them as its own queries (terms, prefixes, phrases, intervals)
behind its term-filtered presearcher, and articles whose tokens are folded already, so that both look for the same in
the same; the number of matches says whether they did. Rates count the CPU time of the whole process, the virtual
machine's threads included, in the best of three passes. The Monitor says which queries match and not why, so it is
compared with our matcher without evidence; of its articles one by one and in batches of 50, the better counts.
Without a Java of 17 or newer with a compiler, or without Maven, the Monitor is left out, and the figures say so.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).resolve().parents[2]), str(Path(__file__).resolve().parents[2] / "services")]

from deploy.stack import StackError, jars, jdk
from tests.bench.bench_detect import articles, measured, topics, vocabularies

from heliograph.core.article import Article
from heliograph.core.text import fold
from heliograph.detect.topic import CompiledTopic
from heliograph.query.tree import And, AnyOf, Atom, Chain, Mode, Node, Not, Or, Term, Text

HERE = Path(__file__).with_name("lucene")
SIZES = (1_000, 10_000)
_HEAP = "2g"
_OURS = ("without_evidence", "articles_per_cpu_second", "build_s", "engine_mb", "add_one_ms")


def run(sizes: Sequence[int] = SIZES, count: int = 300, seed: int = 7) -> dict[str, Any]:
    """Return the figures by number of topics; `left_out` where the Monitor could not run."""
    try:
        command = monitor_command()
    except StackError as error:
        return {"left_out": str(error)}
    chance = random.Random(seed)
    words = vocabularies(chance)
    stream = articles(count, words, chance)
    made = topics(max(sizes) + 1, words, chance)
    return {str(size): _compare(command, [*made[:size], made[-1]], stream) for size in sizes}


def monitor_command() -> list[str]:
    """Return how the Monitor is run. Raises StackError where the machine lacks Java, its compiler or Maven."""
    environment = jars.default_environment()
    home = jdk.find(17, "Lucene Monitor", environment, compiler=True)
    pom, source = HERE / "pom.xml", HERE / "MonitorBench.java"

    def make(into: Path) -> None:
        jars.fetch(pom, into, "Lucene Monitor", environment, size="6 MB")
        compiler = [str(home / "bin" / "javac"), "-cp", f"{into}/*", "-d", str(into), str(source)]
        done = subprocess.run(compiler, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"MonitorBench.java does not compile: {done.stderr.strip()}")

    place = jars.kept(jars.cache(environment), "lucene-monitor", [pom, source], make)
    return [str(home / "bin" / "java"), f"-Xmx{_HEAP}", "-cp", f"{place}:{place}/*", "MonitorBench"]


def _compare(command: list[str], standing: list[CompiledTopic], stream: list[Article]) -> dict[str, Any]:
    """Measure both; the last topic is the one that is added to the others."""
    with tempfile.TemporaryDirectory() as name:
        queries, texts = Path(name, "topics"), Path(name, "articles")
        queries.write_text("".join(f"{' '.join(_prefix(topic.node))}\n" for topic in standing), "utf-8")
        texts.write_text("".join(f"{fold(each.title)}\t{fold(each.text)}\n" for each in stream), "utf-8")
        done = subprocess.run([*command, str(queries), str(texts)], stdout=subprocess.PIPE, text=True, check=True)
    monitor = json.loads(done.stdout)
    ours = measured(standing[:-1], standing[-1], stream)
    gc.collect()
    best = max(monitor["one_by_one"], monitor["in_batches"])
    found = round(ours["hits_per_article"] * len(stream))
    return {
        "ours": {name: ours[name] for name in _OURS},
        "lucene_monitor": monitor,
        "matches": found,
        "same_matches": found == monitor["matches"],
        "ratio": round(ours["without_evidence"] / best, 1),
        "ratio_one_by_one": round(ours["without_evidence"] / monitor["one_by_one"], 1),
    }


def _prefix(node: Node) -> Iterator[str]:
    """Yield a tree in prefix notation; see MonitorBench.Reader."""
    match node:
        case And(nodes) | Or(nodes):
            yield from ("and" if isinstance(node, And) else "or", str(len(nodes)))
            for each in nodes:
                yield from _prefix(each)
        case Not(inner):
            yield "not"
            yield from _prefix(inner)
        case Text(Chain(operands, distance)):
            yield from ("near", str(distance), str(len(operands)))
            for operand in operands:
                yield from _operand(operand)
        case Text(what):
            yield from _operand(what)
        case _:
            raise TypeError(f"made-up topics hold no {type(node).__name__}")


def _operand(operand: object) -> Iterator[str]:
    match operand:
        case Term(atoms):
            yield from ("term", str(len(atoms)))
            yield from map(_written, atoms)
        case AnyOf(operands):
            yield from ("or", str(len(operands)))
            for each in operands:
                yield from _operand(each)
        case _:
            raise TypeError(f"made-up topics hold no {type(operand).__name__}")


def _written(atom: Atom) -> str:
    return f"{atom.text}*" if atom.mode is Mode.PREFIX else atom.text


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)))
    parser.add_argument("--articles", type=int, default=300)
    given = parser.parse_args()
    print(json.dumps(run([int(size) for size in given.sizes.split(",")], given.articles), indent=2))
