"""From the embedded tier to the distributed one: log, indexes, ledger and alert history, each compared afterwards.

Everything goes through the ports, by the ids that everything has, so that a migration that was cut off is begun again
and does the rest. What it needs to know for that it reads from the servers: no progress is kept anywhere else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar, cast

import msgspec

from heliograph.alert.port import Delivery, Find, Status
from heliograph.assembly.doctor_stores import GROUPS
from heliograph.assembly.found import indexed
from heliograph.assembly.replay_letters import REPLAYED
from heliograph.assembly.world import INDEXES, World
from heliograph.core.article import Document
from heliograph.core.event import ARTICLES, DEAD_LETTERS, FLAGGED, MATCHES
from heliograph.eventlog.port import Entry, Message
from heliograph.fetch.ledger_sqlite import SqliteLedger
from heliograph.fetch.port import Update
from heliograph.index.port import Index, Search

TOPICS = (ARTICLES, MATCHES, FLAGGED, DEAD_LETTERS, REPLAYED)
BATCH = 500
T = TypeVar("T")
_PATIENCE = 30.0
"""Seconds without an event after which a group's position is left where it is."""


@dataclass(frozen=True, slots=True)
class Moved:
    """One kind of thing: how many there are, how many had to be written, and whether both sides now hold the same."""

    what: str
    there: int
    """In the embedded tier."""
    written: int
    """By this run; the others were there from an earlier one."""
    source: str
    """Digest of the ids and contents in the embedded tier, whatever their order."""
    target: str
    """The same of those in the distributed tier."""

    @property
    def same(self) -> bool:
        """Whether everything arrived as it was."""
        return self.source == self.target


Note = Callable[[str, int], None]
"""Told of progress: what is being moved, and how many more are done."""


def migrate(source: World, target: World, note: Note) -> Iterator[Moved]:
    """Move everything, a kind at a time; nothing of the source is changed. Raises Unavailable, to be begun again.

    Positions of the consumer groups go last, so that services started too early work on old events instead of missing
    any: what they do is done by id. The alert history goes before the flagged events can be worked on: who was told
    of a story is not told again.
    """
    yield alerts(source, target, note)
    yield ledger(source, target, note)
    for name in INDEXES:
        if indexed(source, name):
            yield index(name, source.index(name), target.index(name), note)
    for topic in TOPICS:
        yield log(topic, source, target, note)
    for group, topic in GROUPS:
        yield position(group, topic, source, target, note)


def log(topic: str, source: World, target: World, note: Note) -> Moved:
    """Append the events of a topic in their order, without those that are there already."""
    there = {message.id for message in target.log.scan(topic)}
    written = 0
    for some in _batches(source.log.scan(topic), BATCH):
        new = [Entry(message.id, message.key, message.value) for message in some if message.id not in there]
        target.log.append(topic, new)
        written += len(new)
        note(topic, len(some))
    mine = {message.id: _print(message.id, message.value) for message in source.log.scan(topic)}
    # One that was appended twice has the same bytes.
    theirs = {message.id: _print(message.id, message.value) for message in target.log.scan(topic) if message.id in mine}
    return Moved(topic, len(mine), written, _digest(mine.values()), _digest(theirs.values()))


def _batches(things: Iterable[T], size: int) -> Iterator[list[T]]:
    rest = iter(things)
    while some := list(islice(rest, size)):
        yield some


def position(group: str, topic: str, source: World, target: World, note: Note) -> Moved:
    """Commit for the group what it has done in the embedded tier."""
    events = [message.id for message in source.log.scan(topic)]
    done = set(events[: max(0, len(events) - source.log.reader(topic, group).lag().events)])
    before = left = _done_and_waiting(target, topic, group, done)
    last: dict[int, Message] = {}
    reader = target.log.reader(topic, group)
    try:
        while left > 0 and (messages := reader.read(BATCH, _PATIENCE)):
            worked = [message for message in messages if message.id in done]
            left -= len(worked)
            last |= {message.partition: message for message in worked}
            note(f"position of {group}", len(messages))
        if last:
            reader.commit(list(last.values()))
    finally:
        reader.close()
    left = _done_and_waiting(target, topic, group, done)
    return Moved(f"position of {group}", len(done), before - left, "0 waiting", f"{left} waiting")


def _done_and_waiting(world: World, topic: str, group: str, done: set[str]) -> int:
    """Return how many events wait for the group although they are done."""
    kept = [message.id in done for message in world.log.scan(topic)]
    return max(0, world.log.reader(topic, group).lag().events - kept.count(False))


