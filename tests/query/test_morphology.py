"""Stems: one key for the forms of a word, the same for queries and documents."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliograph.core.text import fold
from heliograph.query.morphology import LEXICON_LANGUAGES, STEM_LANGUAGES, prefix_of, stem_key, stem_languages

FORMS = {
    "en": "agreement agreements",
    "ru": "соглашение соглашения соглашению соглашением соглашений соглашениями",
    "tr": "sözleşme sözleşmesi sözleşmenin sözleşmeyi sözleşmeler",
    "hy": "համաձայնագիր համաձայնագիրը համաձայնագրի համաձայնագրով",
    "ka": "შეთანხმება შეთანხმების შეთანხმებას შეთანხმებით",
}


@pytest.mark.parametrize("language", STEM_LANGUAGES)
def test_a_key_is_folded_and_common_to_most_forms(language: str) -> None:
    keys = [stem_key(fold(form), language) for form in FORMS[language].split()]
    assert all(key and fold(key) == key for key in keys)
    # Armenian syncope (-գիր, -գր-) is beyond Snowball; elsewhere all forms meet.
    assert len(set(keys)) == (2 if language == "hy" else 1)


@pytest.mark.parametrize(
    ("token", "language"),
    [("коридор", "en"), ("corridor", "ru"), ("2024", "en"), ("توافق", "fa"), ("dehliz", "az"), ("corridor", "xx")],
)
def test_a_language_without_stems_or_of_another_script_has_no_key(token: str, language: str) -> None:
    assert stem_key(token, language) is None


@pytest.mark.parametrize(
    ("token", "language", "expected"),
    [
        ("corridor", "", ("en", "tr")),
        ("corridor", "en", ("en",)),
        ("koridor", "tr", ("tr",)),
        ("corridor", "ru", ("en", "tr")),
        ("dehliz", "az", ()),
        ("коридор", "az", ("ru",)),
        ("коридор", "", ("ru",)),
        ("միջանցք", "", ("hy",)),
        ("დერეფანი", "", ("ka",)),
        ("توافق", "fa", ()),
        ("توافق", "", ()),
        ("2024", "ru", ()),
        ("a" * 65, "en", ()),
    ],
)
def test_the_languages_tried_are_the_words_own_or_those_of_its_script(
    token: str, language: str, expected: tuple[str, ...]
) -> None:
    assert stem_languages(token, language) == expected


def test_where_there_is_no_stemmer_the_word_is_a_prefix() -> None:
    assert prefix_of("birlik", "az") == "birli"
    assert prefix_of("aq", "az") == "aq"
    assert prefix_of("توافق", "fa") == "توافق"


def test_typing_without_turkish_letters_changes_no_key() -> None:
    assert stem_key(fold("ANLAŞMASI"), "tr") == stem_key("anlasmasi", "tr") == stem_key(fold("anlaşma"), "tr")


def test_many_threads_get_the_keys_that_one_gets() -> None:
    words = [f"{word}{number}" for number in range(300) for word in ("соглашениями", "коридоров")]
    expected = [stem_key.__wrapped__(word, "ru") for word in words]
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: [stem_key.__wrapped__(word, "ru") for word in words], range(8)):
            assert found == expected


LETTERS = "abcdefghijklmnopqrstuvwxyzабвгдежзийклмнопрстуфхцчшщъыьэюяաբգդեզէըթժիլխծկհձղճմյնշոչպջռսվտրցւփքօֆ"


@given(st.sampled_from(STEM_LANGUAGES), st.text(alphabet=LETTERS, min_size=1))
def test_a_stem_begins_as_its_word_does_except_in_a_lexicon(language: str, word: str) -> None:
    token = fold(word).replace(" ", "")
    key = stem_key(token, language) if token else None
    assert key is None or language in LEXICON_LANGUAGES or key[0] == token[0]
