"""The alert history as the command line sees it: list, one delivery with its attempts, retries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import msgspec

from heliograph.alert.port import Attempt, Delivery, Find, Status
from heliograph.assembly.collection import Collection
from heliograph.assembly.delivery import Delivery as Delivering
from heliograph.assembly.pages import Rows
from heliograph.assembly.world import World
from heliograph.errors import UsageError

_PAGE = 500
_RETRIED = (Status.FAILED, Status.PENDING)


def started(world: World) -> bool:
    """Tell whether there is a history at all; asking makes none."""
    return world.tier.name != "embedded" or (world.settings.data / "alerts.sqlite").is_file()


def listed(world: World, request: Find) -> tuple[int, list[dict[str, Any]]]:
    """Return how many deliveries there are, and rows of the newest `request.limit`."""
    if not started(world):
        return 0, []
    total, found = _pages(world, request)
    return total, [row(delivery) for delivery in found]


def get(world: World, message: str) -> Delivery:
    """Return one delivery with every attempt. Raises UsageError for an id that there is not."""
    found = world.alerts.get(message) if started(world) else None
    if found is None:
        raise UsageError(f"no alert has the id {message!r}: `heliograph alerts list` names them")
    return found


def retry(world: World, messages: Sequence[str]) -> tuple[int, list[str]]:
    """Make deliveries due now; return how many, and those that stand where nothing is to be retried.

    Raises UsageError for an unknown id, before anything is changed.
    """
    settled = [f"{d.id} is {d.status}" for m in messages if (d := get(world, m)).status not in _RETRIED]
    return (world.alerts.retry(messages, world.now()) if messages else 0), settled


def failed(world: World, channel: str = "") -> list[str]:
    """Return the ids of every delivery that was given up, newest first."""
    if not started(world):
        return []
    _, found = _pages(world, Find(channel=channel, statuses=(Status.FAILED,), limit=1_000_000))
    return [delivery.id for delivery in found]


def row(delivery: Delivery) -> dict[str, Any]:
    """Return one delivery as a row."""
    alert = delivery.alert
    return {
        "id": delivery.id,
        "alert": alert.id,
        "kind": alert.kind,
        "created": alert.created,
        "status": delivery.status.value,
        "channel": alert.channel,
        "topic": alert.topic,
        "severity": alert.severity,
        "title": alert.title,
        "url": alert.url,
        "source": alert.source,
        "language": alert.language,
        "published": alert.published,
        "article": alert.article,
        "story": alert.story,
        "policy": alert.policy,
        "reason": alert.reason,
        "copies": delivery.copies,
        "outlets": list(delivery.outlets),
        "tries": delivery.tries,
        "due": delivery.due,
        "error": delivery.error,
    }


def attempt_row(attempt: Attempt) -> dict[str, Any]:
    """Return one attempt as a row."""
    return msgspec.structs.asdict(attempt)


def _pages(world: World, request: Find) -> tuple[int, list[Delivery]]:
    found: list[Delivery] = []
    cursor = request.cursor
    while True:
        size = min(_PAGE, request.limit - len(found))
        page = world.alerts.find(replace(request, limit=size, cursor=cursor))
        found += page.items
        cursor = page.next
        if not cursor or len(found) >= request.limit:
            return page.total, found


def channel_rows(world: World) -> list[dict[str, Any]]:
    """Return the channels of the settings as rows. Raises SettingsError."""
    delivery = Delivering(world)
    return [
        {**asdict(channel), "policies": [one.name for one in delivery.policies if channel.name in one.channels]}
        for channel in Rows(world, Collection(world), delivery).channels()
    ]


def test_channel(world: World, name: str) -> str:
    """Send a test message past the outbox; return what the channel said. Raises UsageError, DeliveryError."""
    return Rows(world, Collection(world), Delivering(world)).test_channel(name)
