"""Processes that the tests of the alert history start, and one of them kills.

claim URL PREFIX SEED          claim all that the test made, then take until nothing is left; say what was ours
deliver URL PREFIX HOOK SECRET  deliver what is due until killed, with leases of a few seconds
"""

from __future__ import annotations

import base64
import json
import os
import random
import sys
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from heliograph.alert.channels import Tools, build_channels
from heliograph.alert.deliver import Deliverer
from heliograph.alert.format import sample_alert
from heliograph.alert.history_elastic import ElasticHistory
from heliograph.alert.port import Attempt, Delivery, Outbox, Status, Taken
from heliograph.schemas import load_schema
from heliograph.settings import ElasticsearchSettings

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
SECRET = "whsec_" + base64.b64encode(b"a key of these tests, 32 bytes..").decode()
FOREVER = 1e6
LEASE = 4.0


def open_history(url: str, prefix: str) -> ElasticHistory:
    """Return a history of its own; whoever opens it closes it."""
    schema = load_schema("elasticsearch/alerts.json")
    return ElasticHistory(ElasticsearchSettings(url=url), prefix=prefix, replicas=0, schema=schema)


def make_deliveries(count: int, start: datetime = NOW) -> list[Delivery]:
    """Return as many pending deliveries as asked for, the same ones for the same arguments."""
    alerts = [sample_alert("desk", start + timedelta(microseconds=number)) for number in range(count)]
    return [Delivery(alert=replace(alert, created=start), status=Status.PENDING, due=start) for alert in alerts]


class ShortLeases:
    """The outbox with leases that a test can wait for."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self.claim, self.record, self.release = outbox.claim, outbox.record, outbox.release
        self.retry, self.recover = outbox.retry, outbox.recover

    def take(self, channel: str, now: datetime, limit: int, lease: float) -> Taken:
        return self._outbox.take(channel, now, limit, min(lease, LEASE))


def claim(url: str, prefix: str, seed: str, count: str) -> None:
    """Print a line when ready, wait for one, then print the ids that were created and taken here."""
    history = open_history(url, prefix)
    wanted = make_deliveries(int(count))
    random.Random(int(seed)).shuffle(wanted)
    print("ready", flush=True)
    sys.stdin.readline()
    created: list[str] = []
    for at in range(0, len(wanted), 20):
        batch: Sequence[Delivery] = wanted[at : at + 20]
        created += [one.id for one, new in zip(batch, history.claim(batch), strict=True) if new]
    print(json.dumps(created), flush=True)
    sys.stdin.readline()
    taken: list[str] = []
    while found := history.take("desk", NOW, 8, FOREVER).deliveries:
        for one in found:
            history.record(one.id, Attempt(number=1, time=NOW, outcome="delivered"), Status.DELIVERED, None)
            taken.append(one.id)
    print(json.dumps(taken), flush=True)
    history.close()


def deliver(url: str, prefix: str, hook: str) -> None:
    """Deliver until killed; says its process id in the User-Agent."""
    tools = Tools(agent=f"worker/{os.getpid()}")
    channels = build_channels([{"name": "desk", "type": "webhook", "url": hook, "secret": SECRET}], tools)
    deliverer = Deliverer(
        outbox=ShortLeases(open_history(url, prefix)),
        notifiers=channels,
        clock=lambda: datetime.now(UTC),
        schedule=[0.01] * 50,
        concurrency=3,
        sole=False,
    )
    deliverer.run(threading.Event())


if __name__ == "__main__":
    if sys.argv[1] == "claim":
        claim(*sys.argv[2:])
    else:
        deliver(*sys.argv[2:])
