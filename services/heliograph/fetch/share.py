"""The share of a worker that has the ledger to itself."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from heliograph.fetch.port import Ledger, LetGo, Update


class Whole:
    """See `port.Share`: every feed, at any time."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def join(self, let_go: LetGo) -> None:
        """Nobody else wants any."""

    def holds(self, feed: str) -> bool:
        del feed
        return True

    def save(self, updates: Sequence[Update]) -> Collection[str]:
        self._ledger.save(updates)
        return {update.state.feed for update in updates}

    def close(self) -> None:
        """Nothing is held open."""
