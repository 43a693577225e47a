from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from heliograph.core.ids import alert_id, article_id, article_ids, revision_of, stable_id

parts = st.lists(st.text(), min_size=1, max_size=4)


@given(parts)
def test_an_id_is_26_characters_that_are_safe_everywhere(found: list[str]) -> None:
    assert re.fullmatch(r"[a-z2-7]{26}", stable_id("article", *found))


@given(parts, parts)
def test_ids_agree_exactly_when_their_parts_do(one: list[str], two: list[str]) -> None:
    assert (stable_id("k", *one) == stable_id("k", *two)) == (one == two)


def test_parts_do_not_run_into_each_other() -> None:
    assert stable_id("k", "ab", "c") != stable_id("k", "a", "bc")


def test_ids_never_change_between_releases() -> None:
    """Written down once: a change here would make every article new."""
    assert article_id(feed="f", link="https://example.az/1", guid="g", title="t") == "dcocslh66rr3ok2ujk5luault4"
    assert alert_id("topic", "story", "desk") == "tzmsxzci6oft5o6fwes35z3cxe"


def test_an_article_keeps_its_id_when_its_guid_or_tracking_changes() -> None:
    one = article_id(feed="a", link="http://www.example.az/1?utm_source=rss", guid="1", title="x")
    two = article_id(feed="b", link="https://example.az/1/", guid="2", title="y")
    assert one == two


def test_without_an_address_the_feed_and_guid_decide() -> None:
    assert article_id(feed="a", link="", guid="1", title="x") == article_id(feed="a", link="", guid="1", title="y")
    assert article_id(feed="a", link="", guid="1", title="x") != article_id(feed="b", link="", guid="1", title="x")


def test_an_address_of_the_front_page_names_no_article() -> None:
    ids = [article_id(feed="a", link="https://example.az/", guid=g, title="t") for g in "12"]
    assert len(set(ids)) == 2


def test_items_that_share_a_page_are_told_apart_by_guid_or_title() -> None:
    page = "https://example.az/live"
    assert len(set(article_ids("f", [(page, "1", "a"), (page, "2", "b"), (page, "", "c"), (page, "", "d")]))) == 4


def test_guids_that_are_not_unique_lose_no_item() -> None:
    items = [(f"https://example.az/{n}", "same", f"t{n}") for n in range(10)]
    assert len(set(article_ids("f", items))) == 10


def test_an_item_listed_twice_is_one_item() -> None:
    item = ("https://example.az/1", "g", "t")
    assert len(set(article_ids("f", [item, item]))) == 1


def test_a_single_item_has_the_same_id_alone_and_in_its_feed() -> None:
    link = "https://example.az/1"
    assert article_ids("f", [(link, "g", "t")]) == [article_id(feed="f", link=link, guid="g", title="t")]


def test_a_revision_changes_with_what_a_reader_sees_and_nothing_else() -> None:
    assert revision_of(title="a", text="b", link="c") == revision_of(title="a", text="b", link="c")
    assert revision_of(title="a", text="b", link="c") != revision_of(title="a", text="b2", link="c")
