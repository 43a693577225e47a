"""The ledger in this process only: forgotten when it ends. The fake of the tests, and of `scan`-like uses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from threading import Lock

from heliograph.fetch.decide import without_validators
from heliograph.fetch.port import REMEMBER, Feed, FeedState, Share, Subscription, Update
from heliograph.fetch.share import Whole


class MemoryLedger:
    """See `port.Ledger`."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._feeds: dict[str, Feed] = {}
        self._seen: dict[str, dict[str, tuple[str, datetime]]] = {}

    def feeds(self) -> Sequence[Feed]:
        with self._lock:
            return tuple(self._feeds[name] for name in sorted(self._feeds))

    def edit(self, put: Sequence[Subscription] = (), remove: Sequence[str] = ()) -> None:
        with self._lock:
            for name in remove:
                self._feeds.pop(name, None)
                self._seen.pop(name, None)
            for subscription in put:
                before = self._feeds.get(subscription.id)
                state = FeedState(feed=subscription.id) if before is None else before.state
                if before is not None and before.subscription.url != subscription.url:
                    state = without_validators(state)
                self._feeds[subscription.id] = Feed(subscription, state)

    def known(self, feed: str, articles: Sequence[str]) -> Mapping[str, str]:
        with self._lock:
            seen = self._seen.get(feed, {})
            return {article: seen[article][0] for article in articles if article in seen}

    def save(self, updates: Sequence[Update]) -> None:
        with self._lock:
            for update in updates:
                name, when = update.state.feed, update.state.last_attempt
                if name not in self._feeds:
                    continue
                self._feeds[name] = Feed(self._feeds[name].subscription, update.state)
                if not update.seen or when is None:
                    continue
                seen = self._seen.setdefault(name, {})
                seen.update({article: (revision, when) for article, revision in update.seen.items()})
                for article in [article for article, (_, last) in seen.items() if last < when - REMEMBER]:
                    del seen[article]

    def share(self) -> Share:
        return Whole(self)

    def close(self) -> None:
        """Nothing is held open."""
