"""Bytes of any encoding, declared, undeclared or wrongly declared, to text.

The order follows RFC 7303 and the XML recommendation, section 4.3.3 and appendix F (byte order mark, then the
transport's charset, then the XML declaration), with what feeds taught: bytes that are valid UTF-8 beyond ASCII are
UTF-8 whatever is declared, and an undeclared or wrong 8-bit encoding is found by decoding with each candidate and
asking which result looks like words of its script.
"""

from __future__ import annotations

import codecs
import re
from typing import NamedTuple

_DECLARATION = re.compile(
    rb"^\s*<\?xml[^>]{0,200}?encoding\s*=\s*[\"']\s*([A-Za-z0-9._:-]{1,40})\s*[\"']", re.IGNORECASE
)
_CHARSET = re.compile(r"charset\s*=\s*[\"']?\s*([A-Za-z0-9._:-]{1,40})", re.IGNORECASE)
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# The first characters of a feed are `<` and a letter, `?` or `!`, whatever the encoding (XML, appendix F).
_WIDE = (
    (re.compile(rb"^<\x00\x00\x00"), "utf-32-le"),
    (re.compile(rb"^\x00\x00\x00<"), "utf-32-be"),
    (re.compile(rb"^[<{\s]\x00[^\x00]"), "utf-16-le"),
    (re.compile(rb"^\x00[<{\s]\x00[^\x00]"), "utf-16-be"),
)
# Browsers read these labels as the wider Windows encodings (WHATWG Encoding Standard), and publishers rely on it.
_WIDER = {
    "iso8859-1": "cp1252",
    "ascii": "cp1252",
    "iso8859-9": "cp1254",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "koi8-r": "koi8-u",
}
_ESCAPING = ("iso2022", "hz", "utf-7", "utf_7")
CANDIDATES = ("cp1251", "koi8-u", "cp1254", "cp1256", "cp866", "iso8859-5", "cp1252")
_SAMPLE = 20_000
_MOSTLY = 0.9
_HIGH = re.compile(rb"[\x80-\xff]")
_WORD = re.compile(r"[^\W\d_]+")


class Decoded(NamedTuple):
    """Text, the codec that gave it, and what had to be guessed or replaced."""

    text: str
    encoding: str
    problems: tuple[str, ...] = ()


def decode(body: bytes, content_type: str = "") -> Decoded:
    """Return the text of `body`; never raises, since a byte that fits nowhere becomes U+FFFD and is said."""
    for bom, name in _BOMS:
        if body.startswith(bom):
            return _lenient(body[len(bom) :], name)
    for pattern, name in _WIDE:
        if pattern.match(body):
            return _lenient(body, name)
    declared = [name for name in (_from_transport(content_type), _from_declaration(body)) if name]
    first = declared[0] if declared else ""
    if first.startswith(_ESCAPING) and not first.startswith("utf"):
        return _lenient(body, first)
    try:
        return Decoded(body.decode("utf-8"), "utf-8")
    except UnicodeDecodeError as error:
        return _beyond_utf8(body, declared, error)


def _beyond_utf8(body: bytes, declared: list[str], error: UnicodeDecodeError) -> Decoded:
    if _is_utf8_with_slips(body):
        problem = f"byte {error.start} is no UTF-8; what could not be read is replaced"
        return Decoded(body.decode("utf-8", "replace"), "utf-8", (problem,))
    eight_bit = [name for name in declared if name != "utf-8" and not name.startswith(("utf-16", "utf-32"))]
    for name in eight_bit:
        if name not in CANDIDATES:
            # A multi-byte encoding (or one that is never guessed) which fits is right: it hardly fits by accident.
            try:
                return Decoded(body.decode(name), name)
            except UnicodeDecodeError:
                continue
    sample = _sample(body)
    scores = {name: plausibility(sample.decode(name, "replace")) for name in CANDIDATES}
    best = max(CANDIDATES, key=lambda name: scores[name])
    for name in eight_bit:
        # A declaration wins unless another reading is clearly better.
        if name in scores and scores[name] >= 0.8 * scores[best]:
            return _lenient(body, name)
    said = f"declared {', '.join(declared)}" if declared else "undeclared"
    return Decoded(body.decode(best, "replace"), best, (f"encoding {said}, read as {best}",))


