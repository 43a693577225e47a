"""Character references left over in published text, read as their characters, with the way back."""

from __future__ import annotations

from html.entities import codepoint2name

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heliograph.core.entities import read
from heliograph.core.text import fold, tokenize

NAMES = {**codepoint2name, ord("'"): "apos", 0x200B: "ZeroWidthSpace"}
CHARACTERS = st.sampled_from("abIiİəéÉйЁꙗհևაᲐكیآ٣ـ'’«»–\"&<> \u00a0\u00ad\u200c\u200d\u200b\u0301ﷺ🛰")


def references(char: str) -> list[str]:
    """Return the ways to write a reference to `char`."""
    forms = [f"#{ord(char)}", f"#0{ord(char)}", f"#x{ord(char):x}", f"#X{ord(char):X}"]
    if ord(char) in NAMES:
        forms.append(NAMES[ord(char)])
    return [f"&{escaped}{form};" for form in forms for escaped in ("", "amp;", "amp;amp;", "#38;")]


@st.composite
def texts(draw: st.DrawFn) -> tuple[str, str]:
    """Return a text, and the same with references for some of its characters; an ampersand is always one."""
    chars = draw(st.lists(CHARACTERS, max_size=30))
    kept = [char != "&" and draw(st.booleans()) for char in chars]
    left = [char if keep else draw(st.sampled_from(references(char))) for char, keep in zip(chars, kept, strict=True)]
    return "".join(chars), "".join(left)


@given(texts())
@settings(max_examples=300)
def test_a_text_with_references_folds_as_the_text_with_their_characters(pair: tuple[str, str]) -> None:
    meant, published = pair
    assert read(published)[0] == meant
    assert fold(published) == fold(meant)
    assert fold(published.upper()) == fold(meant)


@given(texts())
@settings(max_examples=300)
def test_tokens_stand_in_the_text_as_published(pair: tuple[str, str]) -> None:
    meant, published = pair
    found, expected = tokenize(published), tokenize(meant)
    assert [token.text for token in found] == [token.text for token in expected] == fold(published).split()
    for token, same in zip(found, expected, strict=True):
        assert read(published[token.start : token.end])[0] == meant[same.start : same.end]


@given(st.text() | st.text(alphabet="&#;xX0123456789abmpAMPlt \u00e9"))
def test_every_text_is_read_and_each_character_has_its_place(text: str) -> None:
    meant, places = read(text)
    assert len(places) == len(meant) + 1
    assert list(places) == sorted(places)
    assert places[-1] == len(text)
    assert meant == text or "&" in text
    for token in tokenize(text):
        assert token.text in fold(text[token.start : token.end]).split()


@pytest.mark.parametrize(
    ("published", "folded"),
    [
        ("с&nbsp;Ираном", "с ираном"),
        ("С&NBSP;ИРАНОМ", "с ираном"),
        ("с&amp;nbsp;Ираном", "с ираном"),
        ("ترانس&zwnj;خزر", "ترانس خزر"),
        ("Iran&#8217;s &quot;treaty&quot;", "iran treaty"),
        ("Zange&shy;zur&ndash;2", "zangezur 2"),
        ("caf&eacute; CAF&EACUTE; &#x1C90;", "cafe cafe ა"),
        ("AT&amp;T, AT&T", "at t at t"),
        ("&amp;bogus; &bogus; R&D;", "bogus bogus r d"),
        ("?a=1&copy=2&amp;not=3", "a 1 copy 2 not 3"),
        ("&#146;&#0;&#1;&#xD800;&#9999999;", ""),
        ("a&#99999999;b", "a 99999999 b"),
    ],
)
def test_what_counts_as_a_reference(published: str, folded: str) -> None:
    assert fold(published) == folded


@pytest.mark.parametrize("published", ["&amp;" * 50_000, "&" + "amp;" * 60_000, "&" * 200_000, "&#" + "1" * 200_000])
def test_a_hostile_text_is_read_in_one_pass(published: str) -> None:
    meant, places = read(published)
    assert len(places) == len(meant) + 1


def test_evidence_can_point_at_the_reference_itself() -> None:
    text = "Во&nbsp;вторник Iran&#8217;s &Eacute;lys&eacute;e"
    assert [text[token.start : token.end] for token in tokenize(text)] == [
        *("Во", "вторник", "Iran&#8217;s", "&Eacute;lys&eacute;e")
    ]
