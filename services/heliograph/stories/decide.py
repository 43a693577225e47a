"""What makes two articles copies of one text, and which story an article belongs to. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from heliograph.core.article import Article, Story
from heliograph.core.ids import stable_id
from heliograph.core.text import fold

SHORT_TEXT = 8
"""A text of fewer tokens ("Developing story.") says too little to make two articles copies by itself."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What is remembered of one article: its last event, and the story as it stood then."""

    revision: str
    at: datetime
    story: Story


def copy_key(article: Article) -> str:
    """Return what copies of one text share: a hash of the folded text, with the folded title where that is short.

    Outlets retitle agency copy but leave its text, so the title does not count where the text can speak for itself.
    """
    text = fold(article.text)
    if text.count(" ") + 1 < SHORT_TEXT or not text:
        return stable_id("copy", fold(article.title), text)
    return stable_id("copy", text)


def story_id(first: str) -> str:
    """Return the id of the story that this article opens."""
    return stable_id("story", first)


def assign(article: Article, at: datetime, *, seen: Seen | None, known: Story | None) -> Story:
    """Return the story of an article that entered the log at `at`.

    `seen` is what is remembered of this very article, `known` the story as it stands now: the one that the article is
    in already or opened or, for any other article, the one that a copy of its text is in; both None for a new text.

    The same event again gets the same story again, figures included, so that handling it twice changes nothing. The
    article at a later time or in a new revision stays in its story, whatever its text says now, with the figures of
    the present: it is no new copy.
    """
    if seen is not None:
        if (seen.revision, seen.at) == (article.revision, at) or known is None:
            return seen.story
        return Story(id=known.id, first=seen.story.first, copies=known.copies, outlets=known.outlets)
    if known is None:
        return Story(id=story_id(article.id), first=True, copies=1, outlets=(article.source,))
    if known.id == story_id(article.id):
        return Story(id=known.id, first=True, copies=known.copies, outlets=known.outlets)
    outlets = known.outlets if article.source in known.outlets else (*known.outlets, article.source)
    return Story(id=known.id, first=False, copies=known.copies + 1, outlets=outlets)
