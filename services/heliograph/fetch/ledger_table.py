"""The ledger as records of a compacted topic, and the table that they add up to. Pure.

    sub/FEED                  the subscription, and its life: a random name that it keeps until it is removed
    state/FEED                what is remembered of the feed, of which life and under which address
    seen/FEED/PERIOD/PART     items last seen in that period of four days: article id -> revision and second

The records of a feed lie together in the partition of its host, so that one worker polls all feeds of a host. Where a
feed lies is where its subscription is read; what another partition holds of it is left over from a move. A removed feed
leaves tombstones; a record written late by a worker that did not know yet is of another life, and counts for nothing.
Nobody but who polls a feed writes its state, and nobody but who edits its subscription writes that: a new address makes
the old validators void because the state says which address it is of.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from heliograph.fetch.decide import without_validators
from heliograph.fetch.port import REMEMBER, Feed, FeedState, Subscription, Update
from heliograph.fetch.urls import host_of

PERIOD = 4 * 86_400
"""Seconds of items in one record: a poll with news writes one record anew, not the memory of 45 days."""
PART = 8_000
"""Items in one record, about: 300 kB of a record's 1 MiB."""
_REFRESH_AFTER = 86_400
"""Seconds before an unchanged item is dated anew: a day is exact enough for 45 days of memory."""

Items = dict[str, tuple[str, int]]
"""Article id -> revision, and the second since 1970 when it was last seen."""
Chunk = tuple[int, int]
"""Period and part."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record of the topic; no value is a tombstone."""

    partition: int
    key: str
    value: bytes | None


class _Sub(msgspec.Struct):
    life: str
    subscription: Subscription


class _State(msgspec.Struct):
    life: str
    url: str
    state: FeedState


class _Seen(msgspec.Struct):
    life: str
    items: Items


@dataclass(slots=True)
class _Row:
    """What one partition holds of one feed, as it was read."""

    sub: bytes | None = None
    state: bytes | None = None
    seen: dict[Chunk, bytes] = field(default_factory=dict)
    read: tuple[str, Feed] | None = None
    """Life and feed, decoded when first asked for."""


_SUB, _STATE = msgspec.json.Decoder(_Sub), msgspec.json.Decoder(_State)
_SEEN = msgspec.msgpack.Decoder(_Seen)


def partition_for(url: str, partitions: int) -> int:
    """Return where a feed of this address lies: the same place for all feeds of its host."""
    return zlib.crc32(host_of(url).encode()) % partitions


