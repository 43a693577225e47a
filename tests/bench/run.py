"""`make bench`: every benchmark, each in a process of its own, and docs/reference/benchmarks.md from the figures.

    python tests/bench/run.py [NAME...] [--no-write]
    make bench ARGS="runners workers"

Ratios are taken inside one run and carry over to other machines; absolute figures are those of the machine named.
Sections of the page that are not measured stay as they are. Benchmarks of the distributed tier share one broker and one
Elasticsearch node, which are started in a temporary folder when the first of them needs them and ended with the run;
`--kafka` and `--elasticsearch` name others that run already. A machine without what they take (deploy/stack/README.md)
leaves these out, and says so. Exit code 1: a benchmark failed, or one that was named was left out.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).resolve().parents[2]), str(Path(__file__).resolve().parents[2] / "services")]

from deploy.stack.stack import Stack, StackError
from tests.bench.page import Bench, Figures, Section, page, parse
from tests.bench.registry import BENCHES

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "reference" / "benchmarks.md"


class Servers:
    """Where the broker and Elasticsearch are: those given, or a stack of our own from the first question on."""

    def __init__(self, kafka: str = "", elasticsearch: str = "") -> None:
        self._addresses = {"kafka": kafka, "elasticsearch": elasticsearch} if kafka and elasticsearch else {}
        self._open = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def missing(self) -> str:
        """Return what this machine lacks, as one line; empty where it lacks nothing."""
        if self._addresses:
            return ""
        check = [sys.executable, str(ROOT / "deploy" / "stack" / "stack.py"), "check"]
        done = subprocess.run(check, capture_output=True, text=True, check=False)
        return done.stderr.strip().splitlines()[-1].removeprefix("stack: ") if done.returncode else ""

    def addresses(self) -> dict[str, str]:
        """Return both addresses. Raises StackError where a server does not start."""
        if not self._addresses:
            stack = Stack(Path(self._open.enter_context(tempfile.TemporaryDirectory())))
            self._open.callback(stack.down, grace=2)  # nobody needs the data
            stack.up()
            self._addresses = {"kafka": stack.bootstrap, "elasticsearch": stack.url}
        return self._addresses


def measure(bench: Bench, addresses: dict[str, str]) -> Figures:
    """Run one benchmark in a fresh process and return its figures. Raises CalledProcessError where it fails."""
    module = bench.call.partition(".")[0]
    with tempfile.NamedTemporaryFile(suffix=".json") as out:
        code = (
            f"import json, sys; sys.path[:0] = {[str(ROOT), str(ROOT / 'services'), str(Path(__file__).parent)]!r}\n"
            f"import {module}\n"
            f"globals().update({addresses!r})\n"
            f"json.dump({bench.call}, open({out.name!r}, 'w'))"
        )
        subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, stdout=sys.stderr)
        figures: Figures = json.loads(Path(out.name).read_text())
    return figures


def machine() -> str:
    """Return a line on this machine, now."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{_today()}, Python {platform.python_version()}, {platform.system()} {platform.machine()}, "
        f"{os.cpu_count()} cores, {memory:.0f} GiB; load when it began: {os.getloadavg()[0]:.1f}"
    )


def _today() -> str:
    return str(datetime.now(UTC).date())


def _section(bench: Bench, servers: Servers, before: Section) -> tuple[Section, bool]:
    """Measure and say so; return what is known of the benchmark now, and whether it was measured."""
    if bench.servers and (missing := servers.missing()):
        print(f"   left out: {missing}", flush=True)
        return replace(before, left_out=f"{_today()}: {missing}"), False
    here = machine()
    try:
        addresses = servers.addresses() if bench.servers else {}
        started = time.monotonic()
        figures = measure(bench, addresses)
    except (StackError, subprocess.CalledProcessError) as error:
        print(f"   FAILED: {error if isinstance(error, StackError) else 'see above'}", flush=True)
        return before, False
    print(json.dumps(figures, indent=2, ensure_ascii=False), flush=True)
    for bar in bench.bars:
        verdict = "holds" if bar.holds(figures) else "DOES NOT HOLD"
        print(f"   {bar.what}: {bar.figure(figures)} ({bar.limit}) {verdict}", flush=True)
    return Section(f"{here}; took {time.monotonic() - started:.0f} s.", figures), True


def main() -> int:
    """Run the benchmarks named, or all of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    known = [bench.name for bench in BENCHES]
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(known)}")
    parser.add_argument("--no-write", action="store_true", help="print only; leave the page as it is")
    parser.add_argument("--page", action="store_true", help="measure nothing; write the page from its own figures")
    parser.add_argument("--kafka", default="", metavar="HOST:PORT", help="a broker that runs already")
    parser.add_argument("--elasticsearch", default="", metavar="URL", help="a node that runs already")
    given = parser.parse_args()
    if unknown := set(given.names) - set(known):
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; known: {', '.join(known)}")
    if bool(given.kafka) != bool(given.elasticsearch):
        parser.error("--kafka and --elasticsearch go together")
    # Whoever ends the run politely ends its servers as well, as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sections = parse(PAGE.read_text("utf-8")) if PAGE.exists() else {}
    chosen = [] if given.page else [bench for bench in BENCHES if not given.names or bench.name in given.names]
    good = True
    with Servers(given.kafka, given.elasticsearch) as servers:
        for bench in chosen:
            print(f"== {bench.name}: {bench.about}", flush=True)
            section, done = _section(bench, servers, sections.get(bench.name, Section()))
            if section != Section():
                sections[bench.name] = section
            good = good and (done or bool(section.left_out and not given.names))
            if not given.no_write:
                # After each: a run that is broken off has not measured in vain.
                PAGE.write_text(page(BENCHES, sections), "utf-8")
    if not given.no_write:
        PAGE.write_text(page(BENCHES, sections), "utf-8")
        print(f"written: {PAGE.relative_to(ROOT)}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
