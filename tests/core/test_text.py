"""The folding laws, in every script of the product."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heliograph.core.text import fold, tokenize

SCRIPTS = (
    "abcIiİıəƏğĞşŞçÇöÖüÜäñ"  # Latin with Turkish and Azerbaijani letters
    "абвёЁйЙжЩъ"
    "հևեվրԱԵՎՒյ՛՜՞"
    "აბცდძჰᲐᲑ"
    "ایيىکكآأإةهءئؤـ"
    "'’ -–\u200c\u00ad\u0301\u064e0٣۴5"
)
words = st.text(alphabet=SCRIPTS, max_size=40)


@given(st.text())
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(words)
@settings(max_examples=300)
def test_folding_twice_changes_nothing_in_our_scripts(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(words)
@settings(max_examples=300)
def test_upper_case_and_every_normal_form_fold_alike(text: str) -> None:
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert fold(unicodedata.normalize(form, text)) == fold(text)
    assert fold(text.upper()) == fold(text)


@given(st.text() | words)
def test_tokens_are_letters_and_digits_with_rising_offsets_inside_the_text(text: str) -> None:
    before = (0, 0)
    for token in tokenize(text):
        assert token.text.isalnum()
        assert 0 <= token.start < token.end <= len(text)
        assert token.start >= before[1] or (token.start, token.end) == before
        before = (token.start, token.end)
    assert [token.text for token in tokenize(text)] == fold(text).split()


@given(words)
def test_a_token_folds_as_its_own_range_of_the_text_does(text: str) -> None:
    for token in tokenize(text):
        assert token.text in fold(text[token.start : token.end]).split()


@pytest.mark.parametrize(
    ("published", "folded"),
    [
        ("İRAN Iran ıran IRAN iran", "iran iran iran iran iran"),
        ("ZƏNGƏZUR DƏHLİZİ", "zengezur dehlizi"),
        ("Şuşa, Ağdam, Gəncə", "susa agdam gence"),
        ("Koridoru'nun Koridoru’nun", "koridoru koridoru"),
        ("Iran's O'Brien", "iran obrien"),
        ("ПУТЁМ путем", "путем путем"),
        ("йод и иод", "йод и иод"),
        ("догово́р", "договор"),
        ("كتابي کتابی", "کتابی کتابی"),
        ("می‌کند می کند", "می کند می کند"),
        ("کـــریدور", "کریدور"),
        ("زَنگِزور", "زنگزور"),
        ("۱۴۰۳ ١٤٠٣ 1403", "1403 1403 1403"),
        ("Երևան ԵՐԵՎԱՆ Երեւան", "երեւան երեւան երեւան"),
        ("և", "եւ"),
        ("Միջա՞նցք միջա՛նցք ՄԻՋԱՆՑՔ, ինչո՜ւ", "միջանցք միջանցք միջանցք ինչու"),
        ("ᲓᲔᲠᲔᲤᲐᲜᲘ დერეფანი", "დერეფანი დერეფანი"),
        ("Zange\u00adzur Zange\u200bzur", "zangezur zangezur"),
        ("North–South, Russia-Iran", "north south russia iran"),
        ("“3+3”", "3 3"),
        ("Ｚａｎｇｅｚｕｒ ﬁnal", "zangezur final"),
        ("Suwałki Ærø Đà", "suwalki aero da"),
        ("м'ята об’єкт", "мята обєкт"),
        ("snake_case", "snake case"),
        ("", ""),
        ("… — !", ""),
    ],
)
def test_what_a_reader_takes_for_the_same_word_folds_alike(published: str, folded: str) -> None:
    assert fold(published) == folded


def test_offsets_count_code_points_of_the_text_as_published() -> None:
    text = "🛰 «Zənge\u00adzur» dəhlizi’nin"
    assert [text[t.start : t.end] for t in tokenize(text)] == ["Zənge\u00adzur", "dəhlizi’nin"]


def test_a_ligature_of_several_words_gives_several_tokens_with_one_range() -> None:
    assert [(t.text, t.start, t.end) for t in tokenize("ﷺ")][:2] == [("صلی", 0, 1), ("الله", 0, 1)]


def test_naughty_strings_fold_without_complaint(root: Path) -> None:
    path = root.parent / "shared" / "dev" / "naughty-strings.json"
    if not path.is_file():
        pytest.skip("the shared development data is not beside this checkout")
    for text in json.loads(path.read_text("utf-8")):
        assert fold(fold(text)) == fold(text)
