from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heliograph.core.article import Article, Story
from heliograph.core.event import ArticleFetched, ArticleFlagged, ArticleMatched, Envelope
from heliograph.errors import LogUnavailable
from heliograph.runtime.stage import Done, Reject
from heliograph.stories.decide import copy_key
from heliograph.stories.stage import StoriesStage
from heliograph.stories.window import Window

WIRE = "Armenia and Azerbaijan have agreed on the route of the Zangezur corridor, officials said on Monday."
OTHER = "Freight traffic through the port of Baku rose by a tenth in October, the customs office reported."


MakeMatched = Callable[..., Envelope]


def make_stage(start: datetime, past: Iterable[Envelope] = ()) -> StoriesStage:
    return StoriesStage(past=lambda: past, clock=lambda: start)


def flagged(stage: StoriesStage, *events: Envelope) -> list[Envelope]:
    found: list[Envelope] = []
    for outcome in stage.handle(events):
        assert isinstance(outcome, Done)
        found.extend(outcome.events)
    return found


def story_of(envelope: Envelope) -> Story:
    assert isinstance(envelope.data, ArticleFlagged)
    return envelope.data.story


def article_of(envelope: Envelope) -> Article:
    assert isinstance(envelope.data, ArticleMatched)
    return envelope.data.article


def stories(stage: StoriesStage, *events: Envelope) -> list[Story]:
    return [story_of(envelope) for envelope in flagged(stage, *events)]


def test_copies_by_other_outlets_join_the_story_of_the_first(matched: MakeMatched, start: datetime) -> None:
    first, second, third = stories(
        make_stage(start),
        matched("a", WIRE, source="civilnet"),
        matched("b", WIRE.upper(), source="panorama", title="Another headline", hours=2),
        matched("c", f"  {WIRE} ", source="civilnet", hours=3),
    )
    assert first.id == second.id == third.id
    assert (first.first, second.first, third.first) == (True, False, False)
    assert (first.copies, second.copies, third.copies) == (1, 2, 3)
    assert third.outlets == ("civilnet", "panorama")


def test_different_texts_are_different_stories(matched: MakeMatched, start: datetime) -> None:
    first, second = stories(make_stage(start), matched("a", WIRE), matched("b", OTHER))
    assert first.id != second.id
    assert second.first


@pytest.mark.parametrize("text", ["Developing story.", ""])
def test_a_short_text_needs_the_title_to_make_a_copy(matched: MakeMatched, start: datetime, text: str) -> None:
    first, second, third = stories(
        make_stage(start),
        matched("a", text, title="Corridor opened"),
        matched("b", text, title="Port closed"),
        matched("c", text, title="CORRIDOR opened"),
    )
    assert first.id != second.id
    assert third.id == first.id


def test_handling_an_event_again_changes_nothing(matched: MakeMatched, start: datetime) -> None:
    events = [matched("a", WIRE), matched("b", WIRE), matched("c", WIRE)]
    stage = make_stage(start)
    once = flagged(stage, *events)
    assert flagged(stage, *events) == once
    assert flagged(stage, events[1]) == [once[1]]
    [fourth] = stories(stage, matched("d", WIRE))
    assert fourth.copies == 4


def test_a_revision_stays_in_its_story_even_when_its_text_changed(matched: MakeMatched, start: datetime) -> None:
    stage = make_stage(start)
    first, copy = stories(stage, matched("a", WIRE), matched("b", WIRE))
    revised, revised_copy = stories(
        stage, matched("a", OTHER, hours=1), matched("b", f"{OTHER} More follows.", hours=1)
    )
    assert revised.id == revised_copy.id == first.id
    assert revised.first
    assert not revised_copy.first
    assert revised.copies == revised_copy.copies == copy.copies == 2
    # Copies of the revised text are copies of this story.
    [late] = stories(stage, matched("c", OTHER, hours=2))
    assert (late.id, late.copies) == (first.id, 3)


def test_a_revision_that_says_what_another_story_says_joins_their_later_copies(
    matched: MakeMatched, start: datetime
) -> None:
    stage = make_stage(start)
    first, other = stories(stage, matched("a", WIRE), matched("b", OTHER))
    stories(stage, matched("a", OTHER, hours=1))
    [copy] = stories(stage, matched("c", OTHER, hours=2))
    assert copy.id == first.id != other.id


def test_a_story_ends_96_hours_after_its_last_copy(matched: MakeMatched, start: datetime) -> None:
    stage = make_stage(start)
    first, second, third, fourth = stories(
        stage,
        matched("a", WIRE),
        matched("b", WIRE, hours=90),
        matched("c", WIRE, hours=186),
        matched("d", WIRE, hours=282.5),
    )
    assert first.id == second.id == third.id
    assert fourth.id != first.id
    assert fourth.first


