"""Languages by their primary subtags (BCP 47): those that are shipped for, and all that a text is told to be in."""

from __future__ import annotations

from typing import Final

SHIPPED: Final = ("en", "ru", "az", "tr", "hy", "fa", "ka")
"""Languages that the shipped concepts have terms in."""


def _codes(codes: str) -> frozenset[str]:
    return frozenset(codes.split())


BY_SCRIPT: Final = {
    "cyrillic": _codes("ru uk bg be mk sr kk ky tg mn tt ba os ce ab uz"),
    "arabic": _codes("fa ar ur ps ckb ku ug sd"),
    "latin": _codes(
        "en az tr de fr es it pt nl pl ro cs sk hu sv no da fi et lv lt hr sl sq bs sr id ms uz tk ku eo ca gl"
    ),
    "armenian": _codes("hy"),
    "georgian": _codes("ka"),
}
"""Languages that detection tells apart, by script."""
KNOWN: Final = frozenset[str]().union(*BY_SCRIPT.values())


def unknown(language: str) -> str:
    """Return what to say of a code that is none of `KNOWN`, as one line."""
    others = ", ".join(sorted(KNOWN - set(SHIPPED)))
    return f"unknown language `{language}`: known are {', '.join(SHIPPED)}; and {others}"
