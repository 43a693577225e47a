"""The alert room's nouns and ports: an alert and its deliveries, where they are kept, and what sends them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

import msgspec

from heliograph.core.article import Evidence
from heliograph.errors import DeliveryError

CREATED = "alert.created"
UPDATED = "alert.updated"


class Status(StrEnum):
    """Where a delivery stands."""

    PENDING = "pending"
    """Waits for its time, `Delivery.due`."""
    SENDING = "sending"
    """Handed to a notifier; falls due again at `Delivery.due`, should the process die over it."""
    DELIVERED = "delivered"
    FAILED = "failed"
    """Given up: the schedule is through, or the channel said never to come back. `retry` starts it anew."""
    MUTED = "muted"
    """Kept for the record, not to be sent; `Alert.reason` says why."""
    SUPERSEDED = "superseded"
    """An update that a later update of the same alert made pointless before it was sent."""


ACTIVE = (Status.PENDING, Status.SENDING)
SETTLED = (Status.DELIVERED, Status.FAILED, Status.MUTED, Status.SUPERSEDED)
SENT_OR_TO_SEND = (Status.PENDING, Status.SENDING, Status.DELIVERED, Status.FAILED)


class Alert(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a channel is told: that a topic has a new story, or that a story it was told of has grown.

    It never changes once made, so every try sends the same bytes under the same id.
    """

    id: str
    """Of topic, story and channel: the alert that a person means."""
    message: str
    """Id of this message: the alert's for `alert.created`, its own for `alert.updated`; sent as `webhook-id`."""
    kind: str
    """`alert.created` or `alert.updated`."""
    topic: str
    topic_name: str = ""
    severity: str = "normal"
    story: str
    channel: str
    """Empty on the mark that a back-filled story leaves."""
    policy: str = ""
    article: str
    title: str
    url: str
    source: str
    source_title: str = ""
    country: str = ""
    language: str = ""
    published: datetime | None = None
    evidence: tuple[Evidence, ...] = ()
    copies: int = 1
    outlets: tuple[str, ...] = ()
    reason: str
    """Value of `decide.Reason`."""
    created: datetime


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One try to hand a message over."""

    number: int
    """Counts from 1: over the whole life of the delivery in the history, since its last restart when observed."""
    time: datetime
    outcome: str
    """`delivered`, or the slug of what went wrong: `timeout`, `connection`, `http-503`, ..."""
    status: int = 0
    """The status code of the answer, 0 where there was none or the channel has no such thing."""
    error: str = ""
    """One line for a person, without secrets."""
    seconds: float = 0.0


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """A message, where it stands, and how large its story has become since."""

    alert: Alert
    status: Status
    due: datetime | None = None
    """When it is to be tried next; None once settled."""
    tries: int = 0
    """Tries since it was claimed or last restarted by hand; picks the next delay of the schedule."""
    copies: int = 1
    outlets: tuple[str, ...] = ()
    error: str = ""
    """Of the last try."""
    attempts: tuple[Attempt, ...] = ()
    """Filled in by `get` alone."""

    @property
    def id(self) -> str:
        """The message's id."""
        return self.alert.message


@dataclass(frozen=True, slots=True)
class Taken:
    """Deliveries to send now, and when the channel's next one falls due (None: nothing waits)."""

    deliveries: tuple[Delivery, ...]
    next_due: datetime | None


@dataclass(frozen=True, slots=True)
class Find:
    """What to list, newest first. Empty fields ask for everything; muted ones are listed only where asked for."""

    channel: str = ""
    topic: str = ""
    story: str = ""
    alert: str = ""
    statuses: tuple[Status, ...] = (*ACTIVE, Status.DELIVERED, Status.FAILED, Status.SUPERSEDED)
    since: datetime | None = None
    until: datetime | None = None
    limit: int = 50
    cursor: str = ""
    """`Found.next` of the page before."""


@dataclass(frozen=True, slots=True)
class Found:
    """One page; `total` counts all that `Find` asks for, `next` is empty behind the last page."""

    total: int
    items: tuple[Delivery, ...]
    next: str = ""


