"""docs/reference/quality.md: precision and recall by topic, language and tier, and what went wrong, without texts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.bench.quality import Count, Report

_HEAD = """\
# Quality of the shipped topics

Written by `make quality` from labelled articles: those under `tests/corpus/articles`, written for this project \
(tier `corpus`), and a development set beside it, whose articles are real, rewritten after real ones, or made up. An \
article counts for each topic by itself. The topics were mended on these articles, so expect less on others; what each \
language gave at first sight stands in `tests/corpus/README.md`.
"""
_TIERS = {"real": "real", "rewritten": "rewritten", "synthetic": "made up", "corpus": "corpus"}
_TABLE = ("| {} | precision | recall | found | missed | false alarms |", "| --- | ---: | ---: | ---: | ---: | ---: |")


def page(report: Report) -> str:
    """Return the page."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    yield _HEAD
    tiers = [f"{count} {_TIERS.get(tier, tier)}" for tier, count in sorted(report.articles.items())]
    yield f"{report.articles.total()} articles: {', '.join(tiers)}."
    for position, name in enumerate(("topic", "language", "tier")):
        yield from ("", f"## By {name}", "", _TABLE[0].format(name), _TABLE[1])
        for value in sorted({key[position] for key in report.counts}):
            yield _row(f"`{value}`", report.total(position, value))
        yield _row("all", report.total())
    yield from ("", "## By topic, language and tier", "", _TABLE[0].format("topic, language, tier"), _TABLE[1])
    for key, count in sorted(report.counts.items()):
        if count.hit + count.missed + count.false:
            yield _row(", ".join(f"`{part}`" for part in key), count)
    yield from ("", "## What went wrong", "")
    if not report.wrong:
        yield "Nothing."
    for wrong in report.wrong:
        # Words of articles that are not ours do not come here.
        why = f": {wrong.case['why']}" if wrong.case["tier"] == "corpus" and wrong.case.get("why") else ""
        yield f"- {wrong.kind} of `{wrong.topic}` in `{wrong.case['id']}` ({wrong.case['lang']}){why}"


def _row(name: str, count: Count) -> str:
    cells = (name, f"{count.precision:.3f}", f"{count.recall:.3f}", count.hit, count.missed, count.false)
    return f"| {' | '.join(map(str, cells))} |"
