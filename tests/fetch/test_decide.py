"""When a feed is asked again, what is new in it, and that it is never given up."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliograph.fetch.decide import (
    Answer,
    Decision,
    Failed,
    Imported,
    Outcome,
    Policy,
    Reason,
    Unchanged,
    classify,
    due,
    next_poll,
    without_validators,
)
from heliograph.fetch.health import Health, advice, health
from heliograph.fetch.port import FeedState

NOW = datetime(2026, 1, 17, 12, tzinfo=UTC)
POLICY = Policy()
FRESH = FeedState(feed="f")


def imported(new: int, total: int = 20, changed: int = 0, *, answer: Answer | None = None, **more: object) -> Imported:
    return Imported(
        answer=answer or Answer(),
        body_hash="h",
        new=new,
        changed=changed,
        total=total,
        newest=more.get("newest"),  # type: ignore[arg-type] # one optional field
    )


def decided(state: FeedState, outcome: Outcome, now: datetime = NOW, jitter: float = 0.5) -> Decision:
    return next_poll(state, outcome, now, POLICY, jitter)


def wait(decision: Decision, now: datetime = NOW) -> float:
    assert decision.state.next_poll is not None
    return (decision.state.next_poll - now).total_seconds()


@pytest.fixture
def settled() -> FeedState:
    """A feed that has been imported and had news an hour ago."""
    return replace(
        FRESH,
        first_import_done=True,
        interval=960.0,
        window=20,
        etag='"a"',
        last_modified="Sat, 17 Jan 2026 10:00:00 GMT",
        body_hash="h0",
        last_attempt=NOW - timedelta(minutes=16),
        last_success=NOW - timedelta(minutes=16),
        last_new_item=NOW - timedelta(hours=1),
    )


def test_the_first_import_is_the_baseline_and_only_the_first() -> None:
    first = decided(FRESH, imported(20))
    assert first.reason is Reason.BASELINE
    assert first.state.first_import_done
    assert decided(first.state, imported(1)).reason is Reason.NEW


def test_an_empty_first_import_is_the_baseline_too_so_that_the_first_real_item_is_news() -> None:
    first = decided(FRESH, imported(0, total=0))
    assert first.state.first_import_done
    assert decided(first.state, imported(1, total=1)).reason is Reason.NEW


def test_a_failure_before_the_first_import_leaves_the_baseline_to_come() -> None:
    failed = decided(FRESH, Failed("timeout", "…"))
    assert decided(failed.state, imported(20)).reason is Reason.BASELINE


def test_a_long_quiet_feed_starts_slow_and_a_lively_one_fast() -> None:
    quiet = decided(FRESH, imported(20, newest=NOW - timedelta(days=2)))
    lively = decided(FRESH, imported(20, newest=NOW - timedelta(minutes=3)))
    assert wait(quiet) == pytest.approx(2 * 86_400 / 12)
    assert wait(lively) == POLICY.poll_min


def test_one_new_item_halves_the_interval_and_many_bring_it_down_to_the_floor(settled: FeedState) -> None:
    assert wait(decided(settled, imported(1))) == 480
    assert wait(decided(settled, imported(12))) == POLICY.poll_min


def test_a_feed_without_news_is_asked_less_and_less_but_within_the_longest_wait(settled: FeedState) -> None:
    state, now, waits = settled, NOW, []
    for _ in range(100):
        decision = decided(state, Unchanged(Answer(status=304)), now)
        state = decision.state
        assert state.next_poll is not None
        waits.append(wait(decision, now))
        now = state.next_poll
    assert waits == sorted(waits)
    assert waits[-1] == POLICY.poll_max


def test_a_304_keeps_validators_and_items_and_moves_the_next_poll(settled: FeedState) -> None:
    decision = decided(settled, Unchanged(Answer(status=304)))
    assert decision.reason is Reason.NOT_MODIFIED
    assert (decision.state.etag, decision.state.last_modified) == (settled.etag, settled.last_modified)
    assert decision.state.window == 20
    assert decision.state.body_hash == "h0"
    assert decision.state.unchanged == settled.unchanged + 1
    assert decision.state.last_success == NOW


def test_the_same_bytes_under_another_etag_are_unchanged_and_the_etag_is_taken_over(settled: FeedState) -> None:
    decision = decided(settled, Unchanged(Answer(etag='"b"'), same_body=True))
    assert decision.reason is Reason.SAME_BODY
    assert decision.state.etag == '"b"'
    assert decision.state.last_modified == ""


def test_a_window_without_any_known_item_says_that_some_may_be_missing(settled: FeedState) -> None:
    decision = decided(settled, imported(20, total=20))
    assert decision.reason is Reason.TURNED_OVER
    assert wait(decision) == POLICY.poll_min
    assert decision.state.window_turned_over == 1
    assert "may have been missed" in advice(decision.state)
    assert decided(settled, imported(19, total=20)).reason is Reason.NEW


def test_changed_items_alone_leave_the_pace_as_it_is(settled: FeedState) -> None:
    decision = decided(settled, imported(0, changed=2))
    assert decision.reason is Reason.CHANGED
    assert decision.state.interval == settled.interval


def test_freshness_is_honoured_up_to_half_an_hour(settled: FeedState) -> None:
    assert wait(decided(settled, imported(12, answer=Answer(fresh_for=600)))) == 600
    assert wait(decided(settled, imported(12, answer=Answer(fresh_for=86_400)))) == 1_800


def test_failures_back_off_up_to_the_longest_wait_and_never_stop(settled: FeedState) -> None:
    state, now, waits = settled, NOW, []
    for _ in range(2_000):
        decision = decided(state, Failed("timeout", "slow"), now, jitter=1.0)
        state, now = decision.state, decision.state.next_poll or now
        waits.append((now - (state.last_attempt or now)).total_seconds())
    assert waits[:4] == [240, 480, 960, 1_920]
    assert waits[-1] == POLICY.poll_max
    assert state.consecutive_failures == 2_000
    assert health(state, now, POLICY) is Health.FAILING


def test_back_off_is_spread_by_the_jitter(settled: FeedState) -> None:
    broken = replace(settled, consecutive_failures=4)
    early, late = (wait(decided(broken, Failed("connect", "…"), jitter=j)) for j in (0.0, 1.0))
    assert early == late / 2


def test_a_success_ends_the_back_off_and_clears_the_error(settled: FeedState) -> None:
    broken = decided(settled, Failed("timeout", "slow")).state
    healed = decided(broken, Unchanged(Answer(status=304)))
    assert (healed.state.consecutive_failures, healed.state.last_error) == (0, "")
    assert healed.state.interval == pytest.approx(960)


def test_404_slows_down_faster_and_410_waits_the_longest_at_once_but_both_are_tried_again(settled: FeedState) -> None:
    missing = decided(settled, Failed("http-404", "…"), jitter=1.0)
    gone = decided(settled, Failed("http-410", "…"), jitter=1.0)
    assert (missing.reason, wait(missing)) == (Reason.NOT_FOUND, 480)
    assert (gone.reason, wait(gone)) == (Reason.GONE, POLICY.poll_max)
    assert health(gone.state, NOW, POLICY) is Health.GONE
    back = decided(gone.state, imported(1))
    assert health(back.state, NOW, POLICY) is Health.OK


@pytest.mark.parametrize("status", [429, 503, 301, 403])
def test_retry_after_is_never_undercut_and_capped_at_a_day(settled: FeedState, status: int) -> None:
    decision = decided(settled, Failed(f"http-{status}", "…", retry_after=7_200.0), jitter=0.0)
    assert (decision.reason, wait(decision)) == (Reason.ASKED_TO_WAIT, 7_200)
    capped = decided(settled, Failed(f"http-{status}", "…", retry_after=316_800.0), jitter=0.0)
    assert wait(capped) == 86_400


def test_429_holds_the_whole_host_and_503_only_the_feed(settled: FeedState) -> None:
    slow_down = decided(settled, Failed("http-429", "…", retry_after=600.0))
    assert slow_down.hold_host == slow_down.state.next_poll
    assert decided(settled, Failed("http-429", "…")).hold_host is not None
    assert decided(settled, Failed("http-503", "…", retry_after=600.0)).hold_host is None


def test_a_body_that_is_no_feed_drops_the_validators_so_that_no_304_hides_it(settled: FeedState) -> None:
    state = decided(settled, Failed("not-a-feed", "a page", bad_body_hash="b")).state
    assert (state.etag, state.last_modified, state.body_hash, state.bad_body_hash) == ("", "", "", "b")
    assert decided(state, imported(1)).state.bad_body_hash == ""


def test_a_permanent_redirect_becomes_advice_after_three_answers_and_is_forgotten_when_it_ends(
    settled: FeedState,
) -> None:
    state = settled
    moved = Unchanged(Answer(status=304, permanent_url="https://new.example/feed?key=secret"))
    for times in range(1, 4):
        assert advice(state) == ""
        state = decided(state, moved).state
        assert state.redirect_times == times
    assert "https://new.example/feed" in advice(state)
    assert "secret" not in advice(state)
    other = decided(state, Unchanged(Answer(status=304, permanent_url="https://other.example/"))).state
    assert other.redirect_times == 1
    assert decided(state, Unchanged(Answer(status=304))).state.redirected_to == ""


def test_stale_means_answering_well_and_long_without_news(settled: FeedState) -> None:
    assert health(settled, NOW + timedelta(days=29), POLICY) is Health.OK
    assert health(settled, NOW + timedelta(days=31), POLICY) is Health.STALE
    assert health(FRESH, NOW, POLICY) is Health.NEVER_POLLED
    assert health(settled, NOW, POLICY, enabled=False) is Health.DISABLED


def test_a_clock_that_went_back_makes_a_feed_due_now_and_not_in_a_day(settled: FeedState) -> None:
    ahead = replace(settled, last_attempt=NOW + timedelta(days=1), next_poll=NOW + timedelta(days=1, hours=1))
    assert due(ahead, NOW, POLICY) == NOW
    assert wait(decided(ahead, Unchanged(Answer(status=304)))) >= POLICY.poll_min


def test_no_feed_is_due_later_than_the_longest_wait(settled: FeedState) -> None:
    lost = replace(settled, next_poll=NOW + timedelta(days=400))
    assert due(lost, NOW, POLICY) <= NOW + timedelta(days=2)
    assert due(FRESH, NOW, POLICY) == NOW


def test_items_are_sorted_by_what_is_remembered_and_a_repeated_id_counts_once() -> None:
    found = classify([("a", "1"), ("b", "1"), ("c", "2"), ("a", "9"), ("d", "1")], {"b": "1", "c": "1"})
    assert (found.new, found.changed, found.unchanged) == ((0, 4), (2,), (1,))


def test_a_new_address_drops_what_was_said_of_the_old_document(settled: FeedState) -> None:
    moved = without_validators(replace(settled, redirected_to="x", redirect_times=3, consecutive_failures=4))
    assert (moved.etag, moved.last_modified, moved.body_hash, moved.redirected_to) == ("", "", "", "")
    assert moved.next_poll is None
    assert moved.first_import_done


OUTCOMES = st.one_of(
    st.builds(Unchanged, st.builds(Answer, fresh_for=st.floats(0, 1e9)), st.booleans()),
    st.integers(0, 500).flatmap(
        lambda new: st.builds(imported, st.just(new), st.integers(new, 600), st.integers(0, 50))
    ),
    st.builds(
        Failed,
        st.sampled_from(["timeout", "http-404", "http-410", "http-429", "http-500", "not-a-feed"]),
        st.just("…"),
        st.none() | st.floats(0, 1e9),
    ),
)
MOVES = st.tuples(OUTCOMES, st.floats(0, 1), st.integers(-2 * 86_400, 2 * 86_400))


@given(st.lists(MOVES, max_size=30))
def test_whatever_happens_the_next_poll_lies_between_the_floor_and_a_little_over_a_day(
    moves: list[tuple[Outcome, float, int]],
) -> None:
    state, now = FRESH, NOW
    for outcome, jitter, jump in moves:
        now += timedelta(seconds=jump)
        decision = next_poll(state, outcome, now, POLICY, jitter)
        assert POLICY.poll_min <= wait(decision, now) <= 86_400
        assert decision.state.polls == state.polls + 1
        state = decision.state