def test_the_window_is_bounded(matched: MakeMatched, start: datetime) -> None:
    window = Window(limit=100)
    stage = StoriesStage(past=tuple, clock=lambda: start, make_window=lambda: window)
    stories(stage, *(matched(f"a{n}", f"{WIRE} {n}", hours=n / 1000) for n in range(1000)))
    assert len(window) == 100
    stories(stage, matched("late", OTHER, hours=200))
    assert len(window) == 1


def test_backfill_is_handed_on_and_a_live_copy_of_it_is_not_first(matched: MakeMatched, start: datetime) -> None:
    old, new = flagged(make_stage(start), matched("a", WIRE, backfill=True), matched("b", WIRE, hours=1))
    assert old.backfill
    assert not new.backfill
    assert story_of(old).first
    assert not story_of(new).first
    assert story_of(new).id == story_of(old).id


def test_the_flagged_event_carries_trace_ingest_time_and_a_stable_id(matched: MakeMatched, start: datetime) -> None:
    event = matched("a", WIRE, hours=5)
    [found] = flagged(make_stage(start), event)
    [again] = flagged(make_stage(start + timedelta(days=1)), event)
    assert (found.trace, found.ingested, found.origin) == (event.trace, event.ingested, "stories")
    assert found.id == again.id
    assert found.time == start
    assert isinstance(found.data, ArticleFlagged)
    assert isinstance(event.data, ArticleMatched)
    assert found.data.matches == event.data.matches


def test_the_log_being_away_at_start_is_told_and_then_overcome(matched: MakeMatched, start: datetime) -> None:
    calls: list[int] = []

    def past() -> list[Envelope]:
        calls.append(1)
        if len(calls) == 1:
            raise LogUnavailable("broker away")
        return flagged(make_stage(start), matched("a", WIRE))

    stage = StoriesStage(past=past, clock=lambda: start)
    with pytest.raises(LogUnavailable):
        stage.handle([matched("b", WIRE)])
    [story] = stories(stage, matched("b", WIRE))
    assert (story.first, story.copies) == (False, 2)


def test_an_event_of_another_type_is_rejected_with_its_name(matched: MakeMatched, start: datetime) -> None:
    event = matched("a", WIRE)
    other = Envelope(id="x", time=start, trace="t", data=ArticleFetched(article=article_of(event)))
    [outcome] = make_stage(start).handle([other])
    assert isinstance(outcome, Reject)
    assert "ArticleFetched" in outcome.cause


EVENTS = st.lists(
    st.tuples(
        st.sampled_from("abcdef"),
        st.sampled_from([WIRE, OTHER, "Short.", f"{WIRE} {OTHER}"]),
        st.sampled_from(["civilnet", "panorama", "azertac"]),
        st.sampled_from([0.0, 0.5, 20.0, 50.0, 100.0]),
    ),
    max_size=25,
)


@settings(deadline=None, max_examples=400)
@given(drawn=EVENTS, cut=st.integers(0, 25))
def test_a_window_rebuilt_from_the_log_gives_the_same_stories(
    matched: MakeMatched, start: datetime, drawn: list[tuple[str, str, str, float]], cut: int
) -> None:
    hours = 0.0
    events: list[Envelope] = []
    for name, text, source, step in drawn:
        hours += step
        events.append(matched(name, text, source=source, hours=hours))
    whole = flagged(make_stage(start), *events)
    before = flagged(make_stage(start), *events[:cut])
    # Only what the log still holds of the last window is given back, as after a trim.
    newest = max((event.ingested or start for event in events[:cut]), default=start)
    kept = [event for event in before if (event.ingested or start) >= newest - timedelta(hours=96)]
    after = flagged(make_stage(start, kept), *events[cut:])
    assert before + after == whole
    assert all(isinstance(event.data, ArticleFlagged) for event in whole)


@given(st.text(max_size=60), st.text(max_size=60))
def test_the_key_depends_on_the_folded_text_alone(matched: MakeMatched, title: str, text: str) -> None:
    event = article_of(matched("a", text, title=title or "t"))
    upper = article_of(matched("b", f"{text} ", title=title or "t"))
    assert copy_key(event) == copy_key(upper)


def test_the_article_that_opened_a_story_is_its_first_whenever_it_comes_back(
    matched: MakeMatched, start: datetime
) -> None:
    stage = make_stage(start)
    first, copy = stories(stage, matched("a", WIRE), matched("b", WIRE, hours=60))
    [back] = stories(stage, matched("a", OTHER, hours=110))
    assert (back.id, back.first, back.copies) == (first.id, True, copy.copies)
