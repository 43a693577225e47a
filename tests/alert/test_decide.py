from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heliograph.alert import pipeline
from heliograph.alert.decide import Matches, Policy, Reason, Skip
from heliograph.alert.history_memory import MemoryHistory
from heliograph.alert.port import CREATED, UPDATED, Alert, AlertStore, Delivery, Find, Status
from heliograph.core.event import ArticleFlagged, Envelope
from heliograph.core.ids import alert_id
from heliograph.query.tree import All, Is

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
MakeFlagged = Callable[..., Envelope]

EVERYTHING = Policy(name="everything", query="*", node=All(), channels=("desk",))
WITH_UPDATES = Policy(name="everything", query="*", node=All(), channels=("desk",), updates=True)


def only(field: str, value: str, *channels: str) -> Policy:
    return Policy(name=f"only-{value}", query=f"{field}: {value}", node=Is(field, value), channels=channels)


class Room:
    """Decides and claims, one article after another."""

    def __init__(self, matches: Matches, *policies: Policy) -> None:
        self.store: AlertStore = MemoryHistory()
        self.policies = policies or (EVERYTHING,)
        self.matches = matches

    def hand_in(self, envelope: Envelope) -> tuple[list[Delivery], list[Skip]]:
        assert isinstance(envelope.data, ArticleFlagged)
        made, skipped = pipeline.run(
            envelope,
            envelope.data,
            policies=self.policies,
            known=self.store.known(pipeline.ids_asked_for(envelope, envelope.data, self.policies)),
            matches=self.matches,
            now=NOW,
            topic_name={"corridors": "Transport corridors"}.get,  # type: ignore[arg-type]  # every topic here has a name
        )
        self.store.claim(made)
        return made, skipped

    def reasons(self, envelope: Envelope) -> list[str]:
        made, skipped = self.hand_in(envelope)
        return [delivery.alert.reason for delivery in made] + [skip.reason.value for skip in skipped]


@pytest.fixture
def room(matches: Matches) -> Callable[..., Room]:
    return lambda *policies: Room(matches, *policies)


def test_the_first_article_of_a_story_alerts_each_channel_of_a_policy_that_holds(
    room: Callable[..., Room], flagged: MakeFlagged
) -> None:
    policy = Policy(name="everything", query="*", node=All(), channels=("desk", "phone"))
    made, skipped = room(policy).hand_in(flagged("a"))
    assert [delivery.alert.channel for delivery in made] == ["desk", "phone"]
    assert not skipped
    alert = made[0].alert
    assert alert.id == alert.message == alert_id("corridors", "s1", "desk")
    assert (alert.kind, alert.reason, alert.policy) == (CREATED, "new-story", "everything")
    assert (alert.topic, alert.topic_name, alert.severity) == ("corridors", "Transport corridors", "high")
    assert (alert.title, alert.url, alert.source) == ("Title of a", "https://example.org/a", "outlet-a")
    assert (made[0].status, made[0].due, alert.created) == (Status.PENDING, NOW, NOW)
    assert alert.evidence[0].text == "Zangezur corridor"


def test_backfill_never_alerts(room: Callable[..., Room], flagged: MakeFlagged) -> None:
    made, skipped = room().hand_in(flagged("a", backfill=True))
    assert [(delivery.status, delivery.due) for delivery in made] == [(Status.MUTED, None)]
    assert [skip.reason for skip in skipped] == [Reason.BACKFILL]


def test_a_live_copy_of_a_backfilled_story_is_no_news_and_says_so(
    room: Callable[..., Room], flagged: MakeFlagged
) -> None:
    here = room(EVERYTHING, only("topic", "corridors", "phone"))
    here.hand_in(flagged("a", backfill=True))
    assert here.reasons(flagged("b", copies=2)) == ["story-known-by-backfill"] * 2
    assert here.store.find(Find()).total == 0


def test_backfill_of_a_story_that_was_live_first_hides_nothing(room: Callable[..., Room], flagged: MakeFlagged) -> None:
    here = room(only("source", "outlet-c", "desk"))
    assert here.reasons(flagged("a")) == ["policy-does-not-hold"]
    assert here.reasons(flagged("b", copies=2, backfill=True)) == ["backfill"]
    assert here.reasons(flagged("c", copies=3)) == ["new-to-channel"]


def test_another_topic_of_a_backfilled_story_is_still_news(room: Callable[..., Room], flagged: MakeFlagged) -> None:
    here = room()
    here.hand_in(flagged("a", backfill=True))
    assert here.reasons(flagged("b", copies=2, topics=("corridors", "iran"))) == [
        "new-to-channel",
        "story-known-by-backfill",
    ]


