"""Dates in the zone of whoever asks: what names it, what each answer makes of it, and links that keep their meaning."""

from __future__ import annotations

import html
import json
import re
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit
from zoneinfo import ZoneInfo

import feedparser
import html5lib
import pytest

# In Baku, four hours ahead, the first of these lies on 14 March 2026 and the second does not; in UTC it is the other
# way round.
EVENING, NIGHT = "2026-03-13T21:00:00Z", "2026-03-14T21:00:00Z"
DAY = "published: 2026-03-14"
FORMS = ("/feed.rss", "/feed.atom", "/feed.json")


def text_of(body: bytes) -> str:
    return " ".join("".join(html5lib.parse(body.decode(), namespaceHTMLElements=False).itertext()).split())


def put(newsroom: Any, news: Any) -> None:
    documents = []
    for title, written in (("The corridor by evening", EVENING), ("The corridor by night", NIGHT)):
        moment = datetime.fromisoformat(written)
        documents.append(news.document(title, published=moment, sorted=moment, fetched=moment))
    newsroom.flagged.upsert(documents)
    newsroom.archive.upsert(documents)


@pytest.fixture
def ask(newsroom: Any, news: Any, serve: Any) -> Any:
    """Sends a GET to a desk in UTC; returns status and body."""
    put(newsroom, news)
    send = serve(newsroom.deps())

    def get(path: str, cookie: str = "") -> tuple[int, bytes]:
        headers = {"Cookie": f"time_zone={cookie}"} if cookie else {}
        status, _, body = send("GET", path, **headers)
        return status, body

    return get


@pytest.fixture
def in_baku(newsroom: Any, news: Any, serve: Any) -> Any:
    """As `ask`, of a desk whose setting is Asia/Baku."""
    put(newsroom, news)
    send = serve(newsroom.deps(zone=ZoneInfo("Asia/Baku")))
    return lambda path: send("GET", path)[::2]


def titles(body: bytes) -> list[str]:
    return [item["title"] for item in json.loads(body)["items"]]


@pytest.mark.parametrize("zone", ["Asia/Baku", "%2B04:00", "+04:00", "%2B0400"])
def test_a_day_of_the_query_is_one_of_the_zone_that_the_request_names(ask: Any, zone: str) -> None:
    path = f"/api/v1/search?q={quote(DAY)}"
    assert titles(ask(f"{path}&time_zone={zone}")[1]) == ["The corridor by evening"]
    assert titles(ask(path)[1]) == ["The corridor by night"]
    assert titles(ask(f"{path}&time_zone=UTC")[1]) == ["The corridor by night"]


def test_since_and_until_are_in_the_zone_as_well(ask: Any) -> None:
    path = "/api/v1/search?since=2026-03-14&until=2026-03-15"
    assert titles(ask(f"{path}&time_zone=Asia/Baku")[1]) == ["The corridor by evening"]
    assert titles(ask(path)[1]) == ["The corridor by night"]
    hours = "/api/v1/search?since=2026-03-14T00:30&until=2026-03-14T01:30"
    assert titles(ask(f"{hours}&time_zone=Asia/Baku")[1]) == ["The corridor by evening"]
    assert titles(ask(f"{hours}")[1]) == []


def test_an_offset_in_a_date_wins_over_the_zone(ask: Any) -> None:
    path = "/api/v1/search?since=2026-03-14T00:00Z&time_zone=Asia/Baku"
    assert titles(ask(path)[1]) == ["The corridor by night"]


def test_counts_are_those_of_what_is_found(ask: Any) -> None:
    for path in ("histogram", "facets"):
        asked = f"/api/v1/{path}?q={quote('published < 2026-03-14')}"
        assert json.loads(ask(asked)[1])["total"] == 1
        assert json.loads(ask(f"{asked}&time_zone=Asia/Baku")[1])["total"] == 0


@pytest.mark.parametrize("path", FORMS)
def test_feeds_out_are_asked_in_the_zone_and_lead_home_in_it(ask: Any, path: str) -> None:
    _, body = ask(f"{path}?q={quote(DAY)}&time_zone=Asia/Baku")
    if path.endswith("json"):
        feed = json.loads(body)
        found, home = [item["title"] for item in feed["items"]], feed["home_page_url"]
    else:
        feed = feedparser.parse(body)
        found, home = [entry.title for entry in feed.entries], feed.feed.link
    assert found == ["The corridor by evening"]
    assert parse_qs(urlsplit(home).query)["time_zone"] == ["Asia/Baku"]


def test_the_setting_holds_where_the_request_names_no_zone(in_baku: Any) -> None:
    path = f"/api/v1/search?q={quote(DAY)}"
    assert titles(in_baku(path)[1]) == ["The corridor by evening"]
    assert titles(in_baku(f"{path}&time_zone=UTC")[1]) == ["The corridor by night"]
    assert "by evening" in text_of(in_baku(f"/?q={quote(DAY)}")[1])


@pytest.mark.parametrize("path", ["/api/v1/search", "/api/v1/histogram", "/api/v1/facets", "/api/v1/stream", *FORMS])
def test_an_unknown_zone_is_400_and_names_the_nearest(ask: Any, path: str) -> None:
    status, body = ask(f"{path}?time_zone=Asia/Bakoo")
    assert status == 400
    assert "time_zone: 'Asia/Bakoo' is no time zone; did you mean 'Asia/Baku'?" in json.loads(body)["error"]["message"]


