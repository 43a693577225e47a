"""Alert history and outbox in one Elasticsearch index, shared by every alert worker of an installation.

There are no transactions here; each promise of the port is kept by one of three means.

**One document, one writer.** A claim is `create` under the message's id: of many, one wins, and its document is its
place in the outbox. Whatever changes a document later names the sequence number that it was read with; who comes
second reads again and decides again.

**An order in which each step can be done twice.** A claim of an update first raises the figures of its alert and
supersedes what the update makes pointless, then creates it. Cut off in between, the event comes again, finds no claim,
and does all of it again. Two workers that claim different updates of one alert in the same moment may leave both to be
sent; events of one story go to one worker, so that takes a rebalance.

**Doubt is remembered.** An answer that is lost tells nothing of what was done. What this object tried to create,
lease or record carries a mark of its own; asked again, it finds its mark and goes on: a claim is reported to whoever
made it, a lease is used at once instead of waiting until it is over, an attempt is kept once. Should the process die
instead, the claim is in the outbox all the same, and the lease ends by itself.

Leases are compared with the clocks of the workers: those may differ by less than what a lease is longer than a send
(`lane.LEASE`, `lane.DEADLINE`). A worker that stood still for longer than its lease has lost it: what it records then
is kept as an attempt, and changes nothing that another worker has taken over, unless it has delivered.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from threading import Lock
from typing import Any
from uuid import uuid4

import msgspec
from msgspec.structs import replace

from heliograph.alert.claims import plan
from heliograph.alert.elastic_index import NEWEST, AlertIndex, Kept, place_in_time
from heliograph.alert.elastic_leases import Leases
from heliograph.alert.elastic_writes import CHUNK, Doc
from heliograph.alert.listing import from_cursor, to_cursor, to_micros
from heliograph.alert.port import SETTLED, UPDATED, Alert, Attempt, Delivery, Find, Found, Status, Taken
from heliograph.errors import Unavailable
from heliograph.runtime.elastic import Access

ROUNDS = 10
"""Times to read again what others have changed meanwhile; each time, one of them has got on."""


class ElasticHistory:
    """AlertStore on Elasticsearch, for many threads and many processes.

    `access` says where, `prefix` begins the index's name, `replicas` is how many further copies a new index gets,
    `schema` what it is made from. Raises Unavailable where Elasticsearch does not answer, UsageError where a newer
    release, or something else, made the index.
    """

    def __init__(self, access: Access, *, prefix: str, replicas: int, schema: Mapping[str, Any]) -> None:
        self._index = AlertIndex(access, prefix=prefix, replicas=replicas, schema=schema)
        self._leases = Leases(self._index)
        self._id = uuid4().hex
        self._lock = Lock()
        self._claimed: set[str] = set()
        """Messages whose creation was asked for without an answer."""

    def claim(self, deliveries: Sequence[Delivery]) -> Sequence[bool]:
        for _ in range(ROUNDS):
            there = self._concerned(deliveries)
            todo = plan(deliveries, {message: kept.delivery for message, kept in there.items()})
            changes = [(there[message], _as_claimed(now)) for message, now in todo.changed.items()]
            if len(self._index.swap(changes)) == len(changes):
                break
        else:
            raise self._contended()
        created: set[str] = set()
        try:
            # An update must not be there without its alert: it would not know that it has to wait.
            for update in (False, True):
                made = [one for one in todo.created.values() if (one.alert.kind == UPDATED) is update]
                new = self._index.create(made, self._id)
                self._leases.remember(new.values())
                created |= new.keys()
        except Unavailable:
            with self._lock:
                self._claimed |= todo.created.keys()
            raise
        with self._lock:
            found = {message for message in self._claimed & there.keys() if there[message].claimant == self._id}
            self._claimed -= {delivery.id for delivery in deliveries}
        return _first_of_each([delivery.id for delivery in deliveries], created | found)

    def _concerned(self, deliveries: Sequence[Delivery]) -> dict[str, Kept]:
        updates = [delivery for delivery in deliveries if delivery.alert.kind == UPDATED]
        there = self._index.fetch({delivery.id for delivery in deliveries} | {update.alert.id for update in updates})
        if any(update.id not in there and update.status is Status.PENDING for update in updates):
            self._index.refresh()
            conditions: list[Doc] = [
                {"terms": {"alert": sorted({update.alert.id for update in updates})}},
                {"term": {"kind": UPDATED}},
                {"term": {"status": Status.PENDING.value}},
            ]
            _, pending = self._index.search(conditions, NEWEST, size=10_000)
            there |= {kept.delivery.id: kept for kept in pending if kept.delivery.id not in there}
        return there

    def take(self, channel: str, now: datetime, limit: int, lease: float) -> Taken:
        return self._leases.take(channel, now, limit, lease)

    def release(self, taken: Sequence[Delivery], now: datetime) -> None:
        self._leases.release(taken, now)

    def record(self, message: str, attempt: Attempt, status: Status, due: datetime | None) -> None:
        kept = self._leases.held(message)
        for _ in range(ROUNDS):
            kept = kept or self._index.fetch([message], attempts=True).get(message)
            if kept is None:
                break
            change = _as_recorded(kept.delivery, attempt, status, due, lost=self._leases.lost(kept))
            if not change or self._index.swap([(kept, change)]):
                break
            kept = None
        else:
            raise self._contended()
        self._leases.over(message)

    def retry(self, messages: Sequence[str], now: datetime) -> int:
        left, done = set(messages), 0
        again = {"status": Status.PENDING.value, "tries": 0, "holder": "", **place_in_time(now)}
        for _ in range(ROUNDS):
            there = self._index.fetch(left)
            startable = [kept for kept in there.values() if kept.delivery.status in (Status.FAILED, Status.PENDING)]
            started = self._index.swap([(kept, again) for kept in startable]).keys()
            done += len(started)
            left = {kept.delivery.id for kept in startable} - started
            if not left:
                self._leases.look_again()
                return done
        raise self._contended()

    def recover(self, now: datetime) -> int:
        again = {"status": Status.PENDING.value, "holder": "", **place_in_time(now)}
        left = [{"term": {"status": Status.SENDING.value}}]
        done = self._all(left, lambda page: self._index.swap([(kept, again) for kept in page]))
        self._leases.look_again()
        return done

    def known(self, messages: Collection[str]) -> Mapping[str, Alert]:
        return {message: kept.delivery.alert for message, kept in self._index.fetch(messages).items()}

    def find(self, request: Find) -> Found:
        after = from_cursor(request.cursor) if request.cursor else ()
        self._index.refresh()
        total, kept = self._index.search(_conditions(request), NEWEST, request.limit + 1, after)
        items = tuple(found.delivery for found in kept[: request.limit])
        more = len(kept) > len(items) and bool(items)
        return Found(total, items, to_cursor(items[-1].alert.created, items[-1].id) if more else "")

    def get(self, message: str) -> Delivery | None:
        kept = self._index.fetch([message], attempts=True).get(message)
        return kept.delivery if kept is not None else None

    def purge(self, before: datetime) -> int:
        old: list[Doc] = [
            {"terms": {"status": [status.value for status in SETTLED]}},
            {"range": {"created_us": {"lt": to_micros(before)}}},
        ]
        return self._all(old, self._index.delete)

    def _all(self, conditions: Sequence[Doc], change: Callable[[Sequence[Kept]], Collection[str]]) -> int:
        """Change all that meets the conditions, so that it no longer does; return how many that were."""
        done, idle = 0, 0
        while idle < ROUNDS:
            self._index.refresh()
            _, page = self._index.search(conditions, NEWEST, CHUNK)
            if not page:
                return done
            changed = len(change(page))
            done, idle = done + changed, 0 if changed else idle + 1
        raise self._contended()

    def _contended(self) -> Unavailable:
        return Unavailable("alert history: others keep changing what was to be written: trying again later")

    def close(self) -> None:
        self._index.close()


def _first_of_each(messages: Iterable[str], created: Collection[str]) -> list[bool]:
    left = set(created)
    answers = []
    for message in messages:
        answers.append(message in left)
        left.discard(message)
    return answers


def _as_claimed(now: Delivery) -> Doc:
    """Return the fields that a claim changes in what was there."""
    return {
        "copies": now.copies,
        "outlets": list(now.outlets),
        "status": now.status.value,
        **place_in_time(now.due),
    }


def _as_recorded(known: Delivery, attempt: Attempt, status: Status, due: datetime | None, *, lost: bool) -> Doc:
    """Return the fields that an attempt changes; none where it has been recorded already."""
    if any(replace(kept, number=attempt.number) == attempt for kept in known.attempts):
        return {}
    numbered = replace(attempt, number=1 + max((kept.number for kept in known.attempts), default=0))
    change: Doc = {"attempts": [msgspec.to_builtins(kept) for kept in (*known.attempts, numbered)]}
    if known.status is Status.DELIVERED or (lost and status is not Status.DELIVERED):
        return change
    consequence = {"status": status.value, "tries": known.tries + 1, "error": attempt.error, "holder": ""}
    return {**change, **consequence, **place_in_time(due)}


def _conditions(request: Find) -> list[Doc]:
    asked = {field: getattr(request, field) for field in ("channel", "topic", "story", "alert")}
    bounds = {"gte": request.since, "lt": request.until}
    moments = {bound: to_micros(moment) for bound, moment in bounds.items() if moment is not None}
    return [
        {"terms": {"status": [status.value for status in request.statuses]}},
        *({"term": {field: value}} for field, value in asked.items() if value),
        *([{"range": {"created_us": moments}}] if moments else []),
    ]
