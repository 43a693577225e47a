"""The error tree.

Every error that a person can meet is one of these, and its message is one line that names the thing, the place and
what to do about it.

    HeliographError                 anything that Heliograph says itself
    |-- UsageError                  the caller asked for something that cannot be (exit 2, HTTP 400)
    |   |-- SettingsError           a key or value in heliograph.toml, HELIOGRAPH_* or a flag
    |   |-- QueryError              a query text, with the position and what was expected there
    |   `-- DefinitionError         a topic, concept or sources file
    |-- BadInput                    data from outside is beyond repair (a dead letter, never a retry)
    |   |-- FeedError               bytes that are no feed, or a feed past its limits
    |   `-- CodecError              bytes that are no envelope of ours, or of a version from the future
    `-- Unavailable                 something we need is away for now (retry later)
        |-- FetchError              a feed could not be fetched; says whether it is worth another try
        |-- LogUnavailable          the event log cannot take or give events (disk full, broker away)
        |-- IndexUnavailable        the index cannot take or answer
        `-- DeliveryError           a channel did not take an alert
"""

from __future__ import annotations


class HeliographError(Exception):
    """Base of every error that Heliograph raises itself; `str(error)` is one line fit for a person."""


class UsageError(HeliographError):
    """The caller asked for something that cannot be; asking again the same way will not help."""


class SettingsError(UsageError):
    """A setting is unknown, malformed or contradicts another; the message names the key and where it was read."""


class QueryError(UsageError):
    """A query cannot be understood or would cost too much.

    `position` counts characters from 0 in `query`, `expected` says what could stand there, and `hint` is advice such
    as the nearest known field name; both may be empty.
    """

    def __init__(
        self, message: str, *, query: str = "", position: int = 0, expected: tuple[str, ...] = (), hint: str = ""
    ) -> None:
        super().__init__(message)
        self.query = query
        self.position = position
        self.expected = expected
        self.hint = hint


class DefinitionError(UsageError):
    """A topic, concept or sources file is wrong; `place` is the file and, where known, the line or key."""

    def __init__(self, message: str, *, place: str = "") -> None:
        super().__init__(f"{place}: {message}" if place else message)
        self.place = place


class BadInput(HeliographError):  # noqa: N818 - names what it is, as the tree above does
    """Data from outside is beyond repair: it goes to the dead letters with its bytes, and is not retried."""


class FeedError(BadInput):
    """Bytes are no feed, or a feed past its limits; `reason` is a short slug for metrics and the ledger."""

    def __init__(self, message: str, *, reason: str = "not-a-feed") -> None:
        super().__init__(message)
        self.reason = reason


class CodecError(BadInput):
    """Bytes are no envelope of ours, or one of a schema version that this release does not know."""


class Unavailable(HeliographError):  # noqa: N818 - names what it is, as the tree above does
    """Something we need is away for now; the same work may succeed later.

    `retry_after` is the number of seconds that the other side asked us to wait, or None where it did not say.
    """

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class FetchError(Unavailable):
    """A feed could not be fetched; `reason` is a short slug (`timeout`, `refused-address`, `too-large`, ...)."""

    def __init__(self, message: str, *, reason: str, retry_after: float | None = None) -> None:
        super().__init__(message, retry_after=retry_after)
        self.reason = reason


class LogUnavailable(Unavailable):
    """The event log cannot take or give events now, for instance because the disk is full."""


class IndexUnavailable(Unavailable):
    """The index cannot take documents or answer a search now."""


class DeliveryError(Unavailable):
    """A channel did not take an alert; `permanent` is true where trying again cannot help (such as HTTP 410)."""

    def __init__(self, message: str, *, permanent: bool = False, retry_after: float | None = None) -> None:
        super().__init__(message, retry_after=retry_after)
        self.permanent = permanent