def test_a_page_of_an_unknown_zone_says_so_and_leaves_it_out_of_the_form(ask: Any) -> None:
    status, body = ask("/?time_zone=Asia/Bakoo")
    assert status == 400
    assert "did you mean 'Asia/Baku'?" in text_of(body)
    assert b'name="time_zone"' not in body


@pytest.mark.parametrize(
    "zone",
    ["%00", "%ff", "..%2f..%2fetc%2fpasswd", "A" * 5000, "Europe", "localtime", "%0d%0aX:y", "%D9%A3", "'\"><b>"],
)
def test_a_hostile_zone_is_400_and_never_500(ask: Any, zone: str) -> None:
    for path in ("/api/v1/search", "/", "/feed.rss"):
        status, body = ask(f"{path}?time_zone={zone}")
        assert status == 400
        assert b"<b>" not in body or path != "/"


def test_a_page_is_asked_in_the_zone_that_the_browser_told(ask: Any) -> None:
    page = text_of(ask(f"/?q={quote(DAY)}", cookie="Asia/Baku")[1])
    assert "by evening" in page
    assert "by night" not in page
    assert "Dates in Asia/Baku" in page
    assert "by night" in text_of(ask(f"/?q={quote(DAY)}")[1])


def test_the_address_wins_over_the_browser(ask: Any) -> None:
    page = text_of(ask(f"/?q={quote(DAY)}&time_zone=UTC", cookie="Asia/Baku")[1])
    assert "by night" in page
    assert "by evening" not in page


@pytest.mark.parametrize("cookie", ["Asia/Bakoo", "../../etc/passwd", "x" * 3000, '"', "Europe"])
def test_a_browser_that_tells_no_zone_is_as_one_that_tells_nothing(ask: Any, cookie: str) -> None:
    status, body = ask(f"/?q={quote(DAY)}", cookie=cookie)
    assert status == 200
    assert "by night" in text_of(body)


def test_the_api_keeps_no_memory_of_a_browser(ask: Any) -> None:
    _, body = ask(f"/api/v1/search?q={quote(DAY)}", cookie="Asia/Baku")
    assert titles(body) == ["The corridor by night"]


def links(body: bytes) -> list[str]:
    found = re.findall(r'(?:href|data-stream)="([^"]+)"', body.decode())
    own = [html.unescape(link) for link in found if link.startswith(("/?", "/feed.", "/api/v1/stream"))]
    assert len(own) > 8
    return own


@pytest.mark.parametrize("asked", [f"q={quote(DAY)}", "since=2026-03-14", "q=corridor&since=now-1y/y"])
def test_links_of_a_page_with_dates_mean_the_same_to_a_reader_elsewhere(ask: Any, asked: str) -> None:
    _, body = ask(f"/?{asked}", cookie="Asia/Baku")
    for link in links(body):
        assert parse_qs(urlsplit(link).query).get("time_zone") == ["Asia/Baku"], link


def test_links_of_a_page_without_dates_name_no_zone(ask: Any) -> None:
    _, body = ask("/?q=corridor&since=now-1000d", cookie="Asia/Baku")
    assert not [link for link in links(body) if "time_zone" in link]
    assert "Dates in" not in text_of(body)


def test_a_bar_of_the_chart_leads_to_times_in_utc(ask: Any) -> None:
    _, body = ask("/?q=corridor", cookie="Asia/Baku")
    zooms = [link for link in links(body) if "until=" in link]
    assert zooms
    for link in zooms:
        given = parse_qs(urlsplit(link).query)
        assert given["since"][0].endswith("Z")
        assert given["until"][0].endswith("Z")


def test_a_zone_that_the_address_names_stays_with_the_form(ask: Any) -> None:
    _, body = ask("/?time_zone=%2B04:00", cookie="Europe/Berlin")
    assert b'<input type="hidden" name="time_zone" value="+04:00">' in body
    assert b'data-zone="Europe/Berlin"' in body
    assert "those of the time zone +04:00, which the address names" in text_of(body)
    status, body = ask("/?time_zone=%2B04:00&q=(")
    assert status == 400
    assert b'<input type="hidden" name="time_zone" value="+04:00">' in body


def test_a_page_in_utc_says_nothing_of_zones(ask: Any) -> None:
    _, body = ask(f"/?q={quote(DAY)}")
    assert b'data-zone="UTC"' in body
    assert "time zone" not in text_of(body)
    assert "Dates in" not in text_of(body)


def test_a_desk_with_a_zone_of_its_own_says_which(in_baku: Any) -> None:
    body = in_baku(f"/?q={quote(DAY)}")[1]
    assert "Dates in Asia/Baku" in text_of(body)
    assert not [link for link in links(body) if "time_zone" in link]
    assert "Dates in UTC" in text_of(in_baku(f"/?q={quote(DAY)}&time_zone=UTC")[1])


def test_a_date_that_lies_outside_all_years_elsewhere_breaks_no_page(ask: Any) -> None:
    for asked in ("q=" + quote("published >= 0001-01-01T05:00"), "since=0001-01-01T05:00"):
        assert ask(f"/?{asked}", cookie="Asia/Baku")[0] == 200
