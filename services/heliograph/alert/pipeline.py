"""The line that every alert comes down, on one screen.

A rule lets a candidate by or says why not. Mutes, throttles and digests are rules of this line too: they go between
`story_is_news` and the claim, which the stage makes of what is left.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from heliograph.alert.decide import (
    Facts,
    Matches,
    Policy,
    Rule,
    Skip,
    candidates,
    mark,
    message,
    messages_asked_for,
    not_backfill,
    not_dealt_with,
    policy_holds,
    story_is_news,
)
from heliograph.alert.port import Alert, Delivery
from heliograph.core.event import ArticleFlagged, Envelope

LINE: tuple[Rule, ...] = (
    not_backfill,
    policy_holds,
    not_dealt_with,
    story_is_news,
)


def ids_asked_for(envelope: Envelope, flagged: ArticleFlagged, policies: Sequence[Policy]) -> set[str]:
    """Return the messages that `run` wants to know of: whether they were claimed before."""
    every = candidates(envelope, flagged, policies)
    return {message_id for candidate in every for message_id in messages_asked_for(candidate)}


def run(
    envelope: Envelope,
    flagged: ArticleFlagged,
    *,
    policies: Sequence[Policy],
    known: Mapping[str, Alert],
    matches: Matches,
    now: datetime,
    topic_name: Callable[[str], str] = str,
) -> tuple[list[Delivery], list[Skip]]:
    """Return the deliveries to claim for one flagged article, no two with one id, and why the rest go without.

    `known` holds those of `ids_asked_for` that were claimed before, and may hold others. Deterministic: the same
    arguments give the same answer.
    """
    made: dict[str, Delivery] = {}
    skipped: list[Skip] = []
    before = {message_id: known[message_id] for message_id in ids_asked_for(envelope, flagged, policies) & known.keys()}
    for candidate in candidates(envelope, flagged, policies):
        # Two policies may name one channel: the first that holds speaks, and the second finds the article dealt with.
        facts = Facts({**before, **{message_id: found.alert for message_id, found in made.items()}}, matches)
        reason = next((why for rule in LINE if (why := rule(candidate, facts)) is not None), None)
        if reason is not None:
            skipped.append(Skip(candidate, reason))
            continue
        delivery = message(candidate, facts, now, topic_name(candidate.match.topic))
        made[delivery.id] = delivery
    for match in flagged.matches:
        if (left := mark(envelope, flagged, match, now)) is not None:
            made[left.id] = left
    return list(made.values()), skipped
