"""`heliograph feeds`."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Answer, Run, Site


FEED = b"""<?xml version="1.0"?><rss version="2.0"><channel><title>The Samovar</title>
<item><title>First</title><link>/1</link><guid>1</guid></item>
<item><title>Second</title><link>/2</link><guid>2</guid></item></channel></rss>"""
PAGE = b"""<!doctype html><html><head><link rel="alternate" type="application/rss+xml" title="News" href="/news.xml">
</head><body><a href="/about">About</a></body></html>"""


def rows(answer: Answer) -> Any:
    return {row["id"]: row for row in answer.json}


def test_the_shipped_feeds_are_listed_before_the_first_start(
    hg: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HELIOGRAPH_SOURCES")
    answer = hg("feeds", "list", "--format", "json")
    assert answer.status == 0
    assert len(answer.json) > 100
    assert {row["status"] for row in answer.json} == {"new"}
    assert {row["reason"] for row in answer.json} == {"never polled so far"}
    assert not (folder / "var" / "log.sqlite").exists()


def test_a_feed_is_added_listed_and_removed(hg: Run) -> None:
    added = hg(
        "feeds", "add", "https://samovar.example/rss", "--title", "Samovar", "--language", "ka", "--country", "ge"
    )
    assert added.status == 0
    assert added.out == "subscribed to https://samovar.example/rss as samovar-example\n"
    row = rows(hg("feeds", "list", "--format", "json"))["samovar-example"]
    assert (row["title"], row["language"], row["country"], row["evidence"]) == ("Samovar", "ka", "ge", "by-hand")
    assert hg("feeds", "remove", "samovar-example").status == 0
    assert hg("feeds", "list", "--format", "json").json == []


def test_an_address_is_enough_to_remove_a_feed(hg: Run) -> None:
    hg("feeds", "add", "https://samovar.example/rss")
    assert "removed" in hg("feeds", "remove", "https://samovar.example/rss").out


def test_a_feed_of_the_sources_file_is_paused_and_comes_back(
    hg: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "own.yaml").write_text(
        "outlets:\n- {id: tea, title: Tea, country: ge, ownership: private, feeds: [{id: tea-ka, "
        "url: 'https://tea.example/rss', language: ka, evidence: seen}]}\n",
        encoding="utf-8",
    )
    monkeypatch.setenv("HELIOGRAPH_SOURCES", "own.yaml")
    assert "paused" in hg("feeds", "remove", "tea-ka").out
    assert rows(hg("feeds", "list", "--status", "paused", "--format", "json")).keys() == {"tea-ka"}
    assert hg("feeds", "list", "--status", "new", "--format", "json").json == []
    assert hg("feeds", "add", "https://tea.example/rss").status == 0
    assert rows(hg("feeds", "list", "--format", "json"))["tea-ka"]["status"] == "new"


def test_the_same_address_twice_is_refused(hg: Run) -> None:
    hg("feeds", "add", "https://samovar.example/rss")
    answer = hg("feeds", "add", "https://samovar.example/rss")
    assert answer.status == 2
    assert "samovar-example" in answer.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["add", "ftp://samovar.example/rss"], "http"),
        (["add", "https://samovar.example/rss", "--language", "Georgian!"], "--language"),
        (["add", "https://samovar.example/rss", "--country", "Georgia"], "--country"),
        (["remove", "nonesuch"], "nonesuch"),
        (["list", "--status", "happy"], "happy"),
        (["list", "--nonesuch"], "--nonesuch"),
        (["add"], "url"),
    ],
)
def test_wrong_use_is_one_line_and_exit_2(hg: Run, arguments: list[str], says: str) -> None:
    answer = hg("feeds", *arguments)
    assert answer.status == 2
    assert says in answer.err
    assert len(answer.err.splitlines()) == 1
    assert answer.out == ""


def test_a_sources_file_that_is_missing_is_named(hg: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HELIOGRAPH_SOURCES", "gone.yaml")
    answer = hg("feeds", "list")
    assert answer.status == 2
    assert "gone.yaml" in answer.err


def test_csv_shows_no_credentials(hg: Run) -> None:
    hg("feeds", "add", "https://me:hunter2@samovar.example/rss?key=s3cret")
    answer = hg("feeds", "list", "--format", "csv")
    row = next(csv.DictReader(io.StringIO(answer.out)))
    assert row["id"] == "samovar-example"
    assert "hunter2" not in answer.out
    assert "s3cret" not in answer.out


def test_check_says_what_a_feed_holds(hg: Run, site: Site) -> None:
    site.pages["/feed"] = (200, "application/rss+xml", FEED)
    answer = hg("feeds", "check", f"{site.url}/feed", "--format", "json")
    assert answer.status == 0
    report = answer.json
    assert (report["ok"], report["title"], report["items"], report["status"]) == (True, "The Samovar", 2, 200)
    assert report["samples"] == ["First", "Second"]
    assert "The Samovar" in hg("feeds", "check", f"{site.url}/feed").out


def test_check_of_a_page_is_a_negative_answer_that_names_its_feed(hg: Run, site: Site) -> None:
    site.pages["/"] = (200, "text/html", PAGE)
    answer = hg("feeds", "check", f"{site.url}/")
    assert answer.status == 1
    assert "web page" in answer.out
    assert f"{site.url}/news.xml" in answer.err


def test_check_of_what_is_not_there_says_so(hg: Run, site: Site) -> None:
    answer = hg("feeds", "check", f"{site.url}/gone")
    assert answer.status == 1
    assert "404" in answer.out


def test_check_explains_why_a_private_address_is_not_fetched(hg: Run) -> None:
    answer = hg("feeds", "check", "http://127.0.0.1:9/feed")
    assert answer.status == 1
    assert "fetch.allow_networks" in answer.out


def test_discover_lists_what_a_page_names(hg: Run, site: Site) -> None:
    site.pages["/"] = (200, "text/html", PAGE)
    answer = hg("feeds", "discover", f"{site.url}/", "--format", "json")
    assert answer.status == 0
    assert answer.json[0] == {"url": f"{site.url}/news.xml", "title": "News", "kind": "rss", "evidence": "declared"}


def test_discover_with_probe_lists_only_what_is_a_feed(hg: Run, site: Site) -> None:
    site.pages["/"] = (200, "text/html", PAGE)
    site.pages["/feed/"] = (200, "application/rss+xml", FEED)
    answer = hg("feeds", "discover", f"{site.url}/", "--probe", "--format", "json")
    assert [row["url"] for row in answer.json] == [f"{site.url}/feed/"]
    assert answer.status == 0


def test_discover_without_a_find_is_a_negative_answer(hg: Run, site: Site) -> None:
    site.pages["/"] = (200, "text/html", b"<!doctype html><title>Nothing</title>")
    assert hg("feeds", "discover", f"{site.url}/").status == 1


def test_discover_of_a_feed_points_to_check(hg: Run, site: Site) -> None:
    site.pages["/feed"] = (200, "application/rss+xml", FEED)
    answer = hg("feeds", "discover", f"{site.url}/feed")
    assert answer.status == 2
    assert "feeds check" in answer.err


def test_a_list_that_was_exported_is_imported_elsewhere(hg: Run, folder: Path) -> None:
    hg("feeds", "add", "https://samovar.example/rss?key=1", "--title", "Samovar & Sons", "--language", "ka")
    hg("feeds", "add", "https://kettle.example/atom")
    (folder / "list.opml").write_text(hg("feeds", "export").out, encoding="utf-8")
    assert hg("feeds", "import", "list.opml", "--data", "other").out.startswith("2 added, 0 switched on again, 0 ")
    assert hg("feeds", "import", "list.opml", "--data", "other").out.startswith("0 added, 0 switched on again, 2 ")
    found = rows(hg("feeds", "list", "--data", "other", "--format", "json"))
    assert found["samovar-example"]["title"] == "Samovar & Sons"
    assert found["samovar-example"]["language"] == "ka"
    assert hg("feeds", "export", "--data", "other").out == hg("feeds", "export").out


def test_a_list_with_one_wrong_address_imports_nothing(hg: Run, folder: Path) -> None:
    (folder / "bad.opml").write_text(
        '<opml version="2.0"><body>\n<outline xmlUrl="https://ok.example/rss"/>\n<outline xmlUrl="file:///etc/passwd"/>'
        "\n</body></opml>",
        encoding="utf-8",
    )
    answer = hg("feeds", "import", "bad.opml")
    assert answer.status == 1
    assert "bad.opml: OPML: line 3" in answer.err
    assert hg("feeds", "list", "--format", "json").json == []


def test_a_list_that_is_not_there_is_named(hg: Run) -> None:
    answer = hg("feeds", "import", "gone.opml")
    assert answer.status == 1
    assert answer.err == "heliograph: gone.opml: No such file or directory\n"