def index(name: str, source: Index, target: Index, note: Note) -> Moved:
    """Write every document that is not there as it is; one that a newer revision has replaced meanwhile stays so."""
    there = _prints(target)
    mine: dict[str, int] = {}
    written = 0
    for documents in _documents(source):
        prints = {document.article.id: _print_of(document) for document in documents}
        new = [document for document in documents if there.get(document.article.id) != prints[document.article.id]]
        if new:
            target.upsert(new)
        written += len(new)
        mine |= prints
        note(f"index {name}", len(documents))
    after = _prints(target) if written else there
    theirs = [print_ for article, print_ in after.items() if article in mine]
    return Moved(f"index {name}", len(mine), written, _digest(mine.values()), _digest(theirs))


def _prints(found: Index) -> dict[str, int]:
    return {document.article.id: _print_of(document) for documents in _documents(found) for document in documents}


def _documents(found: Index) -> Iterator[list[Document]]:
    cursor = ""
    while True:
        page = found.search(Search(sort="oldest", limit=BATCH, cursor=cursor))
        yield [hit.document for hit in page.items]
        cursor = page.next
        if not cursor:
            return


def _print_of(document: Document) -> int:
    return _print(document.article.id, msgspec.msgpack.encode(document))


def ledger(source: World, target: World, note: Note) -> Moved:
    """Write every subscription with what is remembered of it, and the items that its feed is known to have had."""
    kept = cast("SqliteLedger", source.ledger)
    feeds = kept.feeds()
    before = {feed.subscription.id: feed for feed in target.ledger.feeds()}
    new = [feed for feed in feeds if before.get(feed.subscription.id) != feed]
    for some in _batches(new, BATCH):
        target.ledger.edit(put=[feed.subscription for feed in some])
        target.ledger.save([Update(feed.state, kept.items(feed.subscription.id)) for feed in some])
        note("feeds", len(some))
    after = {feed.subscription.id: feed for feed in target.ledger.feeds()}
    mine = [
        _print(feed.subscription.id, msgspec.json.encode((feed, sorted(kept.items(feed.subscription.id).items()))))
        for feed in feeds
    ]
    theirs = [
        _print(
            name, msgspec.json.encode((after[name], sorted(target.ledger.known(name, list(kept.items(name))).items())))
        )
        for name in (feed.subscription.id for feed in feeds)
        if name in after
    ]
    return Moved("feeds", len(feeds), len(new), _digest(mine), _digest(theirs))


def alerts(source: World, target: World, note: Note) -> Moved:
    """Claim every message as it stands, its attempts included: one write each, that is there or is not."""
    mine = [_settled(delivery) for delivery in _deliveries(source)]
    # An update must not be there without its alert.
    mine.sort(key=lambda delivery: (delivery.alert.created, delivery.alert.kind, delivery.id))
    written = 0
    for some in _batches(mine, BATCH):
        written += sum(target.alerts.claim(some))
        note("alerts", len(some))
    theirs = (target.alerts.get(delivery.id) for delivery in mine)
    return Moved(
        "alerts", len(mine), written, _digest(map(_told, mine)), _digest(_told(each) for each in theirs if each)
    )


def _settled(delivery: Delivery) -> Delivery:
    """What was being sent when the embedded tier was stopped is to be sent, as at its next start."""
    if delivery.status is not Status.SENDING:
        return delivery
    return msgspec.structs.replace(delivery, status=Status.PENDING)


def _deliveries(world: World) -> Iterator[Delivery]:
    cursor = ""
    while True:
        page = world.alerts.find(Find(statuses=tuple(Status), limit=BATCH, cursor=cursor))
        for item in page.items:
            whole = world.alerts.get(item.id)
            if whole is not None:
                yield whole
        cursor = page.next
        if not cursor:
            return


def _told(delivery: Delivery) -> int:
    return _print(delivery.id, msgspec.json.encode(delivery))


def _print(name: str, content: bytes) -> int:
    """Return the print of a thing: what is kept of it in memory to compare it by."""
    return int.from_bytes(hashlib.sha256(name.encode() + b"\0" + content).digest()[:8])


def _digest(prints: Iterable[int]) -> str:
    """Return a digest of many prints that does not depend on their order."""
    total = count = 0
    for each in prints:
        count, total = count + 1, total + each
    return f"{count}:{total % 2**64:016x}"
