"""How well the shipped topics do on labelled articles: precision, recall, and every miss and false alarm.

    python tests/bench/quality.py [--lang en,ru] [--quiet] [--write] [FILE.jsonl ...]

Without files it reads the development set beside the project, where it is present, and tests/corpus/articles. A line
holds `title`, `text`, `lang`, `labels` (topic ids) and may hold `id`, `tier`, `why`. `--write` also writes
docs/reference/quality.md (tests/bench/quality_page.py).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).resolve().parents[2]), str(Path(__file__).resolve().parents[2] / "services")]

from tests.bench.quality_page import page

from heliograph.core.article import Article, Evidence
from heliograph.detect.engine import Engine
from heliograph.detect.files import defaults_folder, load_definitions

ROOT = Path(__file__).resolve().parents[2]
DEVELOPMENT = ROOT.parent / "shared" / "dev" / "articles.jsonl"
OWN = ROOT / "tests" / "corpus" / "articles"
PAGE = ROOT / "docs" / "reference" / "quality.md"
HEADLINES = ROOT / "tests" / "detect" / "headlines.jsonl"
"""Short made-up headlines that the topics were tuned on: they hold what was gained, and measure nothing new."""
_MOMENT = datetime(2025, 1, 17, tzinfo=UTC)


@dataclass
class Count:
    """Right and wrong answers of one kind of article."""

    hit: int = 0
    missed: int = 0
    false: int = 0

    @property
    def precision(self) -> float:
        return self.hit / (self.hit + self.false) if self.hit + self.false else 1.0

    @property
    def recall(self) -> float:
        return self.hit / (self.hit + self.missed) if self.hit + self.missed else 1.0


@dataclass(frozen=True)
class Wrong:
    """A miss or a false alarm."""

    kind: Literal["miss", "false alarm"]
    topic: str
    case: dict[str, Any]
    evidence: tuple[Evidence, ...] = ()

    def lines(self) -> Iterator[str]:
        """Yield it for people, with the text and what was found in it."""
        case = self.case
        yield f"{self.kind.upper()} {self.topic} {case['id']} [{case['lang']}] {case['title'][:100]}"
        yield f"      {case.get('why', '')[:100]} | {case['text'][:200]!r}"
        for each in self.evidence:
            yield f"      {each.field} {each.text!r} by {each.concept} {each.term!r}: {each.clause[:60]}"


@dataclass
class Report:
    """Counts by (topic, language, tier), and what went wrong."""

    counts: dict[tuple[str, str, str], Count] = field(default_factory=lambda: defaultdict(Count))
    wrong: list[Wrong] = field(default_factory=list)
    articles: Counter[str] = field(default_factory=Counter)
    """Articles by tier."""

    def total(self, position: int | None = None, value: str = "") -> Count:
        """Return the sum over all kinds, or over those whose key has `value` at `position`."""
        total = Count()
        for key, count in self.counts.items():
            if position is None or key[position] == value:
                total.hit += count.hit
                total.missed += count.missed
                total.false += count.false
        return total


def corpus_files() -> list[Path]:
    """Return the labelled files that are present."""
    return [path for path in (DEVELOPMENT, *sorted(OWN.glob("*.jsonl"))) if path.is_file()]


def read_cases(paths: Iterable[Path], languages: frozenset[str] = frozenset()) -> Iterator[dict[str, Any]]:
    """Yield the labelled articles of `paths` in `languages`, in all where it is empty."""
    for path in paths:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if line.strip():
                case = json.loads(line)
                case.setdefault("id", f"{path.name}:{number}")
                case.setdefault("tier", "corpus")
                if not languages or case["lang"] in languages:
                    yield case


def article_of(case: dict[str, Any]) -> Article:
    return Article(
        id=case["id"],
        revision="-",
        title=case["title"],
        text=case["text"],
        feed="corpus",
        source="corpus",
        fetched=_MOMENT,
        sorted=_MOMENT,
        language=case["lang"],
    )


def measure(cases: Iterable[dict[str, Any]], engine: Engine) -> Report:
    """Match every case and compare with its labels."""
    report = Report()
    topics = [topic.id for topic in engine.topics]
    for case in cases:
        report.articles[case["tier"]] += 1
        hits = {hit.topic: hit for hit in engine.match(article_of(case))}
        for topic in topics:
            count = report.counts[topic, case["lang"], case["tier"]]
            wanted, found = topic in case["labels"], topic in hits
            count.hit += wanted and found
            count.missed += wanted and not found
            count.false += found and not wanted
            if wanted != found:
                evidence = hits[topic].evidence if found else ()
                report.wrong.append(Wrong("miss" if wanted else "false alarm", topic, case, evidence))
    return report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--lang", default="")
    parser.add_argument("--quiet", action="store_true", help="only the table")
    parser.add_argument("--write", action="store_true", help="write docs/reference/quality.md")
    given = parser.parse_args()
    paths = given.files or corpus_files()
    definitions = load_definitions([defaults_folder()]).strict()
    languages = frozenset(filter(None, given.lang.split(",")))
    report = measure(read_cases(paths, languages), Engine(definitions.compiled.values()))
    if not given.quiet:
        print("\n".join(line for wrong in report.wrong for line in wrong.lines()))
    if given.write:
        PAGE.write_text(page(report), "utf-8")
    names = ", ".join(path.name for path in paths) or "no file: nothing is present"
    print(f"{report.articles.total()} articles from {names}")
    for position in range(3):
        for value in sorted({key[position] for key in report.counts}):
            _line(value, report.total(position, value))
    _line("all", report.total())


def _line(name: str, count: Count) -> None:
    print(
        f"{name:28} precision {count.precision:.3f}  recall {count.recall:.3f}"
        f"  hit {count.hit:4} missed {count.missed:3} false {count.false:3}"
    )


if __name__ == "__main__":
    main()