class Outbox(Protocol):
    """What is to be sent. Safe to use from many threads, and from many processes on one store.

    Promises: when a method returns, what it did survives a kill of the process; claims survive one of the machine. Its
    loss of power may undo the last `take` and `record`: then a message is sent again, under its id. A claim and its
    place in the outbox are one write, so that nothing is claimed and never sent; `take` hands a delivery to one caller,
    until its lease is over. All raise Unavailable while the store is away, having done nothing.
    """

    def claim(self, deliveries: Sequence[Delivery]) -> Sequence[bool]:
        """Create each under its message id unless it is there; tell for each whether it was created.

        Creating an `alert.updated` also raises copies and outlets of the `alert.created` that it belongs to, and
        supersedes that alert's pending updates if it is itself pending.
        """
        ...

    def take(self, channel: str, now: datetime, limit: int, lease: float) -> Taken:
        """Mark up to `limit` due deliveries as being sent, for `lease` seconds, and return them, longest due first.

        A store that several processes share may put what this one claimed before what others left, for a second.
        An update waits while the `alert.created` that it belongs to is pending or being sent.
        """
        ...

    def release(self, taken: Sequence[Delivery], now: datetime) -> None:
        """Make due at `now` what was taken here and never sent; what is no longer ours is left alone."""
        ...

    def record(self, message: str, attempt: Attempt, status: Status, due: datetime | None) -> None:
        """Keep an attempt and what follows from it; numbers the attempt itself. Unknown ids are ignored."""
        ...

    def retry(self, messages: Sequence[str], now: datetime) -> int:
        """Make failed and pending deliveries due now, with a fresh schedule; return how many there were."""
        ...

    def recover(self, now: datetime) -> int:
        """Make what was left in sending due now; for the start of the only deliverer of a store."""
        ...


class History(Protocol):
    """What was decided, sent and answered: the audit trail. As safe and as durable as the outbox."""

    def known(self, messages: Collection[str]) -> Mapping[str, Alert]:
        """Return those messages that were claimed before, whatever became of them."""
        ...

    def find(self, request: Find) -> Found: ...

    def get(self, message: str) -> Delivery | None:
        """Return one delivery with every attempt, in order."""
        ...

    def purge(self, before: datetime) -> int:
        """Drop settled deliveries made before `before`; return how many went.

        A story that outlives its claim would be alerted again, so `before` lies further back than any story's window.
        """
        ...

    def close(self) -> None: ...


class AlertStore(Outbox, History, Protocol):
    """History and outbox are one store, because a claim and its place in the outbox are one write."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """That a channel took a message, and the status code it said so with (0 where it has none)."""

    status: int = 0


class NotDelivered(DeliveryError):  # noqa: N818 - names what it is, as the error tree does
    """A channel did not take a message; carries what the history and the schedule need.

    `outcome` is a slug fit for a metric label, `status` the code of the answer (0: none), `throttle` says that the
    receiver is overloaded, so that it should get one message at a time for now.
    """

    def __init__(
        self,
        message: str,
        *,
        outcome: str,
        status: int = 0,
        permanent: bool = False,
        retry_after: float | None = None,
        throttle: bool = False,
    ) -> None:
        super().__init__(message, permanent=permanent, retry_after=retry_after)
        self.outcome = outcome
        self.status = status
        self.throttle = throttle


class Notifier(Protocol):
    """Hands messages to one channel. Used from one event loop at a time.

    `send` is asynchronous so that one slow receiver costs a socket and not a thread, and so that its deadline covers
    the whole exchange. Promises: it returns a Receipt only when the other side has the message, raises DeliveryError
    otherwise, and does one or the other within its own total deadline; no error, repr or log line holds a secret.
    `close` ends connections; a closed notifier opens new ones when it is used again.
    """

    @property
    def target(self) -> str:
        """Where messages go, fit to be shown: a host, never a path or a secret."""
        ...

    async def send(self, alert: Alert) -> Receipt: ...

    async def close(self) -> None: ...
