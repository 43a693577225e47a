"""How much an article is about a topic, from 0.2 to 1; a topic that is not asked for has no score at all.

    total = 0.2                                   the query holds
          + 0.35 * title                          1 where evidence stands in the title, else 0
          + 0.25 * variety                        distinct concepts and terms found: 1 -> 0, 2 -> 1/3, 4 or more -> 1
          + 0.2  * density                        places found per 100 tokens of title and text; 5 or more -> 1

The weights order what an editor sees first and decide nothing else: whether an article is flagged is the query's say.
Every part lies between 0 and 1 and is there for an explanation. The score depends on the article and the topic alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from heliograph.core.article import Evidence
from heliograph.query.view import View

BASE, TITLE, VARIETY, DENSITY = 0.2, 0.35, 0.25, 0.2
_FULL_VARIETY = 4
_FULL_DENSITY = 5.0


@dataclass(frozen=True, slots=True)
class Score:
    """The parts of a score and their weighted sum, rounded to three places."""

    title: float
    variety: float
    density: float
    total: float


def score_of(found: Sequence[Evidence], view: View) -> Score:
    """Return the score of an article in which a topic's query is satisfied at the places `found`."""
    title = 1.0 if any(each.field == "title" for each in found) else 0.0
    things = {each.concept or each.term for each in found}
    variety = min(1.0, max(0, len(things) - 1) / (_FULL_VARIETY - 1))
    tokens = len(view.title) + len(view.text)
    density = min(1.0, 100 * len(found) / max(tokens, 1) / _FULL_DENSITY)
    total = BASE + TITLE * title + VARIETY * variety + DENSITY * density
    return Score(title, round(variety, 3), round(density, 3), round(total, 3))
