from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from heliograph.alert.decide import Facts, Policy, candidates, message
from heliograph.alert.format import MAX_EVIDENCE, WebhookBody, line, one_line, sample_alert, webhook_body
from heliograph.alert.port import UPDATED, Alert
from heliograph.core.event import ArticleFlagged, Envelope
from heliograph.query.tree import All

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
POLICY = Policy(name="everything", query="*", node=All(), channels=("desk",))


def alert_of(envelope: Envelope) -> Alert:
    assert isinstance(envelope.data, ArticleFlagged)
    [candidate] = candidates(envelope, envelope.data, [POLICY])
    return message(candidate, Facts({}, lambda _node, _document: True), NOW, "Transport corridors").alert


def test_the_body_has_exactly_the_keys_that_receivers_rely_on(flagged: Callable[..., Envelope]) -> None:
    alert = alert_of(flagged("a"))
    body = json.loads(webhook_body(alert))
    assert body == {
        "type": "alert.created",
        "timestamp": "2026-11-02T09:00:00Z",
        "data": {
            "alert": alert.id,
            "topic": "corridors",
            "severity": "high",
            "story": "s1",
            "title": "Title of a",
            "url": "https://example.org/a",
            "source": "outlet-a",
            "country": "am",
            "language": "en",
            "published": "2026-11-02T07:57:00Z",
            "evidence": [
                {
                    "field": "text",
                    "start": 4,
                    "end": 21,
                    "text": "Zangezur corridor",
                    "term": "zangezur corridor*",
                    "concept": "zangezur",
                }
            ],
            "copies": 1,
            "reason": "new-story",
        },
    }
    assert msgspec.json.decode(webhook_body(alert), type=WebhookBody).data.title == alert.title


def test_a_missing_date_is_null_and_evidence_is_capped(flagged: Callable[..., Envelope]) -> None:
    alert = replace(alert_of(flagged("a", evidence=500)), published=None)
    body = webhook_body(alert)
    data = json.loads(body)["data"]
    assert data["published"] is None
    assert len(data["evidence"]) == MAX_EVIDENCE
    assert len(body) < 20_000


def test_the_body_is_the_same_at_every_try(flagged: Callable[..., Envelope]) -> None:
    assert webhook_body(alert_of(flagged("a"))) == webhook_body(alert_of(flagged("a")))


def test_a_line_says_what_where_and_how_much(flagged: Callable[..., Envelope]) -> None:
    alert = alert_of(flagged("a"))
    assert line(alert) == "[high] alert: Transport corridors: Title of a | An Outlet | https://example.org/a"
    update = replace(alert, kind=UPDATED, copies=3, outlets=("x", "y"))
    assert "update: Transport corridors: Title of a (3 copies, 2 outlets)" in line(update)


def test_a_title_can_neither_break_the_line_nor_command_the_terminal(flagged: Callable[..., Envelope]) -> None:
    hostile = "a\r\nb\x1b[2Jc\u202ed\u2028e\x00f\u200cg"
    text = line(replace(alert_of(flagged("a")), title=hostile))
    assert "a b [2Jc d e f\u200cg" in text


@given(st.text(alphabet=st.characters()))
def test_one_line_is_one_line(text: str) -> None:
    shown = one_line(text)
    assert len(shown.splitlines()) <= 1
    assert not [char for char in shown if unicodedata.category(char) == "Cc"]
    assert one_line(shown) == shown


def test_a_sample_alert_is_new_each_time_and_says_that_it_is_a_test() -> None:
    first, second = sample_alert("desk", NOW), sample_alert("desk", NOW.replace(second=1))
    assert first.message != second.message
    assert "." not in first.message
    assert "test" in line(first)
