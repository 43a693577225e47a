"""The texts, articles and stories of the last hours, in bounded memory, measured by the events' own time.

Everything in it follows from flagged events alone (article, story, time), so that a window rebuilt from the log is
the window that was lost. Entries go one by one, 96 hours after they were last seen: a story lives for as long as
copies of it keep coming.
"""

from __future__ import annotations

from collections import OrderedDict
from datetime import UTC, datetime, timedelta
from typing import Generic, TypeVar

from heliograph.core.article import Article, Story
from heliograph.stories.decide import Seen, story_id

WINDOW = timedelta(hours=96)
"""Agency copy is reprinted for days; after four a text that comes back is news again."""

LIMIT = 200_000
"""Articles, texts and stories remembered, each; about 200 MB when full."""

Value = TypeVar("Value")


class _Recent(Generic[Value]):
    """Values by key, least recently seen first."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._entries: OrderedDict[str, tuple[datetime, Value]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: str, horizon: datetime) -> Value | None:
        entry = self._entries.get(key)
        return entry[1] if entry is not None and entry[0] >= horizon else None

    def put(self, key: str, value: Value, at: datetime, horizon: datetime) -> None:
        before = self._entries.get(key)
        self._entries[key] = (max(at, before[0]) if before else at, value)
        self._entries.move_to_end(key)
        while len(self._entries) > self._limit or self._oldest() < horizon:
            self._entries.popitem(last=False)

    def _oldest(self) -> datetime:
        return next(iter(self._entries.values()))[0] if self._entries else datetime.max.replace(tzinfo=UTC)


class Window:
    """Answers what is known of an article or a text, and is told of each story as it is given out."""

    def __init__(self, *, keep: timedelta = WINDOW, limit: int = LIMIT) -> None:
        self._keep = keep
        self._newest = datetime.min.replace(tzinfo=UTC) + keep
        self._articles: _Recent[Seen] = _Recent(limit)
        self._texts: _Recent[str] = _Recent(limit)
        self._stories: _Recent[Story] = _Recent(limit)

    def __len__(self) -> int:
        """Articles held in memory."""
        return len(self._articles)

    def lookup(self, article_id: str, key: str, at: datetime) -> tuple[Seen | None, Story | None]:
        """Return what is remembered of the article, and its story (else that of a copy of its text) as it stands.

        A story that lives on copies can outlive what is remembered of its first article, which then finds it again.
        """
        horizon = self._horizon(at)
        seen = self._articles.get(article_id, horizon)
        if seen is not None:
            return seen, self._stories.get(seen.story.id, horizon)
        opened = self._stories.get(story_id(article_id), horizon)
        copied = self._texts.get(key, horizon)
        return None, opened or (self._stories.get(copied, horizon) if copied else None)

    def remember(self, article: Article, key: str, story: Story, at: datetime) -> None:
        """Keep that the article, with a text of this key, is in the story as given."""
        self._newest = max(self._newest, at)
        horizon = self._horizon(at)
        self._articles.put(article.id, Seen(article.revision, at, story), at, horizon)
        # A text belongs to the story of whoever had it last. Giving it to the first would hang on events older than
        # the window, which a log that was trimmed no longer tells.
        self._texts.put(key, story.id, at, horizon)
        known = self._stories.get(story.id, horizon)
        # An event handled again carries the figures of its time; the story keeps the latest.
        latest = story if known is None or story.copies >= known.copies else known
        self._stories.put(story.id, latest, at, horizon)

    def _horizon(self, at: datetime) -> datetime:
        return max(self._newest, at) - self._keep
