"""The pages, as a browser without JavaScript gets them."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

import html5lib
import pytest

from heliograph.index.port import Search
from heliograph.web.server import WebServer


def text_of(body: bytes) -> str:
    return " ".join("".join(html5lib.parse(body.decode(), namespaceHTMLElements=False).itertext()).split())


PAGES = ("/", "/?scope=all", "/topics", "/alerts", "/feeds", "/status")


@pytest.mark.parametrize("path", PAGES)
def test_every_page_is_html_without_a_parse_error(client: Any, path: str) -> None:
    status, headers, body = client("GET", path)
    assert status == 200
    assert headers["content-type"] == "text/html; charset=utf-8"
    html5lib.HTMLParser(strict=True).parse(body.decode().replace("<search>", "<div>").replace("</search>", "</div>"))


def test_articles_are_listed_newest_first_with_their_reasons(client: Any, news: Any) -> None:
    _, _, body = client("GET", "/")
    page = text_of(body)
    titles = [entry["title"] for entry in news.ARTICLES]
    places = [page.index(title) for title in titles]
    assert places == sorted(places)
    assert "South Caucasus transport corridors" in page
    assert "3 copies, 3 outlets" in page
    assert '<mark class="t">Dəhlizin</mark>' in body.decode()


def test_a_query_is_marked_apart_from_the_topics_evidence(client: Any) -> None:
    _, _, body = client("GET", "/?q=" + quote("bees and corridor"))
    page = body.decode()
    assert '<mark class="q">bees</mark>' in page
    assert '<mark class="t q">corridor</mark>' in page
    assert "1 article" in text_of(body)


def test_a_wrong_query_is_shown_with_its_place_and_what_was_expected(client: Any) -> None:
    status, _, body = client("GET", "/?q=" + quote("iran and (russia"))
    page = text_of(body)
    assert status == 400
    assert 'class="here"' in body.decode()
    assert re.search(r"At character \d+\.", page)
    assert "Expected:" in page
    assert 'value="iran and (russia"' in body.decode()


def test_a_facet_adds_its_filter_and_the_filter_can_be_taken_away(client: Any) -> None:
    _, _, body = client("GET", "/?q=corridor*")
    assert "/?q=corridor%2A+and+country%3A+ge" in body.decode()
    _, _, body = client("GET", "/?q=" + quote("corridor* and country: ge"))
    page = body.decode()
    assert 'class="filters"' in page
    assert 'href="/?q=corridor%2A"' in page


def test_older_leads_to_the_rest_and_repeats_nothing(client: Any, newsroom: Any) -> None:
    newsroom.fill(copies=6)
    seen: list[str] = []
    path = "/"
    while path:
        _, _, body = client("GET", path)
        seen += re.findall(r'<article class="card" id="a-([^"]+)"', body.decode())
        older = re.search(r'rel="next" href="([^"]+)"', body.decode())
        path = older[1].replace("&amp;", "&") if older else ""
    assert len(seen) == len(set(seen)) == 42


def test_the_time_range_narrows_the_list_and_stands_in_every_link(client: Any) -> None:
    _, _, body = client("GET", "/?since=now-8h")
    assert "2 articles" in text_of(body)
    assert "since=now-8h" in body.decode()


def test_the_histogram_is_told_in_words_too(client: Any) -> None:
    _, _, body = client("GET", "/")
    page = body.decode()
    assert re.search(r'<svg [^>]*role="img" aria-label="Articles over time, one bar for each [^"]+; most, \d+', page)
    assert "The same as a table" in page


def test_an_article_lists_every_piece_of_evidence_with_its_offsets(client: Any, newsroom: Any) -> None:
    document = newsroom.flagged.search(Search()).items[0].document
    status, _, body = client("GET", f"/articles/{document.article.id}")
    page = text_of(body)
    assert status == 200
    for match in document.matches:
        for piece in match.evidence:
            assert f"{piece.field} {piece.start}–{piece.end}" in page
            assert piece.term in page
    assert f"/api/v1/articles/{document.article.id}" in body.decode()


def test_text_has_direction_and_language_of_its_article(client: Any) -> None:
    _, _, body = client("GET", "/?q=" + quote("language: fa"))
    assert re.search(r'<h2 dir="auto" lang="fa">', body.decode())


def test_feeds_show_what_fails_and_why_and_hide_credentials(client: Any) -> None:
    _, _, body = client("GET", "/feeds")
    page = text_of(body)
    assert "HTTP 403: the server refuses us" in page
    assert "7 times in a row" in page
    assert "never answered" in page
    assert "***@steppe.example" in page
    assert b"hunter2" not in body


def test_no_page_and_no_answer_of_the_api_gives_a_credential_away(client: Any) -> None:
    paths = ("/", "/alerts", "/feeds", "/status", "/api/v1/feeds", "/api/v1/alerts", "/metrics", "/readyz")
    assert [path for path in paths if b"hunter2" in client("GET", path)[2]] == []


def test_status_names_each_step_its_lag_and_what_it_waits_for(client: Any) -> None:
    page = text_of(client("GET", "/status")[2])
    assert "the disk is full: free some space" in page
    assert "1,240" in page
    assert "840.5" in page
    assert "stopped" in page


def test_a_page_that_is_not_there_says_so_in_the_house_style(client: Any) -> None:
    status, headers, body = client("GET", "/nowhere/<script>")
    assert status == 404
    assert headers["content-type"].startswith("text/html")
    assert b"There is no such page." in body


def test_an_article_that_is_not_there_is_404(client: Any) -> None:
    assert client("GET", "/articles/zzz")[0] == 404


def test_adding_a_feed_by_form_leads_back_to_the_list(client: Any, newsroom: Any, served: WebServer) -> None:
    origin = f"http://127.0.0.1:{served.port}"
    form = {"Origin": origin, "Content_Type": "application/x-www-form-urlencoded"}
    status, headers, _ = client("POST", "/feeds", b"url=https%3A%2F%2Fnew.example%2Frss&country=am", **form)
    assert status == 303
    assert headers["location"].startswith("/feeds?done=added#feed-")
    assert newsroom.feeds[-1].url == "https://new.example/rss"
    assert client("POST", f"/feeds/{newsroom.feeds[-1].id}/remove", b"", **form)[0] == 303
    assert all(row.url != "https://new.example/rss" for row in newsroom.feeds)


def test_a_refused_feed_keeps_what_was_typed_and_says_why(client: Any, served: WebServer) -> None:
    origin = f"http://127.0.0.1:{served.port}"
    status, _, body = client("POST", "/feeds", b"url=ftp%3A%2F%2Fx&title=%3Cb%3E", Origin=origin)
    assert status == 400
    assert "not an http or https address" in text_of(body)
    assert b'value="ftp://x"' in body
    assert b"<b>" not in body


def test_a_channel_is_tested_from_the_page_and_its_failure_is_told(
    client: Any, newsroom: Any, served: WebServer
) -> None:
    origin = f"http://127.0.0.1:{served.port}"
    assert "answered 204" in text_of(client("POST", "/alerts/test", b"channel=desk", Origin=origin)[2])
    status, _, body = client("POST", "/alerts/test", b"channel=broken", Origin=origin)
    assert status == 502
    assert "answered 410" in text_of(body)
    assert b"hunter2" not in body
    assert newsroom.tested == ["desk", "broken"]


def test_what_a_message_quotes_is_code_and_stays_text(client: Any) -> None:
    status, _, body = client("GET", "/?q=" + quote('iran and <b>x</b>: "y"'))
    assert status == 400
    assert "<b>x" not in body.decode().split("<main", 1)[1]
    assert "there is no field <code>lang</code>" in client("GET", "/?q=" + quote("lang: ru"))[2].decode()
