from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliograph.core.url import canonical_url, names_an_item

SEGMENTS = ["", ".", "..", "%2e%2e", "amp", "a", "a.amp", ".amp", "b.amp.html", "%7Ec", "%d0%b0", "ü", "%", "a b"]
URLS = st.builds(
    "{}{}{}{}/{}{}{}".format,
    st.sampled_from(["http://", "HTTPS://"]),
    st.sampled_from(["", "www.", "amp.", "www.amp.", "amp.www."]),
    st.sampled_from(["example.az", "AZ", "Пример.рф", "127.0.0.1", "[2001:DB8::1]"]),
    st.sampled_from(["", ":80", ":443", ":8080"]),
    st.lists(st.sampled_from(SEGMENTS), max_size=5).map("/".join),
    st.sampled_from(["", "?", "?a=1&utm_source=x", "?b=%20&a=ü", "?amp=1", "?x", "?=&&"]),
    st.sampled_from(["", "#", "#a"]),
)


@pytest.mark.parametrize(
    ("published", "canonical"),
    [
        ("HTTP://WWW.Example.AZ:80/News/1/", "https://example.az/News/1"),
        ("https://example.az/a?utm_source=rss&id=7&fbclid=x", "https://example.az/a?id=7"),
        ("https://example.az/a/amp/", "https://example.az/a"),
        ("https://example.az/amp/a.html", "https://example.az/a.html"),
        ("https://amp.example.az/a.amp.html", "https://example.az/a.html"),
        ("https://example.az/a?outputType=amp", "https://example.az/a"),
        ("https://example.az/a#comments", "https://example.az/a"),
        ("https://example.az/./a/../b", "https://example.az/b"),
        ("https://example.az/%7Euser/%d0%b0", "https://example.az/~user/%D0%B0"),
        ("https://example.az/а", "https://example.az/%D0%B0"),
        ("https://пример.рф/a", "https://xn--e1afmkfd.xn--p1ai/a"),
        ("https://example.az:8443/a", "https://example.az:8443/a"),
        ("http://127.0.0.1:9000/a", "http://127.0.0.1:9000/a"),
        ("https://[2001:DB8::1]/a", "https://[2001:db8::1]/a"),
        ("https://www.az/a", "https://www.az/a"),
        (" https://example.az/a\n", "https://example.az/a"),
        ("https://example.az/?b=2&a=1", "https://example.az?b=2&a=1"),
        ("https://example.az", "https://example.az"),
        ("https://user:pw@example.az/a", "https://example.az/a"),
        ("mailto:a@b", ""),
        ("javascript:alert(1)", ""),
        ("/relative", ""),
        ("https://", ""),
        ("https://example.az:99999/a", ""),
        ("https://[::1/a", ""),
        ("", ""),
    ],
)
def test_each_address_has_one_spelling(published: str, canonical: str) -> None:
    assert canonical_url(published) == canonical


@given(URLS)
def test_doing_it_twice_changes_nothing(url: str) -> None:
    assert canonical_url(canonical_url(url)) == canonical_url(url)


@given(st.text())
def test_any_text_gives_an_address_or_nothing_and_no_exception(text: str) -> None:
    for url in (text, f"https://{text}", f"https://example.az/{text}"):
        once = canonical_url(url)
        assert canonical_url(once) == once


@given(URLS)
def test_www_case_scheme_and_fragment_make_no_difference(url: str) -> None:
    assert canonical_url(url.split("#", maxsplit=1)[0] + "#x") == canonical_url(url)


@pytest.mark.parametrize(
    ("url", "answer"),
    [("https://a.az", False), ("https://a.az/", False), ("https://a.az/1", True), ("https://a.az?id=1", True)],
)
def test_a_bare_host_names_no_item(url: str, answer: bool) -> None:
    assert names_an_item(url) is answer
