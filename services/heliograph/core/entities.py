"""Character references left over in published text, `&nbsp;` or `&#8217;`, read as the characters they stand for.

Systems that escape once too often publish them, and to a program `nbsp` is a word. A reference counts where it is
complete, with its semicolon, by number or under a name that HTML has; in capitals as well, since headlines are; and
escaped again (`&amp;nbsp;`), however often. `&copy=2` in an address is none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from html import unescape
from html.entities import html5

_AMPERSAND = r"(?:amp|#0{0,4}38|#x0{0,4}26);"
_REFERENCE = re.compile(
    rf"&((?:{_AMPERSAND})*)(#[0-9]{{1,7}}|#x[0-9a-f]{{1,6}}|[a-z][a-z0-9]{{1,31}});", re.ASCII | re.IGNORECASE
)


def read(text: str) -> tuple[str, Sequence[int]]:
    """Return `text` as it is meant, and for each character of that, and for its end, the place in `text`."""
    parts: list[str] = []
    places: list[int] = []
    behind = 0
    for found in _REFERENCE.finditer(text):
        start, end = found.span()
        meant = _meaning(found[2])
        if meant is None:
            if not found[1]:
                continue
            # `&amp;` before what is no reference: an ampersand, and then the text goes on.
            meant, end = "&", found.end(1)
        parts += text[behind:start], meant
        places += range(behind, start)
        places += [start] * len(meant)
        behind = end
    if not parts:
        return text, range(len(text) + 1)
    places += range(behind, len(text) + 1)
    return "".join([*parts, text[behind:]]), places


def _meaning(name: str) -> str | None:
    if name[0] == "#":
        return unescape(f"&{name};")
    return html5.get(f"{name};") or _by_small_letters().get(f"{name.lower()};")


@cache
def _by_small_letters() -> dict[str, str]:
    # `&eacute;` after `&Eacute;`: where case tells two apart, the small one stays.
    return {name.lower(): html5[name] for name in sorted(html5)}
