"""What the policies in force would have said of the flagged articles of the log: a dry run, nothing is sent or kept."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

from heliograph.alert.history_memory import MemoryHistory
from heliograph.alert.port import CREATED, Find, Status
from heliograph.alert.stage import AlertStage
from heliograph.assembly.delivery import Delivery, holds
from heliograph.assembly.replay import Span, Tick, batches
from heliograph.assembly.world import World
from heliograph.core.event import FLAGGED
from heliograph.runtime.work import read, run_stage

_EVERYTHING = 10_000_000


def expected(world: World, span: Span, tick: Tick) -> list[dict[str, Any]]:
    """Return for each channel and topic how many alerts and updates there would have been, in all and a day.

    Stories that were alerted before the span count as new in it. What was back-filled stays silent, as it did. Raises
    SettingsError for a wrong channel or policy, LogUnavailable.
    """
    at = world.now()
    store = MemoryHistory()
    stage = AlertStage(store=store, policies=Delivery(world).policies, matches=holds, clock=lambda: at)
    times: list[datetime] = []
    for batch in batches(world.log.scan(FLAGGED, span.since, span.until)):
        for item in read(batch):
            if item.envelope is not None:
                at = item.envelope.time
                times.append(item.message.time)
                run_stage(stage, [item])
        tick(len(batch))
    days = max(1.0, (max(times) - min(times)).total_seconds() / 86_400) if times else 1.0
    sent = store.find(Find(statuses=(Status.PENDING, Status.SUPERSEDED), limit=_EVERYTHING)).items
    alerts = Counter((one.alert.channel, one.alert.topic) for one in sent if one.alert.kind == CREATED)
    updates = Counter((one.alert.channel, one.alert.topic) for one in sent if one.alert.kind != CREATED)
    return [
        {
            "channel": channel,
            "topic": topic,
            "alerts": alerts[channel, topic],
            "updates": updates[channel, topic],
            "alerts_a_day": round(alerts[channel, topic] / days, 1),
        }
        for channel, topic in sorted(alerts | updates)
    ]
