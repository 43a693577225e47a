"""A feed's condition in one word, and what a person should do about it. Pure."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from heliograph.fetch.decide import Policy, Reason
from heliograph.fetch.port import FeedState
from heliograph.fetch.urls import shown

ADVISE_MOVE_AFTER = 3
"""Answers in a row by the same permanent redirect before a person is advised to change the address."""


class Health(StrEnum):
    """What the feed page says of a feed in one word."""

    DISABLED = "disabled"
    NEVER_POLLED = "never-polled"
    GONE = "gone"
    FAILING = "failing"
    STALE = "stale"
    OK = "ok"


def health(state: FeedState, now: datetime, policy: Policy, *, enabled: bool = True) -> Health:
    """Return the feed's condition in one word; `stale` means that it answers well and has long had nothing new."""
    if not enabled:
        return Health.DISABLED
    if state.last_attempt is None:
        return Health.NEVER_POLLED
    if state.consecutive_failures:
        return Health.GONE if state.last_status == 410 else Health.FAILING
    quiet = (now - state.last_new_item).total_seconds() if state.last_new_item else 0.0
    return Health.STALE if quiet > policy.stale_after else Health.OK


def advice(state: FeedState) -> str:
    """Return what a person should do about the feed in one line, or the empty string."""
    if state.redirected_to and state.redirect_times >= ADVISE_MOVE_AFTER:
        times = f"{state.redirect_times} answers in a row"
        return f"moved permanently to {shown(state.redirected_to)} ({times}): change its address"
    if state.last_status == 410:
        return "the server says it is gone for good: look for another address, or remove it"
    if state.last_turnover is not None and state.last_outcome == Reason.TURNED_OVER:
        return "every item was new at the last poll, so some may have been missed: lower fetch.poll_min"
    return ""
