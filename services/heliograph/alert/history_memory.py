"""Alert history and outbox in memory: for trials and tests. What it holds goes with the process."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from threading import Lock

from msgspec.structs import replace

from heliograph.alert.listing import from_cursor, to_cursor, to_micros
from heliograph.alert.port import ACTIVE, UPDATED, Alert, Attempt, Delivery, Find, Found, Status, Taken


class MemoryHistory:
    """AlertStore that keeps its promises within one process; durability alone it cannot keep."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._deliveries: dict[str, Delivery] = {}

    def claim(self, deliveries: Sequence[Delivery]) -> Sequence[bool]:
        with self._lock:
            return [self._claim(delivery) for delivery in deliveries]

    def _claim(self, delivery: Delivery) -> bool:
        if delivery.id in self._deliveries:
            return False
        if delivery.alert.kind == UPDATED:
            self._grow(delivery)
        self._deliveries[delivery.id] = delivery
        return True

    def _grow(self, update: Delivery) -> None:
        for known in [known for known in self._deliveries.values() if known.alert.id == update.alert.id]:
            if known.alert.kind != UPDATED:
                outlets = max(known.outlets, update.outlets, key=len)
                grown = replace(known, copies=max(known.copies, update.copies), outlets=outlets)
                self._deliveries[known.id] = grown
            elif known.status is Status.PENDING and update.status is Status.PENDING:
                self._deliveries[known.id] = replace(known, status=Status.SUPERSEDED, due=None)

    def take(self, channel: str, now: datetime, limit: int, lease: float) -> Taken:
        with self._lock:
            waiting = sorted(self._waiting(channel), key=lambda found: found[0])
            taken = [delivery for due, delivery in waiting if due <= now][:limit]
            until = now + timedelta(seconds=lease)
            leased = tuple(replace(delivery, status=Status.SENDING, due=until) for delivery in taken)
            self._deliveries.update({delivery.id: delivery for delivery in leased})
            return Taken(leased, min((due for due, _ in self._waiting(channel)), default=None))

    def _waiting(self, channel: str) -> list[tuple[datetime, Delivery]]:
        return [
            (delivery.due, delivery)
            for delivery in self._deliveries.values()
            if delivery.alert.channel == channel and delivery.due is not None and not self._held_up(delivery)
        ]

    def _held_up(self, delivery: Delivery) -> bool:
        alert = self._deliveries.get(delivery.alert.id)
        return delivery.alert.kind == UPDATED and alert is not None and alert.status in ACTIVE

    def release(self, taken: Sequence[Delivery], now: datetime) -> None:
        with self._lock:
            for delivery in taken:
                there = self._deliveries.get(delivery.id)
                # The end of the lease tells whose it is.
                if there is not None and (there.status, there.due) == (Status.SENDING, delivery.due):
                    self._deliveries[there.id] = replace(there, status=Status.PENDING, due=now)

    def record(self, message: str, attempt: Attempt, status: Status, due: datetime | None) -> None:
        with self._lock:
            known = self._deliveries.get(message)
            if known is None:
                return
            numbered = replace(attempt, number=len(known.attempts) + 1)
            known = replace(known, attempts=(*known.attempts, numbered))
            if known.status is not Status.DELIVERED:
                known = replace(known, status=status, due=due, tries=known.tries + 1, error=attempt.error)
            self._deliveries[message] = known

    def retry(self, messages: Sequence[str], now: datetime) -> int:
        with self._lock:
            found = [self._deliveries[message] for message in dict.fromkeys(messages) if message in self._deliveries]
            again = [delivery for delivery in found if delivery.status in (Status.FAILED, Status.PENDING)]
            for delivery in again:
                self._deliveries[delivery.id] = replace(delivery, status=Status.PENDING, due=now, tries=0)
            return len(again)

    def recover(self, now: datetime) -> int:
        with self._lock:
            left = [delivery for delivery in self._deliveries.values() if delivery.status is Status.SENDING]
            for delivery in left:
                self._deliveries[delivery.id] = replace(delivery, status=Status.PENDING, due=now)
            return len(left)

    def known(self, messages: Collection[str]) -> Mapping[str, Alert]:
        with self._lock:
            return {message: self._deliveries[message].alert for message in messages if message in self._deliveries}

    def find(self, request: Find) -> Found:
        with self._lock:
            found = [delivery for delivery in self._deliveries.values() if _asked_for(delivery, request)]
        found.sort(key=_position, reverse=True)
        total = len(found)
        if request.cursor:
            behind = from_cursor(request.cursor)
            found = [delivery for delivery in found if _position(delivery) < behind]
        page = tuple(replace(delivery, attempts=()) for delivery in found[: request.limit])
        more = len(found) > len(page) and bool(page)
        return Found(total, page, to_cursor(page[-1].alert.created, page[-1].id) if more else "")

    def get(self, message: str) -> Delivery | None:
        with self._lock:
            return self._deliveries.get(message)

    def purge(self, before: datetime) -> int:
        with self._lock:
            old = [
                delivery.id
                for delivery in self._deliveries.values()
                if delivery.status not in ACTIVE and delivery.alert.created < before
            ]
            for message in old:
                del self._deliveries[message]
            return len(old)

    def close(self) -> None:
        """Nothing is open."""


def _position(delivery: Delivery) -> tuple[int, str]:
    return to_micros(delivery.alert.created), delivery.id


def _asked_for(delivery: Delivery, request: Find) -> bool:
    alert = delivery.alert
    return (
        delivery.status in request.statuses
        and request.channel in ("", alert.channel)
        and request.topic in ("", alert.topic)
        and request.story in ("", alert.story)
        and request.alert in ("", alert.id)
        and (request.since is None or alert.created >= request.since)
        and (request.until is None or alert.created < request.until)
    )
