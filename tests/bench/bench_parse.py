"""Parsing speed, as a ratio to feedparser in the same run: CPU time on a 120 kB feed of 50 items with full bodies.

    python tests/bench/bench_parse.py

`quick_ratio` compares reading the feed and is held to the bar; `ratio` compares all of `parse_feed`, which also
sanitises with a browser's parser, makes plain text and tells the language of every item.
"""

from __future__ import annotations

import gc
import io
import json
import random
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "services"))

import feedparser

from heliograph.parse.feed import parse_feed
from heliograph.parse.port import ParseOptions
from heliograph.parse.quick import read_quick

ITEMS = 50
SIZE = 120_000
BAR = 20.0
_WORDS = (
    "transit corridor ministry railway border cargo treaty officials northern southern passage talks ports oil wheat "
    "according the of and to in is for on that with as was by from after said their which would have "
)


def feed(items: int = ITEMS, size: int = SIZE) -> bytes:
    """Return an RSS feed of about `size` bytes, the same in every run."""
    draw = random.Random(20260112)
    words = _WORDS.split()
    each = size // items - 560

    def prose(length: int) -> str:
        text = ""
        while len(text) < length:
            text += draw.choice(words) + " "
        return text.strip()

    parts = []
    for number in range(items):
        paragraphs = [f"<p>{prose(each // 4 - 8)}</p>" for _ in range(3)]
        paragraphs.append(
            f'<p>{prose(each // 4 - 90)} <a href="https://e.org/{number}">link</a> <b>bold</b> &amp; more</p>'
        )
        parts.append(
            f"<item><title>{prose(50)}</title><link>https://e.org/a/{number}</link>"
            f'<guid isPermaLink="false">item-{number}</guid>'
            f"<pubDate>Mon, 12 Jan 2026 10:{number:02d}:00 +0400</pubDate>"
            f"<dc:creator>A. Writer</dc:creator><category>Transport</category><description>{prose(120)}</description>"
            f"<content:encoded><![CDATA[{''.join(paragraphs)}]]></content:encoded></item>"
        )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/" '
        'xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel><title>Bench</title>'
        f"<link>https://e.org/</link><description>d</description><language>en</language>{''.join(parts)}</channel></rss>"
    ).encode()


def _cpu_seconds(work: Callable[[], object], rounds: int) -> float:
    """Return the least CPU time of some rounds: what the work takes when nothing else gets in between."""
    best = float("inf")
    for _ in range(rounds):
        gc.collect()
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return best


def run(rounds: int = 20) -> dict[str, float]:
    """Return the CPU milliseconds of each reader and the ratios; reads the same bytes with each."""
    body = feed()
    text = body.decode()
    parsed = parse_feed(body)
    assert parsed.quick
    assert len(parsed.items) == ITEMS
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = _cpu_seconds(lambda: feedparser.parse(io.BytesIO(body)), max(3, rounds // 4))
        reference = _cpu_seconds(lambda: parse_feed(body, options=ParseOptions(reference_only=True)), 3)
    ours = _cpu_seconds(lambda: parse_feed(body, url="https://e.org/feed"), rounds)
    quick = _cpu_seconds(lambda: read_quick(text, 2000), rounds)
    return {
        "bytes": float(len(body)),
        "items": float(ITEMS),
        "feedparser_ms": round(theirs * 1000, 2),
        "reference_ms": round(reference * 1000, 2),
        "parse_feed_ms": round(ours * 1000, 2),
        "quick_ms": round(quick * 1000, 2),
        "ratio": round(theirs / ours, 1),
        "quick_ratio": round(theirs / quick, 1),
        "bar": BAR,
    }


if __name__ == "__main__":
    result = run()
    print(json.dumps(result, indent=1))
    raise SystemExit(0 if result["quick_ratio"] >= BAR else 1)
