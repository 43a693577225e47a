"""Stems and lemmas for `~word`: one key for the inflected forms of a word.

A key is computed from the folded token, for queries and documents alike, so that whatever folds alike has one key
however it was typed. Russian, Armenian and English go to Snowball as folded; Turkish first gets back the vowel harmony
that folding took; Georgian, whose roots lose vowels as they inflect, goes to a lexicon of lemmas.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from heliograph.core.text import fold

_SNOWBALL = {"en": "english", "ru": "russian", "hy": "armenian", "tr": "turkish"}
STEM_LANGUAGES = ("en", "tr", "ru", "hy", "ka")
"""Languages with stems; `~word` in any other is a prefix (see `prefix_of`)."""

LEXICON_LANGUAGES = ("ka",)
"""Languages whose keys are lemmas of a lexicon; the keys of all others begin as the word does."""

_BY_SCRIPT = {"latin": ("en", "tr"), "cyrillic": ("ru",), "armenian": ("hy",), "georgian": ("ka",)}
_SCRIPT_OF = {language: script for script, languages in _BY_SCRIPT.items() for language in languages}
_NO_STEMS = {"az": "latin", "fa": "arabic"}

# Georgian case endings and postpositions of words that the lexicon lacks, mostly names; longest first.
_GEORGIAN_ENDINGS = (
    "ებისთვის", "ისთვის", "ებიდან", "ებთან", "ებში", "ებზე", "ების", "ებით", "ებმა", "ებად", "ამდე", "იდან", "ებს",
    "ები", "თან", "ში", "ზე", "ის", "ით", "მა", "ად", "ს", "ი", "მ",
)  # fmt: skip
_MIN_GEORGIAN_ROOT = 3
_FRONT, _BACK = frozenset("eiöü"), frozenset("aıou")
_MIN_AZERBAIJANI_CUT = 5
_MIN_TURKISH_ROOT = 4
_MAX_WORD = 64


@lru_cache(maxsize=1 << 16)
def stem_key(token: str, language: str) -> str | None:
    """Return the key of a folded token in `language`.

    None where the language has no stems, or writes in another script than the token. Two tokens with equal keys are
    forms of one word as far as the language's stemmer can tell.
    """
    if _SCRIPT_OF.get(language) != _script(token):
        return None
    return fold(_stemmer(language)(token)).replace(" ", "") or token


def stem_languages(token: str, language: str = "") -> tuple[str, ...]:
    """Return the languages whose stems are tried for a folded token written in `language` (empty: not known).

    That language alone, where it has stems and the script is its own; else every language that has stems in the
    token's script. Empty where there is none, or the language is one that no stems are known of: `~word` is then a
    prefix, see `prefix_of`.
    """
    script = _script(token)
    if _SCRIPT_OF.get(language) == script:
        return (language,)
    if _NO_STEMS.get(language) == script or (language and language not in (*STEM_LANGUAGES, *_NO_STEMS)):
        return ()
    return _BY_SCRIPT.get(script, ())


def prefix_of(token: str, language: str) -> str:
    """Return the prefix that stands for `~token` where there is no stemmer: Azerbaijani, Persian, other scripts.

    Both languages inflect at the end of the word, so it is the word as it stands, except that in Azerbaijani a final
    `k` or `q` of five letters or more goes, since it softens before a vowel (birlik, birliyi).
    """
    if language == "az" and len(token) >= _MIN_AZERBAIJANI_CUT and token[-1] in "kq":
        return token[:-1]
    return token


def _script(token: str) -> str:
    """Script of the first letter; tokens that begin with a digit, or are longer than any word, have none."""
    char = token[:1] if len(token) <= _MAX_WORD else ""
    if "a" <= char <= "z" or "\u00c0" <= char <= "\u024f":
        return "latin"
    if "\u0400" <= char <= "\u052f":
        return "cyrillic"
    if "\u0531" <= char <= "\u0587":
        return "armenian"
    if "\u10d0" <= char <= "\u10ff":
        return "georgian"
    return "arabic" if "\u0600" <= char <= "\u06ff" else ""


@lru_cache(maxsize=len(STEM_LANGUAGES))
def _stemmer(language: str) -> Callable[[str], str]:
    """Load a language's stemmer at first use: a lexicon takes a moment and some megabytes."""
    if language == "ka":
        from simplemma import lemmatize

        return lambda token: _georgian_root(lemmatize(token, "ka"))
    from Stemmer import Stemmer

    # Without the stemmer's own cache: ours is above, and without it a stemmer may serve several threads.
    stem: Callable[[str], str] = Stemmer(_SNOWBALL[language], 0).stemWord
    if language == "tr":
        return lambda token: _without_buffer(stem(_harmonious(token)))
    return stem


def _georgian_root(lemma: str) -> str:
    """Cut the ending of a lemma, and of a form that the lexicon does not know, so that the two can meet."""
    for ending in _GEORGIAN_ENDINGS:
        if lemma.endswith(ending) and len(lemma) - len(ending) >= _MIN_GEORGIAN_ROOT:
            return lemma[: -len(ending)]
    return lemma


def _without_buffer(stem: str) -> str:
    """Cut an `s` behind a vowel: Snowball leaves the one of `anlaşma-s-ı` at the stem. Words in -s lose it always."""
    if len(stem) > _MIN_TURKISH_ROOT and stem[-1] == "s" and (stem[-2] in _FRONT or stem[-2] in _BACK):
        return stem[:-1]
    return stem


def _harmonious(token: str) -> str:
    """Give a folded Turkish word back the vowels that its stemmer looks for: `anlasmasi` -> `anlasması`.

    Folding made `ı` to `i` and `ü` to `u`. By vowel harmony `i` is `ı` behind a back vowel, and `u` is `ü` behind a
    front one; the stemmer takes off a suffix only where that holds.
    """
    letters: list[str] = []
    before = ""
    for char in token:
        letter = char
        if char == "i" and before in _BACK:
            letter = "ı"
        elif char == "u" and before in _FRONT:
            letter = "ü"
        letters.append(letter)
        if letter in _FRONT or letter in _BACK:
            before = letter
    return "".join(letters)
