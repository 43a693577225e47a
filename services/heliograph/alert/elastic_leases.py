"""Who sends what: a lease is a token in the document, won by whoever writes first, and gone when its time is over.

What falls due is found in two ways. What this process claims itself it knows, and leases without a search: a refresh
and a search cost Elasticsearch more than everything else about an alert. What others left, and what is due again, is
looked for, once in `LOOK` seconds while the first way brings enough to do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from heapq import heapify, heappop, heappush
from threading import Lock
from uuid import uuid4

from msgspec.structs import replace

from heliograph.alert.elastic_index import LONGEST_DUE, AlertIndex, Kept, place_in_time
from heliograph.alert.elastic_writes import CHUNK
from heliograph.alert.listing import to_micros
from heliograph.alert.port import ACTIVE, UPDATED, Delivery, Status, Taken

ROUNDS = 10
"""Times to look again where other workers won what was found due; each time, one of them has got on."""


LOOK = 1.0
"""Seconds for which what others left may wait behind what we claim ourselves."""
FRESH = 10_000
"""Own claims remembered for a channel; those beyond it are looked for like any other."""


@dataclass(slots=True)
class _Taking:
    """One `take` under way."""

    until: datetime
    asked: dict[str, str]
    """Leases asked for, here or before without an answer, and not yet handed out: tokens by message."""
    taken: dict[str, Kept] = field(default_factory=dict)


class Leases:
    """Takes due deliveries for one process; remembers which leases it holds, and of which it was not told."""

    def __init__(self, index: AlertIndex) -> None:
        self._index = index
        self._lock = Lock()
        self._asked: dict[str, dict[str, str]] = {}
        """By channel: what was asked for and never handed out, because an answer was lost."""
        self._held: dict[str, Kept] = {}
        """What was handed out and is not yet recorded, as it was leased."""
        self._fresh: dict[str, list[tuple[datetime, datetime, str, Kept]]] = {}
        """By channel: a heap of what was claimed here and is to be sent, in the order of `LONGEST_DUE`."""
        self._looked: dict[str, tuple[datetime, datetime | None]] = {}
        """By channel: when the index was last looked at, and when by that the next one falls due."""

    def remember(self, claimed: Iterable[Kept]) -> None:
        """Know of claims of our own. An update is none: it may have to wait for its alert."""
        with self._lock:
            for kept in claimed:
                due, alert = kept.delivery.due, kept.delivery.alert
                fresh = self._fresh.setdefault(alert.channel, [])
                if due is not None and alert.kind != UPDATED and len(fresh) < FRESH:
                    heappush(fresh, (due, alert.created, alert.message, kept))

    def look_again(self) -> None:
        """Look at the index with the next `take`: something was made due in another way than by a claim."""
        self._looked.clear()

    def take(self, channel: str, now: datetime, limit: int, lease: float) -> Taken:
        """See `Outbox.take`. Raises Unavailable; what it had leased by then is handed out by the next call."""
        with self._lock:
            step = _Taking(now + timedelta(seconds=lease), self._asked.pop(channel, {}))
        try:
            next_due = self._take(channel, now, limit, step)
            for message, kept in step.taken.items():
                self._held[message] = kept
                del step.asked[message]
        finally:
            if step.asked:
                with self._lock:
                    self._asked[channel] = {**self._asked.get(channel, {}), **step.asked}
        ours = step.until if step.taken else None
        handed_out = tuple(replace(kept.delivery, attempts=()) for kept in step.taken.values())
        return Taken(handed_out, min((due for due in (next_due, ours) if due), default=None))

    def release(self, now: datetime, taken: Sequence[Delivery]) -> int:
        """See `Outbox.release`. Raises Unavailable; what was not given back then is due when its lease is over."""
        held = [(delivery, self._held.get(delivery.id)) for delivery in taken]
        # What was taken twice here is held under its later lease, and that one is not given back.
        ours = [kept for delivery, kept in held if kept is not None and kept.delivery.due == delivery.due]
        for kept in ours:
            self.over(kept.delivery.id)
        again = {"status": Status.PENDING.value, "holder": "", **place_in_time(now)}
        given_back = self._index.swap([(kept, again) for kept in ours])
        self.look_again()
        return len(given_back)

    def held(self, message: str) -> Kept | None:
        """Return what was handed out here, as it was then: it can be written unless somebody wrote since."""
        return self._held.get(message)

    def lost(self, kept: Kept) -> bool:
        """Tell whether a delivery that was handed out here now belongs to somebody else."""
        held = self._held.get(kept.delivery.id)
        return held is not None and held.holder != kept.holder

    def over(self, message: str) -> None:
        """Forget what has been recorded."""
        self._held.pop(message, None)

    def _take(self, channel: str, now: datetime, limit: int, step: _Taking) -> datetime | None:
        """Lease up to `limit`; return when the next one falls due."""
        if step.asked and limit > 0:
            self._lease(self._ours(step)[:limit], step)
        room = limit - len(step.taken)
        if room > 0 and self._looked_lately(channel, now):
            leased = self._lease(self._fresh_ones(channel, now, room), step)
            next_due = self._next_due(channel)
            # Where there was room for more, what was due at the last look may be somebody else's.
            if leased == room or (leased and (next_due is None or next_due > now)):
                return next_due
        next_due = None
        known = self._known_due(channel, now)
        for _ in range(ROUNDS):
            self._index.refresh()
            due, next_due = self._look(channel, now, limit - len(step.taken))
            if self._lease(due, step) == len(due):
                break
        # Where the look had room for more it saw all that was due: what it did not find is somebody else's.
        self._forget(channel, known if len(step.taken) < limit else known & step.taken.keys())
        self._looked[channel] = now, next_due
        return next_due

    def _known_due(self, channel: str, now: datetime) -> set[str]:
        with self._lock:
            return {message for due, _, message, _ in self._fresh.get(channel, []) if due <= now}

    def _forget(self, channel: str, messages: AbstractSet[str]) -> None:
        """Know no longer of claims that were found by a look, or were not there any more."""
        if messages:
            with self._lock:
                left = [entry for entry in self._fresh[channel] if entry[2] not in messages]
                heapify(left)
                self._fresh[channel] = left

    def _looked_lately(self, channel: str, now: datetime) -> bool:
        """Tell whether a look, a moment ago, found nothing due by now but what we know of."""
        at, next_due = self._looked.get(channel, (None, None))
        lately = at is not None and timedelta() <= now - at < timedelta(seconds=LOOK)
        fresh = self._fresh.get(channel)
        return lately and (next_due is None or next_due > now or bool(fresh and fresh[0][0] <= next_due))

    def _fresh_ones(self, channel: str, now: datetime, room: int) -> list[Kept]:
        """Return what was claimed here and is due; somebody else may have it by now."""
        found: list[Kept] = []
        with self._lock:
            fresh = self._fresh.get(channel, [])
            while fresh and len(found) < room and fresh[0][0] <= now:
                found.append(heappop(fresh)[-1])
        return found

    def _next_due(self, channel: str) -> datetime | None:
        _, looked = self._looked[channel]
        with self._lock:
            known = [due for due, *_ in self._fresh.get(channel, [])[:1]]
        return min([*known, *([looked] if looked is not None else [])], default=None)

    def _ours(self, step: _Taking) -> list[Kept]:
        """Return what is leased to us although nobody said so; strike off the rest."""
        there = self._index.fetch(step.asked, attempts=True)
        ours = {
            message: kept
            for message, kept in there.items()
            if kept.holder == step.asked[message] and kept.delivery.status is Status.SENDING
        }
        step.asked = {message: step.asked[message] for message in ours}
        return list(ours.values())

    def _lease(self, due: Sequence[Kept], step: _Taking) -> int:
        """Take what nobody else has; return how many those were."""
        token = uuid4().hex
        step.asked.update({kept.delivery.id: token for kept in due})
        change = {"status": Status.SENDING.value, "holder": token, **place_in_time(step.until)}
        won = self._index.swap([(kept, change) for kept in due])
        for kept in due:
            message = kept.delivery.id
            if message not in won:
                del step.asked[message]
                continue
            leased = replace(kept.delivery, status=Status.SENDING, due=step.until)
            step.taken[message] = Kept(leased, *won[message], holder=token, claimant=kept.claimant)
        return len(won)

    def _look(self, channel: str, now: datetime, room: int) -> tuple[list[Kept], datetime | None]:
        """Return what is due, up to `room`, and when the first one behind those falls due."""
        found: list[Kept] = []
        for kept in self._waiting(channel, room):
            due = kept.delivery.due
            if len(found) >= room or due is None or due > now:
                return found, due
            found.append(kept)
        return found, None

    def _waiting(self, channel: str, room: int) -> Iterator[Kept]:
        """Yield what waits in a channel, longest due first, without updates that would overtake their alert."""
        conditions = [{"term": {"channel": channel}}, {"exists": {"field": "due_us"}}]
        after: list[int | str] = []
        size = max(room, 0) + 1
        while True:
            _, page = self._index.search(conditions, LONGEST_DUE, size, after, attempts=True)
            alerts = {kept.delivery.alert.id for kept in page if kept.delivery.alert.kind == UPDATED}
            firsts = self._index.fetch(alerts) if alerts else {}
            for kept in page:
                alert = kept.delivery.alert
                first = firsts.get(alert.id) if alert.kind == UPDATED else None
                if first is None or first.delivery.status not in ACTIVE:
                    yield kept
            if len(page) < size:
                return
            last = page[-1].delivery
            assert last.due is not None
            after = [to_micros(last.due), to_micros(last.alert.created), last.id]
            # Many held up in front: look further each time.
            size = min(2 * size + 20, CHUNK)
