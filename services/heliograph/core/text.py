"""One folding and one tokeniser, used when matching, indexing and querying, so that positions agree everywhere.

Text is compared folded: what readers of the seven languages take for the same letter becomes the same letter, and what
they take for part of a word stays in the word. `tokenize` cuts published text into tokens that carry both the folded
form and the half-open range of code points in the text as published, so that evidence can point there.

Laws, each held by a property test: folding twice changes nothing; a token's folded form is never empty and holds
letters and digits alone; offsets rise and lie inside the text; upper case, NFC, NFD and NFKC spellings fold alike; a
character reference left over (`core.entities`) folds as its character.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple

from heliograph.core.entities import read

# Signs inside a word that a reader does not see as letters: soft hyphen, combining grapheme joiner, Arabic letter
# mark, zero-width joiner, bidi marks and isolates, word joiner, variation selectors, byte order mark, tatweel.
_IGNORED = "\u00ad\u034f\u061c\u200b\u200d\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\u0640\ufe00-\ufe0f\ufeff"
# Combining marks: general, Cyrillic titlo, Arabic vowel signs, dagger alef and Quranic marks, half marks. The Armenian
# marks of stress, exclamation and question are no combining characters, yet stand above the last vowel of a word.
_MARKS = (
    "\u0300-\u036f\u0483-\u0487\u055b\u055c\u055e\u0591-\u05bd\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06dc"
    "\u06df-\u06e8\u06ea-\u06ed\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
)
_APOSTROPHES = "'\u2019\u02bc\u2018\u201b\u0060\u00b4\uff07\u055a\u05f3\u02b9\u02bb"

_LETTER = r"[^\W_]"
_WORD = re.compile(rf"{_LETTER}+(?:[{_IGNORED}{_MARKS}]+{_LETTER}*|[{_APOSTROPHES}]{_LETTER}+)*")
_APOSTROPHE = re.compile(f"[{_APOSTROPHES}]")
_DROPPED = re.compile(f"[{_IGNORED}{_MARKS}]+")
_PIECE = re.compile(r"\S+")
_RUN = re.compile(rf"{_LETTER}+")

# Letters that Unicode does not decompose, or not the way that the languages of this product see them.
_LETTERS = str.maketrans(
    {
        "ə": "e", "ǝ": "e", "ı": "i", "ø": "o", "ł": "l", "đ": "d", "ħ": "h", "ŧ": "t", "æ": "ae", "œ": "oe",
        "ð": "d", "þ": "th", "ŋ": "ng", "ĸ": "k", "ς": "σ", "ё": "е", "ѐ": "е", "ѝ": "и",
        # Arabic letters as Arabic keyboards write them, to those of Persian.
        "ي": "ی", "ى": "ی", "ې": "ی", "ے": "ی", "ك": "ک", "ڪ": "ک", "ة": "ه", "ۀ": "ه", "ە": "ه", "ہ": "ه",
        "ھ": "ه", "أ": "ا", "إ": "ا", "آ": "ا", "ٱ": "ا", "ؤ": "و", "ئ": "ی", "ء": "",
        # Georgian: church capitals and small letters to the modern alphabet; Mtavruli goes by case folding.
        **{chr(0x10A0 + n): chr(0x10D0 + n) for n in range(38)},
        **{chr(0x2D00 + n): chr(0x10D0 + n) for n in range(38)},
    }
)  # fmt: skip

_MIN_STEM_BEFORE_APOSTROPHE = 2
_LONGEST_CACHED = 64


_make = tuple.__new__


class Token(NamedTuple):
    """One word of a text: its folded form and where it stands as published."""

    text: str
    start: int
    end: int


def tokenize(text: str) -> list[Token]:
    """Return the tokens of `text` in order.

    A hyphen, a dash and a zero-width non-joiner part words; an apostrophe does not, but what follows it is a suffix
    and is left out of the folded form (the range still covers it). A sign that stands for several words, such as an
    Arabic ligature, gives several tokens with one range. A character reference stands where it stands: `Iran&#8217;s`
    is one token with the range of all of it.
    """
    if "&" in text:
        meant, places = read(text)
        if meant is not text:
            return [_make(Token, (each, places[start], places[end])) for each, start, end in _cut(meant)]
    return _cut(text)


def _cut(text: str) -> list[Token]:
    tokens: list[Token] = []
    add = tokens.append
    for found in _WORD.finditer(text):
        folded = _folded(found[0])
        if len(folded) == 1:
            # `Token(...)` would take twice the time, and this is the innermost loop of the product.
            add(_make(Token, (folded[0], *found.span())))
        else:
            start, end = found.span()
            tokens.extend(Token(each, start, end) for each in folded)
    return tokens


def fold(text: str) -> str:
    """Return the folded tokens of `text`, joined by single spaces: the form that is indexed and compared."""
    # White space is in no token, so that the pieces between can be folded one by one, each spelling once.
    return " ".join(filter(None, map(_fold_piece, text.split())))


def pieces(text: str) -> tuple[list[str], list[int], list[int]]:
    """Return what stands between the white space of `text`: spellings, where each starts, tokens in all behind each.

    The quick way to the place of a few tokens, whose pieces alone are then cut by `tokenize`.
    """
    cut = text.split()
    starts = [found.start() for found in _PIECE.finditer(text)]
    sizes = [folded.count(" ") + 1 if folded else 0 for folded in map(_fold_piece, cut)]
    return cut, starts, list(accumulate(sizes))


def _fold_piece(piece: str) -> str:
    return _fold_known(piece) if len(piece) <= _LONGEST_CACHED else _fold_known.__wrapped__(piece)


@lru_cache(maxsize=1 << 16)
def _fold_known(piece: str) -> str:
    if "&" in piece:
        piece = read(piece)[0]
    return " ".join([folded for word in _WORD.findall(piece) for folded in _folded(word)])


def _folded(word: str) -> tuple[str, ...]:
    # A word that no language has is folded afresh each time: the cache counts words, not their lengths.
    return fold_word(word) if len(word) <= _LONGEST_CACHED else fold_word.__wrapped__(word)


@lru_cache(maxsize=1 << 16)
def fold_word(word: str) -> tuple[str, ...]:
    """Return the folded form of one word: nearly always one string, none for a word of ignored signs alone."""
    if word.isascii() and word.isalnum():
        return (word.lower(),)
    folded = _cut_suffix(word)
    # Compatibility forms first (ligatures, full width), then case. `İ` would lower to `i` plus a dot above, which
    # goes with the marks; `I` lowers to `i`, and so does the dotless letter below: one letter in the comparison.
    folded = unicodedata.normalize("NFKC", folded).casefold()
    folded = "".join(map(_base_letter, unicodedata.normalize("NFC", folded)))
    # Compatibility forms may bring an apostrophe back (`ŉ`), by now inside a word: it only joins.
    folded = _APOSTROPHE.sub("", _DROPPED.sub("", folded)).translate(_LETTERS)
    # Capitals spell the Armenian ligature `և` as `ԵՎ` or `ԵՒ`: one spelling for the three.
    folded = folded.replace("եվ", "եւ")
    return tuple(_RUN.findall(folded))


def _cut_suffix(word: str) -> str:
    """Cut at the first apostrophe that follows a stem; one after a single letter (O'Brien) only joins.

    Suffixes stand behind an apostrophe in Latin script (Koridoru'nun, Iran's). In Cyrillic and Armenian the sign
    belongs to the word.
    """
    while found := _APOSTROPHE.search(word):
        stem = _DROPPED.sub("", word[: found.start()])
        if len(stem) >= _MIN_STEM_BEFORE_APOSTROPHE and _is_latin(stem):
            return word[: found.start()]
        word = word[: found.start()] + word[found.end() :]
    return word


def _is_latin(stem: str) -> bool:
    return all(char < "\u0250" or char in "ǝə" or "\u1e00" <= char <= "\u1eff" or char >= "\uff00" for char in stem)


@lru_cache(maxsize=1 << 14)
def _base_letter(char: str) -> str:
    """Return the letter without its diacritics; Cyrillic keeps `й` and its like, which are letters of their own."""
    if char < "\u00c0" or "\u0400" <= char <= "\u052f":
        return char
    digit = unicodedata.decimal(char, None)
    if digit is not None:
        return str(digit)
    decomposed = unicodedata.normalize("NFKD", char)
    base = _DROPPED.sub("", decomposed)
    # Hangul and other scripts whose decomposition is no letter plus accent stay composed.
    return base if len(base) == 1 else char
