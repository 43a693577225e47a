"""Signs that other query languages give a meaning to, and this one does not: said, rather than passed over."""

from __future__ import annotations

import re
from typing import Final

from heliograph.query.render import shown

_SIGNS: Final = {
    "&&": ("`&&` joins nothing here", "write and"),
    "||": ("`||` joins nothing here", "write or"),
    "|": ("`|` joins nothing here", "write or"),
    "!": ("`!` excludes nothing here", "write not"),
    "=": ("`=` compares nothing here", "write field: value"),
    "==": ("`==` compares nothing here", "write field: value"),
    "!=": ("`!=` compares nothing here", "write not field: value"),
    "NEAR": ("`NEAR` needs a number of words", "write near/10, or near for the word itself"),
    "BEFORE": ("`BEFORE` needs a number of words", "write before/10, or before for the word itself"),
}
_EXCLUDED: Final = re.compile(r"([-!])(\w.*)", re.DOTALL)
_QUOTE: Final = re.compile(r"~?[\"“”„‟«»]")
_ANY_LETTER: Final = re.compile(r"\w\?+\w")


def habit(raw: str) -> tuple[str, str] | None:
    """Return what is wrong with an unquoted word, and what to write instead; None where nothing is.

    As written in Google, Lucene, SQL and the like. Each of these would otherwise be a word of its own or no word at
    all, so that the query would mean something else without a sign of it.
    """
    if sign := _SIGNS.get(raw):
        return sign
    if found := _EXCLUDED.fullmatch(raw):
        return f"`{found[1]}` does not exclude a word here", f"write not {shown(found[2])}"
    if not _QUOTE.match(raw) and _ANY_LETTER.search(raw):
        return f"`?` does not stand for a letter: `{shown(raw)}`", "only word endings can be left open, as in corridor*"
    return None