def _lenient(body: bytes, name: str) -> Decoded:
    try:
        return Decoded(body.decode(name), name)
    except UnicodeDecodeError as error:
        problem = f"byte {error.start} is no {name}; what could not be read is replaced"
        return Decoded(body.decode(name, "replace"), name, (problem,))


def _from_transport(content_type: str) -> str:
    found = _CHARSET.search(content_type)
    return _codec(found.group(1)) if found else ""


def _from_declaration(body: bytes) -> str:
    found = _DECLARATION.match(body[:400])
    return _codec(found.group(1).decode("ascii")) if found else ""


def _codec(label: str) -> str:
    """Return the name of Python's codec for a label, or "" for one that is unknown or no text encoding."""
    try:
        info = codecs.lookup(label)
    except LookupError:
        return ""
    if not getattr(info, "_is_text_encoding", True):
        return ""
    return _WIDER.get(info.name, info.name)


def _is_utf8_with_slips(body: bytes) -> bool:
    """Tell whether nearly all that is beyond ASCII reads as UTF-8: a cut character, or one pasted in by a bad tool."""
    sample = _sample(body, 200_000)
    high = len(_HIGH.findall(sample))
    read = sample.decode("utf-8", "ignore")
    good = len(read.encode("utf-8")) - sum(1 for char in read if char < "\x80")
    return high > 0 and good >= _MOSTLY * high and good >= 4


def _sample(body: bytes, size: int = _SAMPLE) -> bytes:
    """Return the part of `body` that the first byte beyond ASCII opens, since markup alone says nothing."""
    found = _HIGH.search(body)
    start = max(0, found.start() - 40) if found else 0
    return body[start : start + size]


def plausibility(text: str) -> float:
    """Return how much `text` looks like words of one script, from 0 to about 1.

    Words count by their letters beyond ASCII. One that mixes scripts, or that turns from small to capital inside,
    counts against; frequent letters of Russian, Persian and Turkish count for. The turn of case is what tells KOI8-R
    from Windows-1251: each shows the other's small letters as capitals.
    """
    score = 0.0
    total = 0
    for char in text:
        if char >= "\x80":
            total += 1
    if not total:
        return 0.0
    for found in _WORD.finditer(text):
        word = found.group()
        beyond = sum(1 for char in word if char >= "\x80")
        if beyond:
            score += beyond * _word_score(word, beyond)
    return score / total


_TURKISH = frozenset("ğışçöüİĞŞÇÖÜâîû")
_WESTERN = frozenset("éèêàùôëïæœßñãõáíóúåäÉÈÀÄÅ")
_RUSSIAN = frozenset("абвгдежзийклмнопрстуфхцчшщъыьэюяё")
_UKRAINIAN = frozenset("іїєґў")


def _word_score(word: str, beyond: int) -> float:
    tail = word[1:]
    if any(char.isupper() for char in tail) and any(char.islower() for char in word):
        return -1.0
    lower = word.lower()
    cyrillic = sum(1 for char in lower if char in _RUSSIAN)
    if cyrillic:
        if cyrillic + sum(1 for char in lower if char in _UKRAINIAN) != len(word):
            return -0.5
        return 0.6 if word.isupper() and len(word) > 1 else 1.0
    arabic = sum(1 for char in word if "\u0620" <= char <= "\u06cc")
    if arabic:
        return 1.0 if arabic + word.count("\u200c") == len(word) else -0.5
    turkish = sum(1 for char in word if char in _TURKISH)
    western = sum(1 for char in word if char in _WESTERN)
    # A Latin word has few letters beyond ASCII; a run of them is another script read wrongly.
    if beyond > max(1, len(word) // 2):
        return -0.5
    return (0.9 * turkish + 0.8 * western) / beyond - 0.3 * (beyond - turkish - western) / beyond
