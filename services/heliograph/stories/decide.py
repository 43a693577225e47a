"""What makes two articles copies of one text, and which story an article belongs to. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from heliograph.core.article import Article, Story
from heliograph.core.ids import stable_id
from heliograph.core.text import fold

SHORT_TEXT = 8
"""A text of fewer tokens ("Developing story.") says too little to make two articles copies by itself."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What is remembered of one article: its revision and the story as it stood when that revision came."""

    revision: str
    story: Story


def copy_key(article: Article) -> str:
    """Return what copies of one text share: a hash of the folded text, with the folded title where that is short.

    Outlets retitle agency copy but leave its text, so the title does not count where the text can speak for itself.
    """
    text = fold(article.text)
    if text.count(" ") + 1 < SHORT_TEXT or not text:
        return stable_id("copy", fold(article.title), text)
    return stable_id("copy", text)


def assign(article: Article, *, seen: Seen | None, known: Story | None) -> Story:
    """Return the story of an article.

    `seen` is what is remembered of this very article, `known` the story as it stands now: the one that the article is
    in already or, for an article never seen, the one that a copy of its text is in; both None for a new text.

    The same article again gets the same story again, figures included, so that handling an event twice changes
    nothing. A new revision stays in its story, whatever its text says now, and is no new copy.
    """
    if seen is not None:
        if seen.revision == article.revision or known is None:
            return seen.story
        return Story(id=known.id, first=seen.story.first, copies=known.copies, outlets=known.outlets)
    if known is None:
        return Story(id=stable_id("story", article.id), first=True, copies=1, outlets=(article.source,))
    outlets = known.outlets if article.source in known.outlets else (*known.outlets, article.source)
    return Story(id=known.id, first=False, copies=known.copies + 1, outlets=outlets)
