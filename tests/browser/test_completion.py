"""The query box completes what is being written, for a mouse, a keyboard and a screen reader."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect

pytestmark = pytest.mark.browser


@pytest.fixture
def page(browser: Browser, site: str) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    opened = context.new_page()
    opened.goto(site + "/")
    yield opened
    context.close()


def options(page: Page) -> Locator:
    return page.locator("#suggestions").get_by_role("option")


def test_a_query_is_written_by_choosing(page: Page) -> None:
    page.locator("#q").press_sequentially("cou")
    expect(options(page)).to_have_text(["country: one of its values"])
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("#q")).to_have_value("country: ")
    # A value may be chosen next, and the most frequent one stands first.
    expect(options(page).first).to_contain_text("articles")
    page.keyboard.type("a")
    expect(options(page).first).to_contain_text("am")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("#q")).to_have_value("country: am ")
    expect(options(page).first).to_contain_text("and")
    page.keyboard.press("Escape")
    expect(page.locator("#suggestions")).to_be_hidden()
    page.keyboard.press("Enter")
    page.wait_for_url("**/?q=country%3A+am*")
    expect(page.locator(".card").first).to_be_visible()


def test_enter_searches_unless_a_suggestion_was_gone_to(page: Page) -> None:
    page.locator("#q").press_sequentially("cou")
    expect(options(page)).to_have_count(1)
    page.keyboard.press("Enter")
    page.wait_for_url("**/?q=cou*")


def test_a_click_takes_a_concept_and_what_stands_behind_the_place_stays(page: Page) -> None:
    page.fill("#q", "@corr and 𝕏 treaty")
    page.locator("#q").evaluate("box => box.setSelectionRange(5, 5)")
    page.keyboard.press("ArrowDown")
    options(page).filter(has_text="Transport corridor").click()
    expect(page.locator("#q")).to_have_value("@corridor and 𝕏 treaty")
    expect(page.locator("#q")).to_be_focused()


def test_places_are_counted_in_characters_whatever_their_plane(page: Page) -> None:
    page.locator("#q").press_sequentially("𝕏𝕏 and tit")
    options(page).filter(has_text="title:").click()
    expect(page.locator("#q")).to_have_value("𝕏𝕏 and title: ")


def test_a_screen_reader_hears_what_is_there_and_what_is_gone_to(page: Page) -> None:
    box = page.get_by_role("combobox", name="Search the flagged articles")
    expect(box).to_have_attribute("aria-expanded", "false")
    box.press_sequentially("iran ")
    expect(box).to_have_attribute("aria-expanded", "true")
    expect(page.locator("#suggested")).to_have_text("4 suggestions")
    page.keyboard.press("ArrowUp")
    expect(box).to_have_attribute("aria-activedescendant", "suggestion-3")
    expect(page.locator("#suggestion-3")).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowDown")
    assert box.get_attribute("aria-activedescendant") is None
    page.keyboard.press("Tab")
    expect(page.locator("#suggestions")).to_be_hidden()
    expect(box).to_have_value("iran ")


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 360)])
def test_axe_finds_no_violation_in_the_open_list(page: Page, scheme: Any, width: int) -> None:
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.set_viewport_size({"width": width, "height": 800})
    page.locator("#q").press_sequentially("iran and ")
    expect(options(page).first).to_be_visible()
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    found = {
        rule["id"]: [node["html"][:160] for node in rule["nodes"]] for rule in Axe().run(page).response["violations"]
    }
    assert found == {}


def test_a_server_that_does_not_answer_leaves_the_box_as_it_is(page: Page, site: str) -> None:
    page.route("**/api/v1/complete?*", lambda route: route.abort())
    page.locator("#q").press_sequentially("country: am")
    with page.expect_request("**/api/v1/complete?*"):
        page.keyboard.press("ArrowDown")
    expect(page.locator("#suggestions")).to_be_hidden()
    page.keyboard.press("Enter")
    page.wait_for_url(f"{site}/?q={quote('country: am').replace('%20', '+')}*")
