"""Who is told what: from a flagged article to alerts, each with its reason. Pure.

A candidate is one article, one of its topics, one policy and one channel. It passes a line of small rules (see
`pipeline`), each of which lets it by or says why not; what is left becomes one message.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from heliograph.alert.port import CREATED, UPDATED, Alert, Delivery, Status
from heliograph.core.article import Document, Match, Story
from heliograph.core.event import ArticleFlagged, Envelope
from heliograph.core.ids import alert_id, stable_id
from heliograph.query.tree import Node

Matches = Callable[[Node, Document], bool]
"""Whether a query holds for a document; `query.match` behind it."""


class Reason(StrEnum):
    """Why a message is made, or why none is."""

    NEW_STORY = "new-story"
    """The article opened the story."""
    NEW_HERE = "new-to-channel"
    """The story is older, but nothing of this topic's view of it has reached the channel."""
    MORE_COPIES = "more-copies"
    """The channel was alerted to the story, and here is another copy."""
    BACKFILL = "backfill"
    """First import or replay: searched, never alerted."""
    KNOWN_BY_BACKFILL = "story-known-by-backfill"
    """The story's first article was back-fill, so this copy is no news."""
    POLICY = "policy-does-not-hold"
    SAME_ARTICLE = "same-article"
    """This very article has been dealt with: the event came again, or the article was revised."""
    UPDATES_OFF = "updates-off"
    """Another copy, for a policy that does not send updates: counted only."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Which alerts go to which channels. The query is asked about one topic at a time: see `Candidate.document`."""

    name: str
    query: str
    node: Node
    channels: tuple[str, ...]
    updates: bool = False
    """Send `alert.updated` when copies follow; otherwise they are only counted."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One article for one topic, policy and channel."""

    article: ArticleFlagged
    backfill: bool
    match: Match
    policy: Policy
    channel: str

    @property
    def story(self) -> Story:
        return self.article.story

    @property
    def document(self) -> Document:
        """The article with this topic's match alone: `topic: a` must not let the alert of topic b through."""
        return Document(article=self.article.article, matches=(self.match,), story=self.article.story)

    @property
    def alert(self) -> str:
        """Id of the one alert that the channel gets of this story and topic."""
        return alert_id(self.match.topic, self.story.id, self.channel)

    @property
    def update(self) -> str:
        """Id of the message that this article adds to the alert; the same for every revision of the article."""
        return stable_id("alert.update", self.alert, self.article.article.id)

    @property
    def mark(self) -> str:
        """Id of the mark that says that back-fill brought the story, in every channel."""
        return alert_id(self.match.topic, self.story.id, "")


@dataclass(frozen=True, slots=True)
class Skip:
    """No message for this candidate, and why."""

    candidate: Candidate
    reason: Reason


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a rule may know besides the candidate."""

    known: Mapping[str, Alert]
    """Messages claimed before, by id, out of those that `messages_asked_for` names."""
    matches: Matches


Rule = Callable[[Candidate, Facts], Reason | None]
"""None lets the candidate by."""


def candidates(envelope: Envelope, flagged: ArticleFlagged, policies: Sequence[Policy]) -> Iterator[Candidate]:
    """Yield every combination of topic, policy and channel, policies in the order of the settings."""
    for match in flagged.matches:
        for policy in policies:
            for channel in policy.channels:
                yield Candidate(flagged, envelope.backfill, match, policy, channel)


def messages_asked_for(candidate: Candidate) -> tuple[str, str, str]:
    """Return the messages that the rules want to know of."""
    return candidate.alert, candidate.update, candidate.mark


def not_backfill(candidate: Candidate, _facts: Facts) -> Reason | None:
    """Back-fill is never alerted."""
    return Reason.BACKFILL if candidate.backfill else None


def policy_holds(candidate: Candidate, facts: Facts) -> Reason | None:
    """The policy's query holds for the article as this topic sees it."""
    return None if facts.matches(candidate.policy.node, candidate.document) else Reason.POLICY


def not_dealt_with(candidate: Candidate, facts: Facts) -> Reason | None:
    """The channel has not been told of this very article."""
    alerted = facts.known.get(candidate.alert)
    if alerted is not None and alerted.article == candidate.article.article.id:
        return Reason.SAME_ARTICLE
    return Reason.SAME_ARTICLE if candidate.update in facts.known else None


def story_is_news(candidate: Candidate, facts: Facts) -> Reason | None:
    """Back-fill did not bring the story, or the channel was alerted to it all the same."""
    if candidate.alert in facts.known or candidate.mark not in facts.known:
        return None
    return Reason.KNOWN_BY_BACKFILL


def message(candidate: Candidate, facts: Facts, now: datetime, topic_name: str = "") -> Delivery:
    """Return what becomes of a candidate that passed every rule: an alert, an update to send, or one only to count."""
    if candidate.alert not in facts.known:
        reason = Reason.NEW_STORY if candidate.story.first else Reason.NEW_HERE
        return _delivery(candidate, candidate.alert, CREATED, reason, now, topic_name)
    reason = Reason.MORE_COPIES if candidate.policy.updates else Reason.UPDATES_OFF
    return _delivery(candidate, candidate.update, UPDATED, reason, now, topic_name)


def mark(envelope: Envelope, flagged: ArticleFlagged, match: Match, now: datetime) -> Delivery | None:
    """Return the mark that a story leaves whose first article is back-fill: later copies of it are no news."""
    if not (envelope.backfill and flagged.story.first):
        return None
    nowhere = Candidate(flagged, backfill=True, match=match, policy=_NO_POLICY, channel="")
    return _delivery(nowhere, nowhere.mark, CREATED, Reason.BACKFILL, now, "")


def _delivery(
    candidate: Candidate, message_id: str, kind: str, reason: Reason, now: datetime, topic_name: str
) -> Delivery:
    article, match, story = candidate.article.article, candidate.match, candidate.story
    alert = Alert(
        id=candidate.alert,
        message=message_id,
        kind=kind,
        topic=match.topic,
        topic_name=topic_name,
        severity=match.severity,
        story=story.id,
        channel=candidate.channel,
        policy=candidate.policy.name,
        article=article.id,
        title=article.title,
        url=article.url or article.link,
        source=article.source,
        source_title=article.source_title,
        country=article.country,
        language=article.language,
        published=article.published,
        evidence=match.evidence,
        copies=story.copies,
        outlets=story.outlets,
        reason=reason.value,
        created=now,
    )
    sent = reason in (Reason.NEW_STORY, Reason.NEW_HERE, Reason.MORE_COPIES)
    return Delivery(
        alert=alert,
        status=Status.PENDING if sent else Status.MUTED,
        due=now if sent else None,
        copies=story.copies,
        outlets=story.outlets,
    )


_NO_POLICY = Policy(name="", query="", node=None, channels=())  # type: ignore[arg-type]  # a mark asks no query
