"""The pages in a browser: accessible, self-contained, inert to hostile text, live, and whole without JavaScript."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Dialog, Page, expect

pytestmark = pytest.mark.browser
BUDGET = 60_000
XSS = (
    "<script>window.hit=1</script>",
    "<img src=x onerror=window.hit=1>",
    '"><svg onload=window.hit=1>',
    "' autofocus onfocus=window.hit=1 x='",
    "</title><script>window.hit=1</script>",
    "{{constructor.constructor('window.hit=1')()}}",
    "<iframe srcdoc='<script>parent.hit=1</script>'></iframe>",
)


def pages_of(newsroom: Any, news: Any) -> list[str]:
    article = newsroom.search("flagged", news.Ask(limit=1)).items[0].document.article.id
    return [
        "/", "/?scope=all",
        "/?q=" + quote("@corridor and country: ge"), "/?q=" + quote("iran and (russia"), "/?q=zebra",
        "/?time_zone=Asia/Baku&since=2026-11-01&q=" + quote("published < now/d"),
        f"/articles/{article}", "/topics", "/alerts", "/feeds", "/status", "/nowhere",
    ]  # fmt: skip


@pytest.fixture
def requests_seen() -> list[str]:
    return []


@pytest.fixture
def page(browser: Browser, requests_seen: list[str]) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, timezone_id="Asia/Tbilisi", locale="en-GB")
    context.on("request", lambda request: requests_seen.append(request.url))
    yield context.new_page()
    context.close()


@pytest.mark.slow
@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 360)])
def test_axe_finds_no_violation_on_any_page(
    page: Page, site: str, newsroom: Any, news: Any, scheme: Any, width: int
) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 800})
    found = {}
    for path in pages_of(newsroom, news):
        page.goto(site + path)
        page.evaluate("for (const d of document.querySelectorAll('details')) d.open = true")
        for rule in Axe().run(page).response["violations"]:
            found[path, rule["id"]] = [node["html"][:160] for node in rule["nodes"]][:3]
    assert found == {}


def test_no_request_leaves_the_origin_and_nothing_breaks_the_policy(
    page: Page, site: str, newsroom: Any, news: Any, requests_seen: list[str]
) -> None:
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    html = '<p style="color:red"><img src="https://tracker.example/p.gif"><a href="https://x.example/">out</a></p>'
    newsroom.publish(news.document("A corridor with pictures", "text", html=html, hours=0))
    for path in pages_of(newsroom, news):
        page.goto(site + path)
    assert {url for url in requests_seen if not url.startswith(f"{site}/")} == set()
    assert [text for text in complaints if "404" not in text and "400" not in text] == []


@pytest.mark.parametrize("width", [1280, 390, 360])
def test_no_page_scrolls_sideways(page: Page, site: str, newsroom: Any, news: Any, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    newsroom.publish(news.document("corridor" * 60, "x" * 600 + " corridor", hours=0))
    for path in pages_of(newsroom, news):
        page.goto(site + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path


@pytest.mark.parametrize("bypass", [False, True], ids=["with the policy", "without it"])
def test_hostile_text_runs_nothing(browser: Browser, site: str, newsroom: Any, news: Any, bypass: bool) -> None:
    context = browser.new_context(bypass_csp=bypass)
    page = context.new_page()
    dialogs: list[str] = []

    def note(dialog: Dialog) -> None:
        dialogs.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", note)
    paths = ["/", "/feeds", "/alerts"]
    for at, text in enumerate(XSS):
        document = news.document(
            f"{text} corridor", f"{text} the corridor {text}", source=text, language=text, country=text, ownership=text,
            authors=(text,), categories=(text,), link="javascript:window.hit=1", html=f"<p>{text}</p>",
            guid=text, hours=0,
            turn=at,
        )  # fmt: skip
        newsroom.publish(document)
        paths += [f"/articles/{document.article.id}", f"/?q={quote(text)}", f"/?since={quote(text)}", "/" + quote(text)]
    row = newsroom.feeds[0]
    newsroom.feeds.append(type(row)("x", XSS[1], "javascript:window.hit=1", XSS[0], XSS[2], last_error=XSS[1]))
    for path in paths:
        page.goto(site + path)
        page.evaluate("for (const d of document.querySelectorAll('details')) d.open = true")
        assert page.evaluate("window.hit === undefined"), path
        assert page.locator("a[href^='javascript:']").count() == 0, path
        assert page.locator("main script, main iframe, main [onerror], main [onload], main [onfocus]").count() == 0, (
            path
        )
    page.goto(site + "/")
    expect(page.locator("#live-state")).to_have_text("Live")
    newsroom.publish(news.document(f"{XSS[1]} live corridor", XSS[0], source=XSS[2], hours=0))
    page.locator("#fresh").click()
    expect(page.locator(".card").first).to_contain_text("live corridor")
    assert page.evaluate("window.hit === undefined")
    assert dialogs == []
    context.close()


def test_a_new_article_appears_without_reloading(page: Page, site: str, newsroom: Any, news: Any) -> None:
    page.goto(site + "/")
    expect(page.locator("#live-state")).to_have_text("Live")
    page.evaluate("window.same = true")
    newsroom.publish(news.document("A corridor opens tonight", hours=0))
    newsroom.publish(news.document("A corridor closes tonight", hours=0))
    expect(page.locator("#fresh")).to_have_text("2 new articles: show")
    expect(page).to_have_title(re.compile(r"^\(2\) "))
    page.locator("#fresh").press("Enter")
    expect(page.locator(".card h2").first).to_have_text("A corridor closes tonight")
    expect(page.locator(".card h2 a").first).to_be_focused()
    assert page.evaluate("window.same") is True


def test_the_live_list_keeps_to_the_query(page: Page, site: str, newsroom: Any, news: Any) -> None:
    page.goto(site + "/?q=" + quote("country: am"))
    expect(page.locator("#live-state")).to_have_text("Live")
    newsroom.publish(news.document("A corridor in Türkiye", country="tr", hours=0))
    newsroom.publish(news.document("A corridor in Armenia", country="am", hours=0))
    expect(page.locator("#fresh")).to_have_text("1 new article: show")


def test_times_stand_in_the_readers_zone_with_the_published_time_beside(page: Page, site: str) -> None:
    page.goto(site + "/")
    expect(page.locator(".card time").first).to_have_text("22 Nov, 06:00 (02:00 UTC)")


def test_a_date_is_a_day_of_the_readers_own_zone(browser: Browser, site: str, newsroom: Any, news: Any) -> None:
    for title, day in (("A corridor by evening", 13), ("A corridor by night", 14)):
        newsroom.publish(news.document(title, published=datetime(2026, 3, day, 21, tzinfo=UTC)))
    context = browser.new_context(timezone_id="Asia/Baku")
    page = context.new_page()
    page.goto(site + "/")
    page.fill("#q", "published: 2026-03-14")
    page.click("button:has-text('Search')")
    expect(page.locator(".card h2")).to_have_text(["A corridor by evening"])
    expect(page.locator(".zone")).to_have_text("Dates in Asia/Baku")
    feed = page.locator(".links a", has_text="JSON").get_attribute("href")
    (cookie,) = context.cookies()
    assert (cookie.get("name"), cookie.get("value"), cookie.get("sameSite")) == ("time_zone", "Asia/Baku", "Lax")
    page.goto(site + "/?time_zone=UTC&q=" + quote("published: 2026-03-14"))
    expect(page.locator(".card h2")).to_have_text(["A corridor by night"])
    context.close()
    # What is linked means the same where no browser tells a zone.
    elsewhere = browser.new_context()
    items = elsewhere.request.get(f"{site}{feed}").json()["items"]
    assert [item["title"] for item in items] == ["A corridor by evening"]
    elsewhere.close()


def test_a_reader_in_the_zone_of_the_desk_is_told_nothing_and_keeps_no_cookie(browser: Browser, site: str) -> None:
    context = browser.new_context(timezone_id="UTC")
    page = context.new_page()
    page.goto(site + "/?q=" + quote("published: 2026-11-21"))
    expect(page.locator("#live-state")).to_have_text("Live")
    expect(page.locator(".zone")).to_have_count(0)
    assert context.cookies() == []
    context.close()


def test_everything_can_be_reached_by_keyboard(page: Page, site: str) -> None:
    page.goto(site + "/")
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("/")
    expect(page.locator("#q")).to_be_focused()
    page.keyboard.type("country: ka or country: am")
    page.keyboard.press("Enter")
    expect(page.locator(".card")).to_have_count(3)
    page.locator("body").press("j")
    expect(page.locator(".card h2 a").first).to_be_focused()
    page.keyboard.press("j")
    expect(page.locator(".card h2 a").nth(1)).to_be_focused()


def test_without_javascript_one_can_search_read_page_and_add_a_feed(browser: Browser, site: str, newsroom: Any) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(site + "/")
    page.fill("#q", "@corridor and ownership: state")
    page.click("button:has-text('Search')")
    assert page.locator(".card").count() == 6
    page.get_by_role("link", name="Iran", exact=True).click()
    assert page.locator(".card").count() == 3
    page.click(".filters a >> nth=0")
    page.click(".card h2 a >> nth=0")
    assert page.locator(".evidence table").count() >= 1
    page.goto(site + "/?limit=5")
    page.click("a[rel=next]")
    assert page.locator(".card").count() > 0
    page.goto(site + "/feeds")
    page.click("summary")
    page.fill("#url", "https://new.example/rss")
    page.click("button:has-text('Add')")
    assert "The feed was added" in page.inner_text("main")
    assert newsroom.feeds[-1].url == "https://new.example/rss"
    page.click("#feed-f-kura button")
    assert "f-kura" not in [row.id for row in newsroom.feeds]
    context.close()


def test_every_page_weighs_less_than_the_budget_all_in(
    page: Page, site: str, newsroom: Any, news: Any, requests_seen: list[str]
) -> None:
    newsroom.fill(copies=8)
    for path in pages_of(newsroom, news):
        requests_seen.clear()
        page.goto(site + path)
        loaded = {url for url in requests_seen if "/api/" not in url}
        weight = sum(len(gzip.compress(page.request.get(url).body(), 6)) for url in loaded)
        assert 1000 < weight <= BUDGET, (path, weight)