def test_the_same_article_again_or_revised_alerts_once(room: Callable[..., Room], flagged: MakeFlagged) -> None:
    here = room()
    assert here.reasons(flagged("a")) == ["new-story"]
    assert here.reasons(flagged("a")) == ["same-article"]
    assert here.reasons(flagged("a", title="Corrected title")) == ["same-article"]
    assert here.reasons(flagged("b", copies=2)) == ["updates-off"]
    assert here.reasons(flagged("b", copies=2, title="Corrected title")) == ["same-article"]


def test_a_late_copy_is_counted_and_sent_only_where_updates_are_on(
    room: Callable[..., Room], flagged: MakeFlagged
) -> None:
    quiet, loud = room(EVERYTHING), room(WITH_UPDATES)
    for here in (quiet, loud):
        here.hand_in(flagged("a"))
    [counted], _ = quiet.hand_in(flagged("b", copies=2))
    [sent], _ = loud.hand_in(flagged("b", copies=2))
    assert (counted.status, counted.due, counted.alert.reason) == (Status.MUTED, None, "updates-off")
    assert (sent.status, sent.due, sent.alert.reason) == (Status.PENDING, NOW, "more-copies")
    first = alert_id("corridors", "s1", "desk")
    for here, delivery in ((quiet, counted), (loud, sent)):
        assert delivery.alert.kind == UPDATED
        assert delivery.alert.id == first != delivery.alert.message
        original = here.store.get(first)
        assert original is not None
        assert (original.copies, original.outlets) == (2, ("outlet-0", "outlet-1"))


def test_policies_see_one_topic_at_a_time(room: Callable[..., Room], flagged: MakeFlagged) -> None:
    here = room(only("topic", "iran", "desk"), only("topic", "corridors", "phone"))
    made, skipped = here.hand_in(flagged("a", topics=("corridors", "iran")))
    assert {(delivery.alert.topic, delivery.alert.channel) for delivery in made} == {
        ("corridors", "phone"),
        ("iran", "desk"),
    }
    assert [skip.reason for skip in skipped] == [Reason.POLICY] * 2


def test_two_policies_of_one_channel_make_one_alert(room: Callable[..., Room], flagged: MakeFlagged) -> None:
    made, skipped = room(only("country", "am", "desk"), EVERYTHING).hand_in(flagged("a"))
    assert [delivery.alert.policy for delivery in made] == ["only-am"]
    assert [skip.reason for skip in skipped] == [Reason.SAME_ARTICLE]


def test_a_story_whose_first_article_the_policy_left_out_alerts_at_a_later_copy(
    room: Callable[..., Room], flagged: MakeFlagged
) -> None:
    here = room(only("source", "outlet-b", "desk"))
    assert here.reasons(flagged("a")) == ["policy-does-not-hold"]
    assert here.reasons(flagged("b", copies=2)) == ["new-to-channel"]


POLICIES = st.lists(
    st.builds(
        Policy,
        name=st.sampled_from(["p", "q"]),
        query=st.just(""),
        node=st.one_of(st.just(All()), st.sampled_from(["corridors", "iran"]).map(lambda topic: Is("topic", topic))),
        channels=st.lists(st.sampled_from(["desk", "phone", "mail"]), max_size=3).map(tuple),
        updates=st.booleans(),
    ),
    max_size=4,
)
ARTICLES = st.lists(
    st.tuples(
        st.sampled_from("abcdef"),
        st.sampled_from(["s1", "s2"]),
        st.integers(1, 4),
        st.lists(st.sampled_from(["corridors", "iran"]), min_size=1, max_size=2, unique=True).map(tuple),
        st.booleans(),
    ),
    max_size=12,
)


@settings(deadline=None, max_examples=200)
@given(policies=POLICIES, articles=ARTICLES)
def test_deciding_is_deterministic_and_never_makes_two_messages_of_one_id(
    matches: Matches,
    flagged: MakeFlagged,
    policies: Sequence[Policy],
    articles: Sequence[tuple[str, str, int, tuple[str, ...], bool]],
) -> None:
    first, second = Room(matches, *policies), Room(matches, *policies)
    first.policies = second.policies = tuple(policies)
    sent: dict[str, Alert] = {}
    for name, story, copies, topics, backfill in articles:
        envelope = flagged(name, story, copies, topics=topics, backfill=backfill)
        made, skipped = first.hand_in(envelope)
        assert (made, skipped) == second.hand_in(envelope)
        messages = [delivery.id for delivery in made]
        assert len(messages) == len(set(messages))
        for delivery in made:
            if delivery.status is not Status.PENDING:
                continue
            assert not backfill
            assert delivery.id not in sent
            sent[delivery.id] = delivery.alert
        again, _ = first.hand_in(envelope)
        assert not [delivery for delivery in again if delivery.status is Status.PENDING]
    created = [(alert.topic, alert.story, alert.channel) for alert in sent.values() if alert.kind == CREATED]
    assert len(created) == len(set(created))
