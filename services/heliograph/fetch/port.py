"""What collection speaks of, and the four things it is given: a Fetcher, a Ledger, a parser and an Observer."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

BY_HAND = "by-hand"
"""`Subscription.evidence` of a feed that a person added, as opposed to one of a sources file."""

GIVEN_UP = "given-up"
"""Reason of a FetchError: the request was not wanted any more, and was not sent."""

REMEMBER = timedelta(days=45)
"""How long an item is remembered after it was last seen in its feed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """One feed that is to be polled. `url` may hold credentials: show `urls.shown(url)` instead."""

    id: str
    """Slug: from the sources file, or made of the host of a feed added by hand."""
    url: str
    title: str = ""
    source: str = ""
    """Id of the outlet."""
    source_title: str = ""
    country: str = ""
    ownership: str = "unknown"
    language: str = ""
    """BCP 47 tag that the list states: a hint for the parser, not a proof."""
    evidence: str = BY_HAND
    """`answering`, `listed` or `seen` from a sources file; `by-hand` where a person added it."""
    enabled: bool = True
    added: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedState:
    """All that is remembered of a feed between two polls. Times are UTC; counters never fall."""

    feed: str
    etag: str = ""
    last_modified: str = ""
    body_hash: str = ""
    """Of the last body that was imported; the same bytes are not parsed again."""
    bad_body_hash: str = ""
    """Of the last body that was no feed; the same bytes make no second dead letter."""
    next_poll: datetime | None = None
    interval: float = 0.0
    """Seconds between polls that the feed's own pace asks for; 0.0 before the first answer."""
    last_attempt: datetime | None = None
    last_success: datetime | None = None
    last_new_item: datetime | None = None
    last_status: int = 0
    """HTTP status of the last answer, 0 where there was none."""
    last_outcome: str = ""
    """A `decide.Reason`, or the slug of the error."""
    last_error: str = ""
    """One line for a person, without credentials; empty after a success."""
    consecutive_failures: int = 0
    redirected_to: str = ""
    """Where a permanent redirect (301, 308) leads; empty where there is none."""
    redirect_times: int = 0
    """Answers in a row that came by that redirect."""
    first_import_done: bool = False
    items_seen: int = 0
    """Items that were new at some poll, those of the first import included."""
    window: int = 0
    """Items in the last document."""
    polls: int = 0
    unchanged: int = 0
    window_turned_over: int = 0
    """Polls after which no item of the window was known: items may have scrolled off unseen."""
    last_turnover: datetime | None = None


@dataclass(frozen=True, slots=True)
class Feed:
    """A subscription with what is remembered of it."""

    subscription: Subscription
    state: FeedState


def _always() -> bool:
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchRequest:
    """What to ask for; the validators are those of the last answer, empty where there was none."""

    url: str
    etag: str = ""
    last_modified: str = ""
    wanted: Callable[[], bool] = field(default=_always, compare=False)
    """Asked right before each request goes out; once it says no, the fetch fails with the reason `GIVEN_UP`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchResult:
    """An answer that can be used: a body (200, 203), or the news that there is no new one (304)."""

    status: int
    url: str
    """Address that answered, after redirects, without credentials."""
    body: bytes | None = None
    """Decoded bytes; None for a 304."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Lower-case names; only those of `KEPT_HEADERS`."""
    permanent_url: str = ""
    """End of the leading run of permanent redirects; empty where the first hop was none."""
    duration: float = 0.0
    """Seconds from the first connection attempt to the last byte."""
    hops: int = 0
    """Redirects followed."""
    downgraded: bool = False
    """True where a redirect led from https to http."""
    received: int = 0
    """Bytes of body on the wire, before decoding."""

    @property
    def not_modified(self) -> bool:
        """Whether the server said that the document is the one we have."""
        return self.status == 304


KEPT_HEADERS = ("age", "cache-control", "content-type", "date", "etag", "expires", "last-modified", "retry-after")


