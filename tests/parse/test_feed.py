from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliograph.errors import FeedError
from heliograph.parse.encoding import decode
from heliograph.parse.feed import parse_feed
from heliograph.parse.output import parse_to_json_lines
from heliograph.parse.port import ParsedItem, ParseOptions


def rss(items: str, head: str = "") -> bytes:
    return f"<rss version='2.0'><channel><title>F</title>{head}{items}</channel></rss>".encode()


def item(number: int, more: str = "") -> str:
    return f"<item><title>T{number}</title><link>https://e.org/{number}</link><guid>{number}</guid>{more}</item>"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "empty"),
        (b" \r\n\xef\xbb\xbf", "empty"),
        (b"<!DOCTYPE html><html><body>x</body></html>", "html-page"),
        (b"<!-- c --><HTML><head></head></HTML>", "html-page"),
        (b"<catalogue/>", "not-a-feed"),
        (b"just words", "not-a-feed"),
        (b"http://127.0.0.1:9/feed.xml", "not-a-feed"),
        (b"/etc/passwd", "not-a-feed"),
        (b'{"a": 1}', "not-a-feed"),
        (b'{"version": "https://jsonfeed.org/version/1", "items": [', "not-a-feed"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "not-a-feed"),
    ],
)
def test_what_is_no_feed_is_refused_with_a_reason(body: bytes, reason: str) -> None:
    with pytest.raises(FeedError) as caught:
        parse_feed(body)
    assert caught.value.reason == reason
    assert "\n" not in str(caught.value)


def test_a_feed_without_items_is_no_error_of_a_poll_but_one_of_the_command() -> None:
    body = rss("")
    feed = parse_feed(body)
    assert feed.items == ()
    assert feed.title == "F"
    assert "the feed has no items" in feed.problems
    assert parse_to_json_lines("f", body) == [{"file": "f", "error": "a feed without items"}]


@pytest.mark.parametrize("reference_only", [False, True])
def test_items_beyond_the_limit_are_counted_and_said(reference_only: bool) -> None:
    body = rss("".join(item(number) for number in range(130)))
    feed = parse_feed(body, options=ParseOptions(max_items=100, reference_only=reference_only))
    assert [entry.guid for entry in feed.items] == [str(number) for number in range(100)]
    assert feed.dropped == 30
    assert any("30 items" in problem for problem in feed.problems)
    assert feed.quick is not reference_only


def test_100_000_items_give_the_first_2000_and_an_exact_count_of_the_rest() -> None:
    feed = parse_feed(rss(item(1) * 100_000))
    assert (len(feed.items), feed.dropped) == (2000, 98_000)


def test_json_items_beyond_the_limit_are_counted_too() -> None:
    body = b'{"version":"https://jsonfeed.org/version/1.1","items":[%s]}' % b",".join([b'{"id":"1"}'] * 50)
    assert parse_feed(body, options=ParseOptions(max_items=20)).dropped == 30


def test_an_item_beyond_its_size_is_cut_and_said() -> None:
    feed = parse_feed(rss(item(1, f"<description>{'слово ' * 60_000}</description>")))
    assert len(feed.items[0].text.encode()) <= 256 * 1024
    assert any("is cut at 262144" in problem for problem in feed.problems)


def test_a_date_that_cannot_be_read_is_kept_in_the_problems() -> None:
    feed = parse_feed(rss(item(1, "<pubDate>the day after tomorrow</pubDate>")))
    assert feed.items[0].published is None
    assert "date not understood: the day after tomorrow" in feed.problems


def test_many_problems_are_shortened() -> None:
    feed = parse_feed(rss("".join(item(number, "<pubDate>never</pubDate>") for number in range(200))))
    assert len(feed.problems) == 50
    assert feed.problems[-1] == "and 151 more"


@pytest.mark.parametrize(
    ("link", "url", "resolved"),
    [
        ("/a", "https://e.org/d/feed", "https://e.org/a"),
        ("a", "https://e.org/d/feed", "https://e.org/d/a"),
        ("//x.org/a", "https://e.org/d/feed", "https://x.org/a"),
        ("/a", "", "/a"),
        (" https://e.org/\n b ", "", "https://e.org/b"),
        ("javascript:alert(1)", "https://e.org/", ""),
        ("java\tscript:alert(1)", "https://e.org/", ""),
        ("DATA:text/html,x", "https://e.org/", ""),
        ("http://[bad", "https://e.org/", ""),
    ],
)
@pytest.mark.parametrize("reference_only", [False, True])
def test_a_link_is_resolved_or_left_out(link: str, url: str, resolved: str, reference_only: bool) -> None:
    body = rss(f"<item><title>x</title><link>{link}</link><guid isPermaLink='false'>g</guid></item>")
    feed = parse_feed(body, url=url, options=ParseOptions(reference_only=reference_only))
    assert feed.items[0].link == resolved


