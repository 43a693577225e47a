"""The message that `channels test` sends: marked as a test, made up, and under an id of its own."""

from __future__ import annotations

from datetime import datetime

from heliograph.alert.port import CREATED, Alert
from heliograph.core.ids import stable_id


def test_alert(channel: str, now: datetime) -> Alert:
    """Return a message that says it is a test."""
    message = stable_id("alert.test", channel, now.isoformat())
    return Alert(
        id=message,
        message=message,
        kind=CREATED,
        topic="test",
        topic_name="Test message",
        story=message,
        channel=channel,
        policy="test",
        article=message,
        title="A test message from Heliograph: this channel works",
        url="",
        source="heliograph",
        source_title="Heliograph",
        reason="test",
        created=now,
    )
