"""OPML: lists go round unharmed, and a hostile one imports nothing."""

from __future__ import annotations

import time

import pytest

from heliograph.errors import FeedError
from heliograph.fetch.opml import MAX_BYTES, MAX_FEEDS, read, write
from heliograph.fetch.port import Subscription


def opml(body: str, head: str = '<?xml version="1.0" encoding="UTF-8"?>') -> bytes:
    return f'{head}<opml version="2.0"><head/><body>{body}</body></opml>'.encode()


GOOD = '<outline text="A" xmlUrl="https://a.example/feed"/>'
BILLION = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
HOSTILE = {
    "external entity": opml(
        '<outline text="&x;" xmlUrl="https://a.example/"/>', '<!DOCTYPE x [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    ),
    "entity bomb": opml('<outline text="&b;" xmlUrl="https://a.example/"/>', BILLION),
    "parameter entity": opml(GOOD, '<!DOCTYPE x [<!ENTITY % p SYSTEM "http://127.0.0.1/x"> %p;]>'),
    "external DTD": opml(GOOD, '<!DOCTYPE opml SYSTEM "http://127.0.0.1/opml.dtd">'),
    "file address": opml(GOOD + '<outline xmlUrl="file:///etc/passwd"/>'),
    "script address": opml(GOOD + '<outline xmlUrl="javascript:alert(1)"/>'),
    "address with a line break": opml(GOOD + '<outline xmlUrl="https://a.example/&#10;Host: b"/>'),
    "backslash": opml(GOOD + '<outline xmlUrl="http://127.0.0.1\\@a.example/"/>'),
    "depth": opml("<outline>" * 100_000 + GOOD + "</outline>" * 100_000),
    "number": opml("".join(f'<outline xmlUrl="https://a.example/{n}"/>' for n in range(MAX_FEEDS + 1))),
    "size": opml(GOOD + " " * MAX_BYTES),
    "cut off": opml(GOOD)[:-12],
    "no OPML": b"<html><body>404</body></html>",
    "nothing": b"",
    "unknown encoding": opml(GOOD, '<?xml version="1.0" encoding="no-such"?>'),
    "broken UTF-8": opml(GOOD).replace(b'"A"', b'"\xff\xfe"'),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_list_imports_nothing_and_says_why(name: str) -> None:
    started = time.process_time()
    with pytest.raises(FeedError, match="nothing was imported") as caught:
        read(HOSTILE[name])
    assert caught.value.reason == "bad-opml"
    assert "\n" not in str(caught.value)
    assert "passwd" not in str(caught.value) or name == "file address"
    assert time.process_time() - started < 2.0


def test_an_error_names_its_line() -> None:
    with pytest.raises(FeedError, match="line 3: 'ftp:"):
        read(b'<opml>\n<body>\n<outline xmlUrl="ftp://a.example/x"/></body></opml>')


def test_folders_titles_and_spellings_of_the_attribute_are_read_and_an_address_counts_once() -> None:
    found = read(
        opml(
            '<outline text="Caucasus"><outline text="Georgia" title="Georgien">'
            '<outline text="Civil" title="Civil.ge" xmlUrl=" https://civil.ge/feed/ " language="en"/></outline>'
            '<outline text="OC" xmlurl="https://oc-media.org/feed/"/></outline>'
            '<outline text="again" XMLURL="https://civil.ge/feed/"/><outline text="no feed"/>'
        )
    )
    assert [(one.title, one.url, one.folder, one.language) for one in found] == [
        ("Civil.ge", "https://civil.ge/feed/", "Caucasus/Georgien", "en"),
        ("OC", "https://oc-media.org/feed/", "Caucasus", ""),
    ]


def test_what_is_written_is_read_again_whatever_it_holds() -> None:
    subscriptions = [
        Subscription(id=f"f{n}", url=f"https://f.example/{n}?a=1&b=%22", title=title, source_title=group, language="az")
        for n, (title, group) in enumerate(
            [
                ("\"<&>'", "G & <H>"),
                ("Azərbaycan \x00\x0b\ud800!", ""),
                ("سلام", "G & <H>"),
                ("tab\tnew\nline", "ქარ"),
            ]
        )
    ]
    found = read(write(subscriptions))
    assert {one.url for one in found} == {one.url for one in subscriptions}
    assert {one.title for one in found} == {"\"<&>'", "Azərbaycan !", "سلام", "tab\tnew\nline"}
    assert {one.folder for one in found} == {"G & <H>", "", "ქარ"}


def test_a_list_in_another_encoding_is_read() -> None:
    text = '<?xml version="1.0" encoding="windows-1251"?><opml><body><outline text="Вести" xmlUrl="http://v.example/"/>'
    assert read((text + "</body></opml>").encode("windows-1251"))[0].title == "Вести"