class Table:
    """What the records read so far say. Not thread-safe."""

    def __init__(self) -> None:
        self._rows: dict[tuple[int, str], _Row] = {}
        self._homes: dict[str, int] = {}

    def apply(self, record: Record) -> None:
        """Take over one record; partitions may come in any order, the records of each in theirs."""
        kind, _, feed = record.key.partition("/")
        if kind == "seen":
            feed, period, part = feed.rsplit("/", 2)
            row = self._rows.setdefault((record.partition, feed), _Row())
            if record.value is None:
                row.seen.pop((int(period), int(part)), None)
            else:
                row.seen[int(period), int(part)] = record.value
        elif kind in ("sub", "state"):
            row = self._rows.setdefault((record.partition, feed), _Row())
            row.read = None
            if kind == "state":
                row.state = record.value
            else:
                row.sub = record.value
                self._settle(record.partition, feed)
        else:
            # Of a later release.
            return
        if not (row.sub or row.state or row.seen):
            del self._rows[record.partition, feed]

    def feeds(self) -> Iterator[Feed]:
        """Yield every feed, by id."""
        for feed in sorted(self._homes):
            yield self._read(self._row(feed))[1]

    def names(self) -> Collection[str]:
        """Return the id of every feed."""
        return self._homes.keys()

    def home(self, feed: str) -> int | None:
        """Return the partition of the feed, None for one that is not subscribed to."""
        return self._homes.get(feed)

    def known(self, feed: str, articles: Iterable[str]) -> dict[str, str]:
        """Return the revision of each of these articles that the feed is remembered to have had."""
        if feed not in self._homes:
            return {}
        items = _merged(self._chunks(self._row(feed)))
        return {article: items[article][0] for article in articles if article in items}

    def edit(
        self, put: Sequence[Subscription], remove: Collection[str], partitions: int, new_life: Callable[[], str]
    ) -> list[Record]:
        """Return what `Ledger.edit` has to write; tombstones for leftovers come along."""
        records = [record for place in list(self._rows) if self._left_over(place) for record in self._buried(*place)]
        for feed in remove:
            if feed in self._homes:
                records += self._buried(self._homes[feed], feed)
        # Of two for one id the later counts, as it would had they come one by one.
        for subscription in {one.id: one for one in put}.values():
            records += self._put(subscription, subscription.id in remove, partitions, new_life)
        return records

    def save(self, updates: Sequence[Update]) -> list[Record]:
        """Return what `Ledger.save` has to write; updates of feeds that are not subscribed to are dropped."""
        records, remembered = [], dict[str, Items]()
        for update in updates:
            feed, when = update.state.feed, update.state.last_attempt
            if feed not in self._homes:
                continue
            row, home = self._row(feed), self._homes[feed]
            life, present = self._read(row)
            state = _State(life, present.subscription.url, update.state)
            records.append(Record(home, f"state/{feed}", msgspec.json.encode(state)))
            if update.seen and when is not None:
                items = remembered.get(feed)
                if items is None:
                    items = _merged(self._chunks(row))
                remembered[feed] = _brought_up(items, update.seen, when.timestamp())
        for feed, items in remembered.items():
            records += self._changed(feed, items)
        return records

    def _put(
        self, subscription: Subscription, removed: bool, partitions: int, new_life: Callable[[], str]
    ) -> Iterator[Record]:
        feed, target = subscription.id, partition_for(subscription.url, partitions)
        home = None if removed else self._homes.get(feed)
        row = self._row(feed) if home is not None else _Row()
        life, before = self._read(row) if home is not None else (new_life(), None)
        if before is not None and home == target and before.subscription == subscription:
            return
        yield Record(target, f"sub/{feed}", msgspec.json.encode(_Sub(life, subscription)))
        if home is None or home == target:
            return
        if row.state is not None:
            yield Record(target, f"state/{feed}", row.state)
        for (period, part), value in row.seen.items():
            yield Record(target, f"seen/{feed}/{period}/{part}", value)
        yield from self._buried(home, feed)

    def _changed(self, feed: str, items: Items) -> Iterator[Record]:
        """Yield the records of items that are to be other than they are."""
        row, home = self._row(feed), self._homes[feed]
        life, present = self._read(row)[0], self._chunks(row)
        wanted = _divided(items)
        for (period, part), chunk in wanted.items():
            if present.get((period, part)) != chunk:
                packed = zlib.compress(msgspec.msgpack.encode(_Seen(life, chunk)), 1)
                yield Record(home, f"seen/{feed}/{period}/{part}", packed)
        for period, part in row.seen.keys() - wanted.keys():
            yield Record(home, f"seen/{feed}/{period}/{part}", None)

    def _row(self, feed: str) -> _Row:
        return self._rows[self._homes[feed], feed]

    def _settle(self, partition: int, feed: str) -> None:
        """Keep in mind where the feed's subscription is, now that the one in this partition has changed."""
        if self._rows[partition, feed].sub is not None:
            self._homes[feed] = partition
        elif self._homes.get(feed) == partition:
            del self._homes[feed]
            for (other, name), row in self._rows.items():
                if name == feed and row.sub is not None:
                    self._homes[feed] = other

    def _read(self, row: _Row) -> tuple[str, Feed]:
        if row.read is None:
            assert row.sub is not None
            sub = _SUB.decode(row.sub)
            state = FeedState(feed=sub.subscription.id)
            if row.state is not None:
                found = _STATE.decode(row.state)
                if found.life == sub.life:
                    same = found.url == sub.subscription.url
                    state = found.state if same else without_validators(found.state)
            row.read = sub.life, Feed(sub.subscription, state)
        return row.read

    def _chunks(self, row: _Row) -> dict[Chunk, Items]:
        """Return the items of the feed's present life."""
        life = self._read(row)[0]
        read = {chunk: _SEEN.decode(zlib.decompress(value)) for chunk, value in row.seen.items()}
        return {chunk: seen.items for chunk, seen in read.items() if seen.life == life}

    def _left_over(self, place: tuple[int, str]) -> bool:
        partition, feed = place
        return self._homes.get(feed) != partition

    def _buried(self, partition: int, feed: str) -> Iterator[Record]:
        row = self._rows[partition, feed]
        if row.sub is not None:
            yield Record(partition, f"sub/{feed}", None)
        if row.state is not None:
            yield Record(partition, f"state/{feed}", None)
        for period, part in row.seen:
            yield Record(partition, f"seen/{feed}/{period}/{part}", None)


def _merged(chunks: Mapping[Chunk, Items]) -> Items:
    merged: Items = {}
    for chunk in sorted(chunks):
        merged |= chunks[chunk]
    return merged


def _brought_up(items: Items, seen: Mapping[str, str], when: float) -> Items:
    """Return the items after a poll at `when` that saw these; those not seen for 45 days are gone."""
    now, oldest = int(when), when - REMEMBER.total_seconds()
    found = dict(items)
    for article, revision in seen.items():
        before = found.get(article)
        if before is None or before[0] != revision or before[1] < now - _REFRESH_AFTER:
            found[article] = revision, now
    return {article: item for article, item in found.items() if item[1] >= int(oldest)}


def _divided(items: Items) -> dict[Chunk, Items]:
    """Return the items by period, and a period's in parts of about `PART`."""
    periods: dict[int, Items] = {}
    for article, item in items.items():
        periods.setdefault(item[1] // PERIOD, {})[article] = item
    found: dict[Chunk, Items] = {}
    for period, members in periods.items():
        parts = -(-len(members) // PART)
        for article, item in members.items():
            found.setdefault((period, zlib.crc32(article.encode()) % parts), {})[article] = item
    return found
