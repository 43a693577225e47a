"""One step's input as a Faust app: its agent gathers messages, has them worked on, and commits what is done.

The one file that knows Faust; it is imported when a FaustRunner starts. What Faust does by itself and must not do here:

- It acknowledges an event whose agent raised, and one that it skips because a rebalance goes on. So its book of
  acknowledgements stays shut (`acks=False`), and exact offsets are committed through its consumer after the effects.
- It reads settings from the environment, which win over arguments: it is given an empty one.
- It starts a web server, makes topics and folders: all of that is off.
- A crashed agent is started again behind the event that it died of: here the whole app goes down with it, and the next
  one starts behind the last commit.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, TypeVar

import faust
import structlog
from faust.app.base import BootStrategy
from faust.types import TP

from heliograph.errors import LogUnavailable
from heliograph.eventlog.port import Message
from heliograph.runtime.kafka import Access, brokers
from heliograph.runtime.stage import Step

_log = structlog.get_logger("runner")
_GRACE = 3.0
"""Seconds that a rebalance, or a stop, waits for the batch in hand, so that it need not be done again."""
_TICK = 0.2
"""Seconds between looks at whether to stop, and at whether anything has died."""
_CLOSE = 3.0
"""Seconds that Faust gets to close its connections."""

T = TypeVar("T")
Work = Callable[[Sequence[Message], bool], Awaitable[bool]]
"""Takes a batch, and whether the share of the topic may have changed before it; tells whether it may be committed."""


class Skipped(LogUnavailable):
    """Messages were passed over: Faust has read past them without handing them to the agent."""


class StepApp:
    """Reads one step's topic as a member of its consumer group. Made and run in one event loop, once."""

    def __init__(self, access: Access, step: Step, work: Work) -> None:
        self._step, self._work = step, work
        self._app = _make_app(access, f"{access.topic_prefix}{step.reader_group}", step.batch)
        topic = self._app.topic(
            f"{access.topic_prefix}{step.source}",
            key_type=bytes,
            value_type=bytes,
            key_serializer="raw",
            value_serializer="raw",
            # Else an empty value would be refused by Faust and skipped, instead of becoming a dead letter.
            allow_empty=True,
            acks=False,
        )
        self._app.agent(topic, name=step.stage.name)(self._agent)
        self._app.on_partitions_revoked.connect(self._on_revoked)
        self._in_hand = asyncio.Lock()
        self._closing = False
        self._died: BaseException | None = None
        self._generation: int | None = None
        self._next: dict[int, int] = {}

    async def run(self, stop: Callable[[], bool], watch: Callable[[], Awaitable[None]]) -> None:
        """Work until `stop` says so; ask `watch` now and then, which may raise to end this app.

        Raises what the agent, the consumer or the app died of.
        """
        try:
            await self._app.start()
            _mend_close(self._app.consumer)
            while not stop():
                await asyncio.sleep(_TICK)
                self._raise_if_dead()
                await watch()
        finally:
            await self._close()

    async def _agent(self, stream: faust.StreamT[bytes]) -> None:
        try:
            async for events in batches(stream.events(), self._step.batch, self._step.linger):
                # While partitions are being handed over, nothing new is begun.
                await self._app.flow_control.acquire()
                async with self._in_hand:
                    await self._carry([event.message for event in events])
        except Exception as error:
            if not self._closing:
                self._died = self._died or error
                raise

    async def _carry(self, records: Sequence[Any]) -> None:
        """Have a batch worked on and commit it; leave out what was read before a rebalance: its new owner reads it."""
        generation = self._app.consumer_generation_id
        found = [record for record in records if record.generation_id == generation]
        if not found or self._closing or self._died is not None:
            return
        renewed, self._generation = generation != self._generation, generation
        whole = self._until_gap(found, renewed=renewed)
        if not await self._work([self._message(record) for record in whole], renewed):
            # A stop came first. Nothing behind these may be begun: its commit would cover them.
            self._closing = True
            return
        await self._commit(whole, generation)
        if len(whole) < len(found):
            gap = found[len(whole)]
            place = f"{self._step.source}/{gap.partition}/{gap.offset}"
            raise Skipped(f"nothing was read right before {place}: reading on from the last commit")

    async def _commit(self, records: Sequence[Any], generation: int) -> None:
        if generation != self._app.consumer_generation_id:
            # The partitions were handed out anew meanwhile: the events are worked on again, their ids make that safe.
            _log.info("batch outlived its share of the topic", stage=self._step.stage.name, events=len(records))
            return
        offsets = {TP(record.topic, record.partition): record.offset + 1 for record in records}
        # Of Faust's consumer, this is the call that commits what it is told instead of what was acknowledged.
        consumer: Any = self._app.consumer
        if not await consumer._commit(offsets):
            _log.info("commit refused, the events come again", stage=self._step.stage.name, events=len(records))

    def _until_gap(self, records: Sequence[Any], *, renewed: bool) -> Sequence[Any]:
        """Return the records before the first one that does not follow its partition's last: some were dropped there.

        Where the log itself has a gap, as retention leaves one, the next start finds the record behind it first.
        """
        if renewed:
            self._next.clear()
        for place, record in enumerate(records):
            if record.offset > self._next.get(record.partition, record.offset):
                return records[:place]
            self._next[record.partition] = record.offset + 1
        return records

    def _message(self, record: Any) -> Message:  # noqa: ANN401 - Faust's record has no better type
        identity = next((value for name, value in record.headers or () if name == "id"), b"")
        return Message(
            topic=self._step.source,
            partition=record.partition,
            offset=record.offset,
            id=identity.decode("utf-8", "replace"),
            key=(record.key or b"").decode("utf-8", "replace"),
            value=record.value or b"",
            time=datetime.fromtimestamp(record.timestamp or 0.0, UTC),
        )

    async def _on_revoked(self, *_: object, **__: object) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_GRACE), self._in_hand:
                pass

    def _raise_if_dead(self) -> None:
        if self._died is not None:
            raise self._died
        app: Any = self._app
        for service in (app, app.consumer, app.consumer._thread, app._fetcher, app.topics):
            if service is not None and service.crashed:
                raise service.crash_reason or LogUnavailable(f"{service.label} crashed and does not say of what")
        if app.should_stop:
            raise LogUnavailable("Faust stopped without being asked to")

    async def _close(self) -> None:
        self._closing = True
        await self._on_revoked()
        try:
            async with asyncio.timeout(_CLOSE):
                await self._app.stop()
        except TimeoutError:
            _log.warning("Faust did not close in time", stage=self._step.stage.name)