class Fetcher(Protocol):
    """Fetches one document.

    Promises: never connects to an address that is refused, on any hop; reads no more than its limits; every failure is
    a FetchError whose message may be shown (no credentials), with `retry_after` where the server asked for a pause.
    """

    async def fetch(self, request: FetchRequest) -> FetchResult: ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Update:
    """The outcome of one poll: the new state, and each item of the document as (article id -> revision)."""

    state: FeedState
    seen: Mapping[str, str] = field(default_factory=dict)


class Ledger(Protocol):
    """Subscriptions, and what is remembered of each. Safe to use from many threads; calls block.

    Promises: `edit` and `save` are atomic and durable: all of a call or nothing of it survives a kill, and what has
    returned survives. Every method raises Unavailable where the store is away. An item not seen for 45 days is
    forgotten once its feed is saved with items again.
    """

    def feeds(self) -> Sequence[Feed]:
        """Return every subscription with its state, by id; a feed never polled has an empty state."""
        ...

    def edit(self, put: Sequence[Subscription] = (), remove: Sequence[str] = ()) -> None:
        """Add or replace subscriptions, and drop those named with all that is remembered of them.

        A replaced subscription keeps its state, except that a new URL drops the validators and the body's hash.
        Unknown ids in `remove` are ignored.
        """
        ...

    def known(self, feed: str, articles: Sequence[str]) -> Mapping[str, str]:
        """Return the revision of each of these articles that the feed is remembered to have had."""
        ...

    def save(self, updates: Sequence[Update]) -> None:
        """Record polls. `state.last_attempt` dates the items seen; an update of a removed feed is dropped."""
        ...

    def share(self) -> Share:
        """Return a new worker's part of the feeds; it is joined and closed by whoever asked for it."""
        ...

    def close(self) -> None: ...


class Share(Protocol):
    """The feeds that one worker polls, where several work on one ledger. Safe to use from many threads; calls block.

    Promises: every feed of the ledger is held by one worker soon after any has come or gone, and by two at no time. A
    worker that dies, is stopped or is cut off holds nothing after a bounded time, without being told; what it does
    after that is not saved. Where a ledger serves one machine, its one worker holds every feed.
    """

    def join(self, let_go: LetGo) -> None:
        """Take part from now on; `let_go` is called from another thread before feeds go to another worker."""
        ...

    def holds(self, feed: str) -> bool:
        """Return whether the feed is this worker's to poll now, as sure as it is without asking anybody.

        What is remembered of a feed that is held is what its last worker left behind.
        """
        ...

    def save(self, updates: Sequence[Update]) -> Collection[str]:
        """Record polls as `Ledger.save` does, and return their feeds. Those of feeds that are not held are dropped.

        Raises Unavailable also where feeds are changing hands; after that, ask `holds` again.
        """
        ...

    def close(self) -> None:
        """Hand all feeds over. To be called once no poll is under way."""
        ...


class LetGo(Protocol):
    """Ends the polls of feeds that go to another worker."""

    def __call__(self, feeds: Collection[str], timeout: float, /) -> bool:
        """Return once none of the feeds is being polled or saved; False where `timeout` seconds passed before that."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedItem:
    """One item of a feed document, as the parser hands it over: text plain, HTML sanitised, dates UTC."""

    link: str = ""
    guid: str = ""
    title: str = ""
    text: str = ""
    html: str = ""
    summary: str = ""
    language: str = ""
    authors: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    published: datetime | None = None
    updated: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedFeed:
    """A feed document, items in the order of the document."""

    title: str = ""
    link: str = ""
    items: tuple[ParsedItem, ...] = ()
    problems: tuple[str, ...] = ()
    """One line each on what was repaired or dropped."""


class ParseBody(Protocol):
    """Turns a body into items without blocking the event loop.

    Raises FeedError for bytes that are no feed, Unavailable where the parser itself is away.
    """

    async def __call__(self, body: bytes, content_type: str, url: str, subscription: Subscription, /) -> ParsedFeed: ...


class Observer(Protocol):
    """Counts polls."""

    def observe_poll(self, feed: str, outcome: str, seconds: float, received: int) -> None:
        """Note one poll: the feed's id, `last_outcome` of its new state, how long it took, bytes of body received."""
        ...
