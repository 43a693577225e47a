"""Feeds of every format and fault that is promised to be read, each beside what it reads as.

A feed `corpus/NAME` has a twin `corpus/NAME.expected.json`: the lines that `heliograph parse NAME --url BASE` prints.
After a change that is meant, `python tests/parse/test_corpus.py` writes the twins anew; read the difference.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from heliograph.parse.output import parse_to_json_lines
from heliograph.parse.port import ParseOptions

CORPUS = Path(__file__).parent / "corpus"
BASE = "https://origin.example/dir/feed"
FEEDS = sorted(path for path in CORPUS.iterdir() if not path.name.endswith(".expected.json"))


def twin(feed: Path) -> Path:
    return feed.with_name(f"{feed.name}.expected.json")


@pytest.mark.parametrize("feed", FEEDS, ids=lambda feed: feed.name)
def test_a_feed_reads_as_its_twin_says(feed: Path) -> None:
    expected = json.loads(twin(feed).read_text("utf-8"))
    assert parse_to_json_lines(feed.name, feed.read_bytes(), BASE) == expected


@pytest.mark.parametrize("feed", FEEDS, ids=lambda feed: feed.name)
def test_the_reference_reads_it_the_same(feed: Path) -> None:
    expected = json.loads(twin(feed).read_text("utf-8"))
    assert (
        parse_to_json_lines(feed.name, feed.read_bytes(), BASE, options=ParseOptions(reference_only=True)) == expected
    )


def test_every_twin_has_its_feed_and_every_format_is_there() -> None:
    names = {feed.name for feed in FEEDS}
    assert {path.name for path in CORPUS.glob("*.expected.json")} == {f"{name}.expected.json" for name in names}
    assert {path.suffix for path in FEEDS} >= {".rss", ".rdf", ".atom", ".json"}


if __name__ == "__main__":
    for path in FEEDS:
        lines = parse_to_json_lines(path.name, path.read_bytes(), BASE)
        twin(path).write_text(json.dumps(lines, ensure_ascii=False, indent=1) + "\n", "utf-8")