async def batches(events: AsyncIterable[T], most: int, linger: float) -> AsyncIterator[list[T]]:
    """Yield what has come meanwhile, up to `most` at once; wait `linger` seconds for a fuller batch.

    Faust's own `take` acknowledges what it handed out even where the agent raised or was cancelled, and waits its whole
    time for every batch. Here at most `most` events wait for the next batch. Raises what `events` raises, and
    LogUnavailable where it ends.
    """
    waiting: asyncio.Queue[T] = asyncio.Queue(most)

    async def pump() -> None:
        async for event in events:
            await waiting.put(event)
        raise LogUnavailable("the stream of events ended without being asked to")

    pumping = asyncio.ensure_future(pump())
    first: asyncio.Future[T] | None = None
    try:
        while True:
            first = asyncio.ensure_future(waiting.get())
            await asyncio.wait({first, pumping}, return_when=asyncio.FIRST_COMPLETED)
            if not first.done():
                pumping.result()
            batch, until = [await first], time.monotonic() + linger
            while len(batch) < most:
                if not waiting.empty():
                    batch.append(waiting.get_nowait())
                    continue
                try:
                    batch.append(await asyncio.wait_for(waiting.get(), until - time.monotonic()))
                except TimeoutError:
                    break
            yield batch
    finally:
        for future in (pumping, first):
            if future is None:
                continue
            if not future.cancel() and not future.cancelled():
                # Looked at, so that asyncio does not complain of what nobody waits for any more.
                future.exception()


def _make_app(access: Access, group: str, batch: int) -> faust.App:
    session = access.session_timeout.total_seconds()
    return _App(
        group,
        env={},
        broker=[f"kafka://{broker}" for broker in brokers(access)],
        autodiscover=False,
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        store="memory://",
        consumer_auto_offset_reset="earliest",
        consumer_group_instance_id=f"{group}.{access.instance}" if access.instance else None,
        broker_session_timeout=session,
        broker_heartbeat_interval=min(3.0, session / 5),
        broker_request_timeout=max(15.0, session + 5.0),
        # A stage may wait for hours for what is away, and heartbeats go on meanwhile: a stage that hangs is for the
        # runner to notice, not for the other members to work around.
        broker_max_poll_interval=24 * 3600.0,
        stream_buffer_maxsize=max(500, 2 * batch),
        # It would wait for acknowledgements that Faust is not given.
        stream_wait_empty=False,
    )


def _mend_close(consumer: Any) -> None:  # noqa: ANN401 - Faust's consumer, its thread included
    """Let the consumer be closed while its broker is away.

    aiokafka 0.14 awaits fetches that it has cancelled itself; Faust's thread dies of that and leaves connections open.
    """
    thread = consumer._thread
    close = thread.on_thread_stop

    async def on_thread_stop() -> None:
        try:
            await close()
        except asyncio.CancelledError:
            await thread._consumer._client.close()

    thread.on_thread_stop = on_thread_stop


class _Boot(BootStrategy):
    """The log has its own producer, one for all steps, idempotent; Faust's would only stand beside it."""

    enable_kafka_producer = False


class _App(faust.App):
    BootStrategy = _Boot

    def _create_directories(self) -> None:
        """Make none: there are no tables to keep in them."""
