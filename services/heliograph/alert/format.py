"""An alert as a webhook's body and as one line of text. Pure: the same alert gives the same bytes at every try."""

from __future__ import annotations

import unicodedata
from datetime import datetime

import msgspec

from heliograph.alert.port import CREATED, UPDATED, Alert
from heliograph.core.article import Evidence
from heliograph.core.ids import alert_id

MAX_EVIDENCE = 20
"""Places named in a message; the article's page has them all. Standard Webhooks advises bodies under 20 kB."""


class WebhookData(msgspec.Struct, frozen=True, kw_only=True):
    """`data` of a webhook's body; every key is always there."""

    alert: str
    topic: str
    severity: str
    story: str
    title: str
    url: str
    source: str
    country: str
    language: str
    published: datetime | None
    evidence: tuple[Evidence, ...]
    copies: int
    reason: str


class WebhookBody(msgspec.Struct, frozen=True, kw_only=True):
    """The body of a webhook. `timestamp` is when the alert was decided on, not when it is sent."""

    type: str
    timestamp: datetime
    data: WebhookData


def webhook_body(alert: Alert) -> bytes:
    """Return the body as UTF-8 JSON; times are RFC 3339 in UTC, `published` is null where the feed has none."""
    data = WebhookData(
        alert=alert.id,
        topic=alert.topic,
        severity=alert.severity,
        story=alert.story,
        title=alert.title,
        url=alert.url,
        source=alert.source,
        country=alert.country,
        language=alert.language,
        published=alert.published,
        evidence=alert.evidence[:MAX_EVIDENCE],
        copies=alert.copies,
        reason=alert.reason,
    )
    return msgspec.json.encode(WebhookBody(type=alert.kind, timestamp=alert.created, data=data))


def line(alert: Alert) -> str:
    """Return the alert as one line for people, safe for a terminal: no control or direction-changing characters."""
    what = "alert" if alert.kind == CREATED else "update"
    topic = alert.topic_name or alert.topic
    more = f" ({alert.copies} copies, {len(alert.outlets)} outlets)" if alert.kind == UPDATED else ""
    parts = (f"[{alert.severity}] {what}: {topic}: {alert.title}{more}", alert.source_title or alert.source, alert.url)
    return " | ".join(one_line(part) for part in parts if part)


def one_line(text: str) -> str:
    """Return `text` with control, line-breaking, format and lone surrogate characters as single spaces.

    Zero-width joiners stay: Persian and emoji are misspelt without them.
    """
    kept = (char if char in "\u200c\u200d" or _shows(char) else " " for char in text)
    return " ".join("".join(kept).split())


def _shows(char: str) -> bool:
    return unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Zl", "Zp")


def sample_alert(channel: str, now: datetime) -> Alert:
    """Return the alert that `channels test` sends: plainly a trial, and new each time, so no receiver drops it."""
    message = alert_id("heliograph-test", now.isoformat(), channel)
    return Alert(
        id=message,
        message=message,
        kind=CREATED,
        topic="heliograph-test",
        topic_name="Test of a channel",
        severity="low",
        story="heliograph-test",
        channel=channel,
        article="heliograph-test",
        title="This is a test alert from Heliograph",
        url="",
        source="heliograph",
        language="en",
        published=now,
        outlets=("heliograph",),
        reason="test",
        created=now,
    )
