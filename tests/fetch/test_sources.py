"""sources.yaml as subscriptions, and what it means beside what a person has done."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from heliograph.errors import DefinitionError, UsageError
from heliograph.fetch.port import Feed, FeedState, Subscription
from heliograph.fetch.sources import by_hand, load, merge, removal
from heliograph.fetch.urls import host_of, shown, slug_for

GOOD = """
outlets:
  - id: civil-ge
    title: Civil.ge
    country: ge
    ownership: independent
    feeds:
      - {id: civil-ge-en, url: "https://civil.ge/feed/", language: en, evidence: answering}
      - {id: civil-ge-ka, url: "https://civil.ge/ka/feed", language: ka, evidence: listed}
"""


def present(*subscriptions: Subscription) -> list[Feed]:
    return [Feed(one, FeedState(feed=one.id)) for one in subscriptions]


def test_a_file_becomes_subscriptions_that_know_their_outlet() -> None:
    first, second = load(GOOD, "sources.yaml")
    assert (first.id, first.source, first.source_title, first.country) == ("civil-ge-en", "civil-ge", "Civil.ge", "ge")
    assert (second.language, second.evidence, second.ownership) == ("ka", "listed", "independent")


def test_the_shipped_list_is_read(root: Path) -> None:
    shipped = root / "services" / "heliograph" / "defaults" / "sources.yaml"
    assert len(load(shipped.read_bytes(), shipped.name)) > 100


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("    country: ge\n", "", r"outlets\[0\]: the key 'country' is missing"),
        ("country: ge", "country: Georgia", r"outlets\[0\]\.country: 'Georgia'"),
        ("country: ge", "country: no", r"outlets\[0\]\.country must be text, not False: put it in quotes"),
        ("independent", "free", r"ownership: 'free' is none of state"),
        ("evidence: listed", "evidence: rumour", r"outlets\[0\]\.feeds\[1\]\.evidence: 'rumour'"),
        ("civil-ge-ka,", "civil-ge-en,", "the feed id 'civil-ge-en' stands there twice"),
        ("https://civil.ge/ka/feed", "https://civil.ge/feed/", "the feed url .* stands there twice"),
        ("https://civil.ge/ka/feed", "file:///etc/passwd", r"feeds\[1\]\.url: .*only http and https"),
        ("language: ka", "lang: ka", r"feeds\[1\]: unknown key 'lang', known are id, url, language, evidence"),
        ("id: civil-ge\n", "id: Civil Ge\n", r"outlets\[0\]\.id: 'Civil Ge' is not a slug"),
        ("outlets:", "outlets: [", "no YAML"),
        ("outlets:", "sources:", "unknown key 'sources'"),
    ],
)
def test_a_mistake_is_named_with_file_and_key(old: str, new: str, says: str) -> None:
    assert old in GOOD
    with pytest.raises(DefinitionError, match=says) as caught:
        load(GOOD.replace(old, new), "my/sources.yaml")
    assert caught.value.place == "my/sources.yaml"
    assert str(caught.value).startswith("my/sources.yaml: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "[]", "outlets: []", "outlets: {}", b"\xff\xfe\x00", "a: &a [*a]"])
def test_what_is_no_list_of_outlets_is_refused(text: str | bytes) -> None:
    with pytest.raises(DefinitionError):
        load(text, "sources.yaml")


def test_a_feed_switched_off_by_a_person_stays_off_and_new_ones_are_added() -> None:
    first, second = load(GOOD, "s")
    off = replace(first, enabled=False, title="Old title")
    assert merge([first, second], present(off)) == (replace(first, enabled=False), second)
    assert merge([first, second], present(first, second)) == ()


def test_a_feed_added_by_hand_is_left_alone_and_not_added_twice() -> None:
    first, second = load(GOOD, "s")
    mine = Subscription(id="my-civil", url=first.url)
    taken = Subscription(id=second.id, url="https://mine.example/")
    assert merge([first, second], present(mine, taken)) == ()


def test_a_shipped_feed_is_switched_off_and_one_by_hand_is_dropped() -> None:
    first, _ = load(GOOD, "s")
    mine = by_hand("https://mine.example/rss", set())
    assert removal(present(first, mine), first.id) == ((replace(first, enabled=False),), ())
    assert removal(present(first, mine), mine.id) == ((), (mine.id,))
    with pytest.raises(UsageError, match="feeds list"):
        removal(present(first), "nobody")


def test_an_id_by_hand_comes_from_the_host_then_the_path_then_a_number() -> None:
    url = "https://www.civil.ge/ka/feed.xml"
    assert by_hand(url, set()).id == "civil-ge"
    assert slug_for(url, {"civil-ge"}) == "civil-ge-ka"
    assert slug_for(url, {"civil-ge", "civil-ge-ka"}) == "civil-ge-ka-2"
    assert slug_for("https://пример.рф/", set()) == "feed"
    with pytest.raises(UsageError, match="only http and https"):
        by_hand("ftp://x.example/", set())


@pytest.mark.parametrize(
    ("url", "shows"),
    [
        ("https://user:pw@f.example:8443/a?token=s#frag", "https://f.example:8443/a?…"),
        ("https://f.example/a", "https://f.example/a"),
        ("http://[::1", "(unreadable address)"),
        ("mailto:user:pw@f.example", "mailto:…"),
        ("https://a@b:pw@f.example/", "https://f.example/"),
    ],
)
def test_an_address_is_shown_without_its_secrets(url: str, shows: str) -> None:
    assert shown(url) == shows


def test_a_host_is_named_with_its_port_where_that_is_not_the_usual_one() -> None:
    assert host_of("https://F.Example.:443/x") == "f.example"
    assert host_of("http://f.example:8080/") == "f.example:8080"
    assert host_of("http://[::1") == ""
