"""Pure decisions: what in a document is new, whether it is a first import, when to ask again, and why.

A feed is never given up: every failure, 404 and 410 included, only makes the next try later, up to `poll_max`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from heliograph.fetch.port import FeedState


class Reason(StrEnum):
    """Why the next poll is when it is."""

    BASELINE = "first-import"
    NEW = "new-items"
    TURNED_OVER = "window-turned-over"
    CHANGED = "changed-items"
    NO_NEWS = "no-new-items"
    NOT_MODIFIED = "not-modified"
    SAME_BODY = "same-body"
    ASKED_TO_WAIT = "asked-to-wait"
    NOT_FOUND = "not-found"
    GONE = "gone"
    BACKING_OFF = "backing-off"


@dataclass(frozen=True, slots=True)
class Policy:
    """How often to ask. Seconds."""

    poll_min: float = 120.0
    poll_max: float = 86_400.0
    freshness_cap: float = 1_800.0
    """A server's max-age is honoured up to this; much news is served with an hour or a day by default."""
    retry_after_cap: float = 86_400.0
    quiet_share: float = 12.0
    """A feed without news for a time T is asked about every T / quiet_share."""
    stale_after: float = 30 * 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a usable answer said, whatever came of it."""

    status: int = 200
    etag: str = ""
    last_modified: str = ""
    fresh_for: float = 0.0
    permanent_url: str = ""


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The document is the one we have: by a 304, or (`same_body`) by the hash of its bytes, whatever its ETag says."""

    answer: Answer
    same_body: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """The document was parsed; counts of its items against what is remembered."""

    answer: Answer
    body_hash: str
    new: int
    changed: int
    total: int
    newest: datetime | None = None
    """Latest `published` of the items, where any states one."""


@dataclass(frozen=True, slots=True)
class Failed:
    """No usable answer; `reason` is a slug such as `timeout` or `http-404`."""

    reason: str
    message: str
    retry_after: float | None = None
    bad_body_hash: str = ""
    """Of the body that was no feed, where that was it."""


Outcome = Unchanged | Imported | Failed


@dataclass(frozen=True, slots=True)
class Decision:
    """The feed's new state and why its `next_poll` is what it is."""

    state: FeedState
    reason: Reason
    hold_host: datetime | None = None
    """Set where the whole host asked for a pause (429): its other feeds wait as well."""


@dataclass(frozen=True, slots=True)
class Classified:
    """Indexes into the document's items; an id listed twice counts at its first place only."""

    new: tuple[int, ...]
    changed: tuple[int, ...]
    unchanged: tuple[int, ...]


def next_poll(state: FeedState, outcome: Outcome, now: datetime, policy: Policy, jitter: float) -> Decision:
    """Return the state after a poll that ended at `now` (aware, UTC). `jitter` is a random number from 0 to 1."""
    state = replace(state, last_attempt=now, polls=state.polls + 1)
    if isinstance(outcome, Failed):
        return _failed(state, outcome, now, policy, jitter)
    if isinstance(outcome, Unchanged):
        reason = Reason.SAME_BODY if outcome.same_body else Reason.NOT_MODIFIED
        state = replace(state, interval=_quiet_interval(state, now, policy), unchanged=state.unchanged + 1)
    else:
        state, reason = _imported(state, outcome, now, policy)
    answer = outcome.answer
    moved = answer.permanent_url
    state = replace(
        state,
        # A 304 need not repeat its validators (RFC 9110, 15.4.5): the ones we sent stay true.
        etag=answer.etag or (state.etag if answer.status == 304 else ""),
        last_modified=answer.last_modified or (state.last_modified if answer.status == 304 else ""),
        last_success=now,
        last_status=answer.status,
        last_outcome=reason.value,
        last_error="",
        consecutive_failures=0,
        redirected_to=moved,
        redirect_times=(state.redirect_times + 1 if moved == state.redirected_to else 1) if moved else 0,
    )
    wait = max(state.interval, min(answer.fresh_for, policy.freshness_cap)) * (0.9 + 0.2 * jitter)
    return Decision(_due_in(state, now, _clamp(wait, policy)), reason)


def _imported(state: FeedState, outcome: Imported, now: datetime, policy: Policy) -> tuple[FeedState, Reason]:
    baseline = is_baseline(state)
    turned_over = window_turned_over(state, outcome)
    interval = max(state.interval, policy.poll_min)
    if baseline:
        last_new = min(outcome.newest or now, now)
        state = replace(state, last_new_item=last_new)
        reason, interval = Reason.BASELINE, _quiet_interval(state, now, policy)
    elif turned_over:
        reason, interval = Reason.TURNED_OVER, policy.poll_min
    elif outcome.new:
        reason, interval = Reason.NEW, interval / (1 + outcome.new)
    elif outcome.changed:
        reason = Reason.CHANGED
    else:
        reason, interval = Reason.NO_NEWS, _quiet_interval(state, now, policy)
    state = replace(
        state,
        interval=_clamp(interval, policy),
        body_hash=outcome.body_hash,
        bad_body_hash="",
        first_import_done=True,
        last_new_item=now if outcome.new and not baseline else state.last_new_item,
        items_seen=state.items_seen + outcome.new,
        window=outcome.total,
        window_turned_over=state.window_turned_over + turned_over,
        last_turnover=now if turned_over else state.last_turnover,
    )
    return state, reason


