"""A worker's share of the feeds: partitions of the ledger's topic, as a consumer group divides them.

Three things keep a feed from being polled twice at once:

    revocation   polls of partitions that go elsewhere are ended before the group's rebalance goes on;
    the lease    a worker holds nothing once it has not heard from the broker for a while: less than the session timeout
                 after which the broker gives its partitions away, by a clock that goes on while the process is stopped;
    the fence    a transaction that saves polls counts only where the broker still has the member in its generation, and
                 whoever gets the partition reads to the end of all such transactions before it polls.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import structlog

from heliograph.errors import Unavailable
from heliograph.fetch.ledger_writer import Membership, Writer
from heliograph.fetch.port import LetGo, Update
from heliograph.runtime.kafka import Access, consumer, named, poll

if TYPE_CHECKING:
    from kafka import KafkaConsumer, TopicPartition

    from heliograph.fetch.ledger_kafka import KafkaLedger

GROUP = "ingest"
_POLL = 0.2
"""Seconds between two looks at the group."""
_RETRY = 1.0
_log = structlog.get_logger("ingest")


@dataclass(frozen=True, slots=True)
class _Standing:
    """What the member knew of itself when it last looked; replaced as a whole."""

    ready: frozenset[int] = frozenset()
    """Partitions that are ours, and whose records of other workers have been read."""
    until: float = 0.0
    """By `monotonic`: when the lease ends."""
    metadata: Any = None


class _ThrownOutError(Exception):
    """The broker had not heard of this member for longer than the session timeout."""


class KafkaShare:
    """See `port.Share`. A thread keeps up the membership from `join` to `close`."""

    def __init__(self, ledger: KafkaLedger, access: Access) -> None:
        self._ledger, self._access = ledger, access
        self._tail = ledger.tail
        self._session = access.session_timeout.total_seconds()
        name = access.instance or uuid4().hex
        self._writer = Writer(access, self._tail.topic, f"{access.topic_prefix}{GROUP}.{name}")
        self._standing = _Standing()
        self._awaited: dict[int, int | None] = {}
        """Partition that was assigned -> the end to read to first, None while it is not known."""
        self._gains = 0
        self._changing = threading.Lock()
        """For the three above: partitions come and go in the client's thread while ours looks."""
        self._saving = threading.Lock()
        self._stop = threading.Event()
        self._let_go: LetGo = _nothing
        self._thread = threading.Thread(target=self._run, name="heliograph-share", daemon=True)

    def join(self, let_go: LetGo) -> None:
        self._let_go = let_go
        self._thread.start()

    def holds(self, feed: str) -> bool:
        standing = self._standing
        if monotonic() >= standing.until:
            return False
        return self._tail.home(feed) in standing.ready

    def save(self, updates: Sequence[Update]) -> Collection[str]:
        with self._saving:
            # One standing for the choice and for the fence: what is chosen by it counts if the broker agrees with it.
            standing = self._standing
            if monotonic() >= standing.until:
                return ()
            ours = [one for one in updates if self._tail.home(one.state.feed) in standing.ready]
            positions = {part: self._tail.position(part) for part in standing.ready}
            if ours:
                member = Membership(standing.metadata, positions)
                self._ledger.write(self._writer, lambda table: table.save(ours), member)
            return {one.state.feed for one in ours}

    def close(self) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(self._session)
        with self._saving:
            self._writer.close()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                with named(self._access, "take part in polling", Unavailable):
                    self._take_part()
            except _ThrownOutError:
                _log.warning("this worker was silent for too long, and lost its feeds; it joins anew")
            except Unavailable as error:
                _log.warning("no part in polling", error=str(error))
                self._stop.wait(_RETRY)

    def _take_part(self) -> None:
        """Be one member from joining to leaving, or to being thrown out.

        Whoever was thrown out joins as a new client: kafka-python 3.0.12 would come back claiming the partitions that
        it had, sometimes without saying that it had lost them, and a leader that believes it gives them to it while
        another worker still has them.
        """
        from kafka.errors import KafkaError

        member = consumer(
            self._access,
            group_id=f"{self._access.topic_prefix}{GROUP}",
            # Also how long a rebalance waits for a member that does not answer.
            max_poll_interval_ms=int(self._session * 2000),
        )
        try:
            member.subscribe([self._tail.topic], listener=_listener(self))
            known = ""
            while not self._stop.is_set():
                poll(member, _POLL, 1)
                found = member.group_metadata()
                if known and found.member_id != known:
                    raise _ThrownOutError
                known = found.member_id if found.generation_id >= 0 else known
                self._look(member)
        except KafkaError as error:
            if isinstance(error.__cause__, _ThrownOutError):
                raise error.__cause__ from None
            raise
        finally:
            self.lose({*self._standing.ready, *self._awaited})
            member.close(autocommit=False)

    def _look(self, member: KafkaConsumer) -> None:
        """Renew the lease and take on what was assigned, once it is read up to where its last worker left it."""
        assigned = member.assignment()
        # The tail reads the records; the member is here for the assignment alone.
        member.pause(*assigned)
        with self._changing:
            gains = self._gains
            unknown = [part for part, end in self._awaited.items() if end is None]
        ends = self._tail.ends(unknown) if unknown else {}
        until = self._renewed(member, assigned, self._standing.until)
        metadata = member.group_metadata()
        if metadata.generation_id < 0:
            # Thrown out, and not yet in again. A broker would not check such a one.
            until = 0.0
        with self._changing:
            if self._gains == gains:
                self._awaited |= {part: end for part, end in ends.items() if part in self._awaited}
            read = {part for part, end in self._awaited.items() if end is not None and self._tail.position(part) >= end}
            for part in read:
                del self._awaited[part]
            self._standing = _Standing(self._standing.ready | read, until, metadata)

    def _renewed(self, member: KafkaConsumer, assigned: Collection[TopicPartition], until: float) -> float:
        """Return until when the lease lasts, after asking the broker where a fifth of it has passed."""
        from kafka import OffsetAndMetadata
        from kafka.errors import KafkaError

        lease = self._session * 0.7
        now = monotonic()
        if not assigned or until - now > lease * 0.8:
            return until
        offsets = {place: OffsetAndMetadata(self._tail.position(place.partition), "", -1) for place in assigned}
        try:
            # The broker refuses this of who is no member any more, and takes it as a sign of life of who is.
            member.commit(offsets, timeout_ms=int(self._session * 200))
        except KafkaError as error:
            if monotonic() >= until > 0.0:
                _log.warning("feeds are not polled until the broker answers", error=type(error).__name__)
                return 0.0
            return until
        return now + lease

    def gain(self, partitions: Iterable[int]) -> None:
        """Partitions were assigned to this worker."""
        with self._changing:
            self._gains += 1
            self._awaited |= dict.fromkeys(partitions)

    def lose(self, partitions: Collection[int]) -> None:
        """Partitions go to another worker as soon as this returns."""
        with self._changing:
            for part in partitions:
                self._awaited.pop(part, None)
            standing = self._standing
            gone = standing.ready.intersection(partitions)
            self._standing = _Standing(standing.ready - gone, standing.until, standing.metadata)
        if not gone:
            return
        feeds = self._tail.look(lambda table: [one for one in table.names() if table.home(one) in gone])
        if not self._let_go(feeds, self._session / 3):
            _log.warning("polls of feeds that go to another worker did not end in time; they are not saved")


def _listener(share: KafkaShare) -> Any:  # noqa: ANN401 - a class of the client's, which is loaded late
    from kafka import ConsumerRebalanceListener

    class Listener(ConsumerRebalanceListener):  # type: ignore[misc] # the client carries no types
        def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
            share.gain([place.partition for place in assigned])

        def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
            share.lose([place.partition for place in revoked])

        def on_partitions_lost(self, lost: Iterable[TopicPartition]) -> None:
            share.lose([place.partition for place in lost])
            # Keeps the client from joining again.
            raise _ThrownOutError

    return Listener()


def _nothing(feeds: Collection[str], timeout: float, /) -> bool:
    del feeds, timeout
    return True
