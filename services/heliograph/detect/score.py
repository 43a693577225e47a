"""How much an article is about a topic, from 0.2 to 1; a topic that is not asked for has no score at all.

    total = 0.2              the query holds
          + 0.35 * title     1 where evidence stands in the title, else 0
          + 0.2  * variety   distinct concepts and terms found: 1 -> 0, 2 -> 1/3, 4 or more -> 1
          + 0.1  * rarity    letters and digits that the longest term found fixes: 4 or fewer -> 0, 16 or more -> 1
          + 0.15 * density   places found per 100 tokens of title and text; 5 or more -> 1

The weights order what an editor sees first and decide nothing else: whether an article is flagged is the query's say.
The score depends on the article and the topic alone, so that it is the same live and on replay: how rare a term is,
is told by how much it asks for (`"zangezur corridor*"` against `iran`), not by counting what else was in the news.
"""

from __future__ import annotations

from collections.abc import Sequence

from heliograph.core.article import Evidence, ScoreParts
from heliograph.query.view import View

BASE, TITLE, VARIETY, RARITY, DENSITY = 0.2, 0.35, 0.2, 0.1, 0.15
_FULL_VARIETY = 4
_COMMON, _RARE = 4, 16
_FULL_DENSITY = 5.0


def score_of(found: Sequence[Evidence], view: View) -> tuple[float, ScoreParts]:
    """Return the score of an article in which a topic's query is satisfied at the places `found`, and its parts.

    The parts are weighted, so that with the base they add up to the score; all are rounded to three places.
    """
    title = 1.0 if any(each.field == "title" for each in found) else 0.0
    things = {each.concept or each.term for each in found}
    variety = min(1.0, max(0, len(things) - 1) / (_FULL_VARIETY - 1))
    letters = max((sum(map(str.isalnum, each.term)) for each in found), default=0)
    rarity = min(1.0, max(0, letters - _COMMON) / (_RARE - _COMMON))
    tokens = len(view.title) + len(view.text)
    density = min(1.0, 100 * len(found) / max(tokens, 1) / _FULL_DENSITY)
    parts = ScoreParts(
        base=BASE,
        title=TITLE * title,
        variety=round(VARIETY * variety, 3),
        rarity=round(RARITY * rarity, 3),
        density=round(DENSITY * density, 3),
    )
    return round(parts.base + parts.title + parts.variety + parts.rarity + parts.density, 3), parts