def _failed(state: FeedState, outcome: Failed, now: datetime, policy: Policy, jitter: float) -> Decision:
    failures = state.consecutive_failures + 1
    status = status_of(outcome.reason)
    steps = min(failures, 40)
    hold = None
    if outcome.retry_after:
        reason = Reason.ASKED_TO_WAIT
        # Never earlier than asked for: the jitter only adds.
        wait = max(policy.poll_min, min(outcome.retry_after, policy.retry_after_cap)) * (1 + 0.1 * jitter)
    elif status == 410:
        reason, wait = Reason.GONE, policy.poll_max * (0.9 + 0.1 * jitter)
    elif status == 404:
        reason, wait = Reason.NOT_FOUND, min(policy.poll_max, policy.poll_min * 4.0**steps) * (0.5 + 0.5 * jitter)
    else:
        reason, wait = Reason.BACKING_OFF, min(policy.poll_max, policy.poll_min * 2.0**steps) * (0.5 + 0.5 * jitter)
    wait = min(max(wait, policy.poll_min), max(policy.poll_max, policy.retry_after_cap))
    if status == 429:
        hold = now + timedelta(seconds=wait)
    if outcome.bad_body_hash:
        # Validators of a body that could not be used would turn the failure into a quiet 304.
        state = replace(state, etag="", last_modified="", body_hash="", bad_body_hash=outcome.bad_body_hash)
    state = replace(
        state,
        consecutive_failures=failures,
        last_status=200 if outcome.bad_body_hash else status,
        last_outcome=outcome.reason,
        last_error=outcome.message,
    )
    return Decision(_due_in(state, now, wait), reason, hold)


def classify(items: Sequence[tuple[str, str]], known: Mapping[str, str]) -> Classified:
    """Sort a document's (article id, revision) pairs by what is remembered of the feed's items."""
    places: dict[str, list[int]] = {"new": [], "changed": [], "unchanged": []}
    met: set[str] = set()
    for index, (article, revision) in enumerate(items):
        if article in met:
            continue
        met.add(article)
        before = known.get(article)
        places["new" if before is None else "unchanged" if before == revision else "changed"].append(index)
    return Classified(tuple(places["new"]), tuple(places["changed"]), tuple(places["unchanged"]))


def is_baseline(state: FeedState) -> bool:
    """Tell whether the next import is the feed's first: its items are back-fill, indexed and never alerted."""
    return not state.first_import_done


def window_turned_over(state: FeedState, outcome: Imported) -> bool:
    """Tell whether every item of the document is new although there was a window before: some may have been missed."""
    return state.first_import_done and state.window > 0 and outcome.total > 0 and outcome.new == outcome.total


def due(state: FeedState, now: datetime, policy: Policy) -> datetime:
    """Return when the feed is to be polled.

    A state from the future (the clock has gone back) is due now, and no feed is due later than the longest wait that
    can have been decided.
    """
    if state.next_poll is None or (state.last_attempt is not None and state.last_attempt > now):
        return now
    longest = timedelta(seconds=max(policy.poll_max, policy.retry_after_cap) * 1.1)
    return min(state.next_poll, now + longest)


def without_validators(state: FeedState) -> FeedState:
    """Return the state for a feed whose address has changed: what was said of the old document no longer counts."""
    return replace(
        state,
        etag="",
        last_modified="",
        body_hash="",
        bad_body_hash="",
        redirected_to="",
        redirect_times=0,
        next_poll=None,
        consecutive_failures=0,
    )


def status_of(reason: str) -> int:
    """Return the HTTP status that an error's slug such as `http-404` names, else 0."""
    prefix, _, number = reason.partition("-")
    return int(number) if prefix == "http" and number.isdigit() else 0


def _quiet_interval(state: FeedState, now: datetime, policy: Policy) -> float:
    quiet = max(0.0, (now - state.last_new_item).total_seconds()) if state.last_new_item else 0.0
    return _clamp(max(state.interval, quiet / policy.quiet_share), policy)


def _clamp(seconds: float, policy: Policy) -> float:
    return min(max(seconds, policy.poll_min), policy.poll_max)


def _due_in(state: FeedState, now: datetime, seconds: float) -> FeedState:
    return replace(state, next_poll=now + timedelta(seconds=seconds))