@pytest.mark.parametrize(
    "more",
    [
        "<dcterms:modified xmlns:dcterms='http://purl.org/dc/terms/'>2026-01-12T10:05:00Z</dcterms:modified>",
        "<dcterms:issued xmlns:dcterms='http://purl.org/dc/terms/'>2026-01-12T10:05:00Z</dcterms:issued>",
        "<pubDate>Mon, 12 Jan 2026 10:05:00 UTC</pubDate>",
        "<date xmlns='http://purl.org/dc/elements/1.1/'>2026-01-12T10:05:00Z</date>",
    ],
)
def test_a_date_is_found_in_whichever_element_it_stands(more: str) -> None:
    feed = parse_feed(rss(item(1, more)))
    assert feed.items[0].published is not None
    assert feed.items[0].published.isoformat() == "2026-01-12T10:05:00+00:00"


def test_empty_elements_in_short_form_swallow_nothing() -> None:
    body = rss("<item><title/><link>https://e.org/1</link><guid/><description>the text</description></item>")
    (entry,) = parse_feed(body).items
    assert (entry.title, entry.link, entry.text, entry.titled_from_text) == (
        "the text",
        "https://e.org/1",
        "the text",
        True,
    )


def test_addresses_of_private_networks_are_read_by_the_quick_path() -> None:
    body = rss(item(1).replace("https://e.org", "http://127.0.0.1:80"))
    feed = parse_feed(body)
    assert feed.quick
    assert feed.items[0].link == "http://127.0.0.1:80/1"


def test_external_entities_are_never_opened() -> None:
    body = b"<!DOCTYPE rss [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>" + rss(item(1, "<description>&x;</description>"))
    assert "root:" not in str(parse_feed(body))


def test_one_bad_address_does_not_cost_the_other_items() -> None:
    body = rss("<item><title>a</title><guid isPermaLink='true'>http://[bad/</guid></item>" + item(2))
    assert [entry.title for entry in parse_feed(body, url="https://e.org/").items] == ["a", "T2"]


def test_the_transports_charset_counts_before_the_declaration() -> None:
    text = "<?xml version='1.0' encoding='big5'?>" + rss(item(1, "<description>新闻报道</description>")).decode()
    feed = parse_feed(text.encode("gb18030"), content_type="application/rss+xml; charset=GB2312")
    assert feed.items[0].text == "新闻报道"


def test_text_that_is_utf8_but_for_a_slip_stays_utf8() -> None:
    body = rss(item(1, "<description>Дорога открыта для всех машин</description>")).replace("для".encode(), b"\xff")
    feed = parse_feed(body)
    assert "Дорога открыта" in feed.items[0].text
    assert any("is no UTF-8" in problem for problem in feed.problems)


@given(
    st.binary(max_size=400),
    st.sampled_from(["", "text/xml; charset=utf-16", "x; charset=nonsense", "x; charset=rot13"]),
)
def test_no_bytes_make_decoding_raise(body: bytes, content_type: str) -> None:
    assert isinstance(decode(body, content_type).text, str)


SIGNS = (
    "<rss>|<channel>|<item>|</item>|<title>|</title>|<link>|<feed xmlns='http://www.w3.org/2005/Atom'>|<entry>"
    "|</entry>|<id>|<![CDATA[|]]>|&lt;|&#0;|&x;|<!DOCTYPE x [|x|http://[|\x00|<?xml |?>|<content type='xhtml'>|</"
    '|<pubDate>|\ud7ff|{|"items":[|<guid>'
)
PIECES = st.lists(st.sampled_from(SIGNS.split("|")), max_size=40)


@given(PIECES)
def test_whatever_the_bytes_there_is_a_feed_or_a_feed_error(pieces: list[str]) -> None:
    reason = ""
    items: tuple[ParsedItem, ...] = ()
    try:
        items = parse_feed("".join(pieces).encode()).items
    except FeedError as error:
        reason = error.reason
    assert reason in {"", "empty", "html-page", "not-a-feed"}
    assert all(entry.published is None or entry.published.tzinfo is not None for entry in items)
