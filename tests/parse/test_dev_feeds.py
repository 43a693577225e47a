"""Feeds that other projects test with, against what those projects expect of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from heliograph.parse.output import parse_to_json_lines
from heliograph.parse.port import ParseOptions

FEEDS = Path(__file__).resolve().parents[2].parent / "shared" / "dev" / "feeds"

# Differences that are meant, by file and field; docs/reference/feed-parsing.md explains each.
MEANT = {
    ("rss-parser/craigslist.rss", "title"): "their parser leaves entities and markup in titles; ours are plain text",
    ("reader/relative.rss", "id"): "an identifier is kept as the feed states it, never resolved",
}
NOT_COUNTED = {
    "reader/10.json": "a feed without items is an error of the command",
    "reader/unknown.json": "a feed without items is an error of the command",
    "simplepie/feed-with-whitespace-before-xml-declaration.xml": "a feed without items is an error of the command",
}


def cases() -> list[dict[str, Any]]:
    path = FEEDS / "expectations.jsonl"
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.is_file() else []


def plain(value: str | None) -> str | None:
    """White space is not compared, nor whether a whole second is written with its milliseconds."""
    return None if value is None else " ".join(value.split()).replace(".000Z", "Z")


@pytest.mark.parametrize("reference_only", [False, True], ids=["as-shipped", "reference-only"])
def test_every_expectation_is_met_but_for_the_differences_that_are_meant(reference_only: bool) -> None:
    if not cases():
        pytest.skip(f"{FEEDS} is absent")
    differences: set[tuple[str, str]] = set()
    for case in cases():
        name = case["file"]
        options = ParseOptions(reference_only=reference_only)
        lines = parse_to_json_lines(name, (FEEDS / name).read_bytes(), case.get("base_url", ""), options=options)
        if "error" in lines[0]:
            if case["kind"] != "invalid" and name not in NOT_COUNTED:
                differences.add((name, "error"))
            continue
        if case["kind"] == "invalid":
            differences.add((name, "accepted"))
        if case.get("count", len(lines)) != len(lines):
            differences.add((name, "count"))
        feed_title = (case.get("feed") or {}).get("title")
        if feed_title is not None and plain(feed_title) != lines[0]["feed_title"]:
            differences.add((name, "feed title"))
        for index, expected in (case.get("items") or {}).items():
            line = lines[int(index)]
            for field, value in expected.items():
                got = line["guid" if field == "id" else field]
                if plain(value) != plain(got):
                    differences.add((name, field))
    assert differences == set(MEANT)
