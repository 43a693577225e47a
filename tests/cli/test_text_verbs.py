"""The verbs that turn text into text, as processes in a pipe: scan, parse, sanitize; and query and topics."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Desk, Run

FEED = """<?xml version="1.0"?><rss version="2.0"><channel><title>The Samovar</title>
<item><title>First</title><link>/1</link><pubDate>Mon, 12 Jan 2026 10:00:00 +0400</pubDate></item>
<item><description>&lt;p&gt;Untitled, yet it speaks&lt;/p&gt;</description></item></channel></rss>"""


def piped(*arguments: str, stdin: bytes = b"") -> tuple[int, list[Any], str]:
    """Run the program as a process; return its status, its lines of JSON, and stderr."""
    command = [sys.executable, "-m", "heliograph", *arguments]
    done = subprocess.run(command, input=stdin, capture_output=True, check=False, timeout=60)
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr.decode()


def lines(*values: object) -> bytes:
    return b"".join(json.dumps(value).encode() + b"\n" for value in values)


def test_scan_answers_in_order_with_the_evidence(desk: Desk) -> None:
    status, found, _ = piped(
        *("scan", "--topics", str(desk.data)),
        stdin=lines({"id": 1, "title": "On tea", "text": "It is hot."}, {"id": "b", "title": "On milk", "text": ""}),
    )
    assert status == 0
    assert [answer["id"] for answer in found] == [1, "b"]
    (match,) = found[0]["matches"]
    assert match["topic"] == "tea"
    assert [(e["field"], e["start"], e["end"], e["text"]) for e in match["evidence"]] == [("title", 3, 6, "tea")]
    assert found[1]["matches"] == []


def test_scan_that_explains_names_the_part_of_the_query_and_the_parts_of_the_score(desk: Desk) -> None:
    article = lines({"id": 1, "title": "On tea", "text": "It is hot."})
    _, [plain], _ = piped("scan", "--topics", str(desk.data), stdin=article)
    _, [explained], _ = piped("scan", "--explain", "--topics", str(desk.data), stdin=article)
    (bare,), (match,) = plain["matches"], explained["matches"]
    assert "parts" not in bare
    assert match["evidence"] == [{**bare["evidence"][0], "clause": "tea"}]
    assert sum(match["parts"].values()) == pytest.approx(match["score"])
    assert match["parts"]["title"] == 0.35


def test_scan_that_explains_at_a_terminal_shows_each_place_in_its_text(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    article = lines({"id": 1, "title": "On tea", "text": "It is hot.", "lang": "en"})
    ours, theirs = pty.openpty()
    try:
        command = [sys.executable, "-m", "heliograph", "scan", "--explain", "--topics", str(desk.data)]
        subprocess.run(command, input=article, stdout=theirs, check=True)
        shown = os.read(ours, 65536).decode()
    finally:
        os.close(ours)
        os.close(theirs)
    assert "\x1b[1;33mtea" in shown
    bare = re.sub(r"\x1b\[[\d;]*m", "", shown)
    assert "score 0.7" in bare
    assert "base 0.20 + title 0.35" in bare
    assert "title 3-6       On tea  tea" in bare


def test_scan_goes_on_after_a_bad_line_and_ends_with_1() -> None:
    status, found, _ = piped("scan", stdin=lines({"id": "a", "title": "x", "text": "y"}) + b"{no json\n" + lines(7))
    assert status == 1
    assert found[0]["id"] == "a"
    assert all("error" in answer for answer in found[1:])
    assert len(found) == 3


def test_scan_of_a_folder_that_is_not_there_is_wrong_use(hg: Run) -> None:
    answer = hg("scan", "--topics", "nowhere")
    assert answer.status == 2
    assert "nowhere" in answer.err


def test_parse_writes_an_item_a_line_in_the_order_of_the_feed(hg: Run, folder: Path) -> None:
    (folder / "feed.xml").write_text(FEED, encoding="utf-8")
    answer = hg("parse", "feed.xml", "--url", "https://samovar.example/rss")
    assert answer.status == 0
    first, second = [json.loads(line) for line in answer.out.splitlines()]
    assert (first["index"], first["title"], first["link"]) == (0, "First", "https://samovar.example/1")
    assert (first["published"], first["feed_title"]) == ("2026-01-12T06:00:00Z", "The Samovar")
    assert second["title"].startswith("Untitled")


def test_parse_goes_on_after_a_bad_file_and_ends_with_1(hg: Run, folder: Path) -> None:
    (folder / "feed.xml").write_text(FEED, encoding="utf-8")
    (folder / "bad.xml").write_bytes(b"\x00\x01")
    answer = hg("parse", "bad.xml", "gone.xml", "feed.xml")
    assert answer.status == 1
    found = [json.loads(line) for line in answer.out.splitlines()]
    assert [(line["file"], "error" in line) for line in found] == [
        ("bad.xml", True),
        ("gone.xml", True),
        ("feed.xml", False),
        ("feed.xml", False),
    ]


def test_sanitize_takes_scripts_out_and_makes_text() -> None:
    html = "<p onclick=x()>Tea <b>&amp;</b> milk<script>alert(1)</script></p>"
    status, found, _ = piped("sanitize", stdin=lines({"html": html}))
    assert status == 0
    assert "script" not in found[0]["html"]
    assert "onclick" not in found[0]["html"]
    assert found[0]["text"] == "Tea & milk"


def test_sanitize_goes_on_after_a_bad_line_and_ends_with_1() -> None:
    status, found, _ = piped("sanitize", stdin=b'{"html": 1}\n[]\n' + lines({"html": "<i>tea</i>"}))
    assert status == 1
    assert [sorted(answer) for answer in found] == [["error"], ["error"], ["html", "text"]]


def test_half_a_character_is_a_bad_line() -> None:
    status, found, complaint = piped("scan", stdin=b'{"id": "\\ud800", "title": "tea", "text": ""}\n')
    assert (status, complaint) == (1, "")
    assert "error" in found[0]


def test_a_charset_that_lacks_the_script_gets_json_that_has_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "feed.xml").write_text(FEED.replace("First", "ჩაი"), encoding="utf-8")
    monkeypatch.setenv("PYTHONIOENCODING", "latin-1")
    status, found, complaint = piped("parse", "feed.xml")
    assert (status, complaint) == (0, "")
    assert found[0]["title"] == "ჩაი"
    done = subprocess.run(
        [sys.executable, "-m", "heliograph", "topics", "list"], capture_output=True, check=True, timeout=60
    )
    assert b"russia-iran-agreement" in done.stdout


def test_a_query_is_explained_with_the_plan(hg: Run) -> None:
    answer = hg("query", "explain", 'tea and "green leaf"')
    assert answer.status == 0
    assert "embedded plan" in answer.out
    assert "green leaf" in answer.out


def test_a_wrong_query_is_explained_with_a_caret(hg: Run) -> None:
    answer = hg("query", "explain", "tea and")
    assert answer.status == 2
    assert "^" in answer.err
    assert answer.out == ""


def test_a_query_is_explained_with_the_body_that_elasticsearch_is_asked(hg: Run) -> None:
    answer = hg("query", "explain", "tea near/3 leaf*", "--tier", "distributed")
    assert answer.status == 0
    title, _, body = answer.out.partition("answered by Elasticsearch alone\n")
    assert "Elasticsearch body" in title
    chain = json.loads(body)["bool"]["should"][0]["intervals"]["find.title"]["all_of"]
    assert (chain["max_gaps"], chain["ordered"]) == (3, False)
    assert chain["intervals"] == [{"match": {"query": "tea"}}, {"prefix": {"prefix": "leaf"}}]


def test_another_tier_is_refused(hg: Run) -> None:
    assert hg("query", "explain", "tea", "--tier", "lunar").status == 2


@pytest.mark.usefixtures("desk")
def test_topics_of_the_data_folder_are_listed_beside_the_shipped_ones(hg: Run) -> None:
    found = {row["id"]: row for row in hg("topics", "list", "--format", "json").json}
    assert found.keys() >= {"tea", "russia-iran-agreement", "south-caucasus-corridors"}
    assert found["tea"]["examples"] == 2


def test_examples_pass_until_the_topic_stops_doing_what_they_say(hg: Run, desk: Desk) -> None:
    assert hg("topics", "test", "tea").status == 0
    desk.topic("coffee")
    answer = hg("topics", "test", "tea")
    assert answer.status == 1
    assert "2 examples, 2 failed" in answer.err


def test_a_topic_that_does_not_compile_fails_the_check(hg: Run, desk: Desk) -> None:
    desk.topic("tea and (")
    answer = hg("topics", "check", "--format", "json")
    assert answer.status == 1
    assert any("tea.yaml" in row["place"] for row in answer.json)


def test_an_unknown_topic_names_those_there_are(hg: Run) -> None:
    answer = hg("topics", "test", "nonesuch")
    assert answer.status == 2
    assert "russia-iran-agreement" in answer.err
