from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from heliograph.alert.decide import Matches, Policy, Skip
from heliograph.alert.history_memory import MemoryHistory
from heliograph.alert.history_sqlite import SqliteHistory
from heliograph.alert.port import Alert, AlertStore, Find, Status
from heliograph.alert.stage import AlertStage
from heliograph.core.event import ArticleFetched, ArticleFlagged, Envelope
from heliograph.query.tree import All
from heliograph.runtime.stage import Done, Reject, RetryLater

POLICY = Policy(name="everything", query="*", node=All(), channels=("desk",), updates=True)
MakeFlagged = Callable[..., Envelope]


class Desk:
    def __init__(self, store: AlertStore, matches: Matches, clock: Callable[[], object]) -> None:
        self.woken = 0
        self.skipped: list[Skip] = []
        self.store = store
        self.stage = AlertStage(
            store=store,
            policies=[POLICY],
            matches=matches,
            clock=clock,  # type: ignore[arg-type]  # the clock of conftest, which gives moments
            wake=self._wake,
            skipped=self.skipped.append,
        )

    def _wake(self) -> None:
        self.woken += 1


def test_a_batch_is_claimed_and_the_deliverer_woken_once(
    matches: Matches, clock: Callable[[], object], flagged: MakeFlagged
) -> None:
    desk = Desk(MemoryHistory(), matches, clock)
    outcomes = desk.stage.handle([flagged("a"), flagged("b", copies=2), flagged("c", "s2")])
    assert outcomes == [Done(), Done(), Done()]
    assert desk.woken == 1
    kinds = [(found.alert.article, found.alert.kind) for found in desk.store.find(Find()).items]
    assert sorted(kinds) == [("a", "alert.created"), ("b", "alert.updated"), ("c", "alert.created")]
    assert desk.stage.handle([flagged("a"), flagged("b", copies=2)]) == [Done(), Done()]
    assert desk.woken == 1
    assert desk.store.find(Find()).total == 3
    assert {skip.reason.value for skip in desk.skipped} == {"same-article"}


def test_a_batch_claims_what_its_events_one_by_one_would_claim(
    matches: Matches, clock: Callable[[], object], flagged: MakeFlagged
) -> None:
    events = [
        flagged("a", backfill=True),
        flagged("b", copies=2),
        flagged("c", "s2"),
        flagged("d", "s2", 2),
        flagged("c", "s2"),
        flagged("e", "s2", 3, backfill=True),
    ]
    whole, single = Desk(MemoryHistory(), matches, clock), Desk(MemoryHistory(), matches, clock)
    whole.stage.handle(events)
    for event in events:
        single.stage.handle([event])
    everything = Find(statuses=tuple(Status))
    assert whole.store.find(everything) == single.store.find(everything)


class Asked(MemoryHistory):
    """A store that counts what it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.questions: list[int] = []

    def known(self, messages: Collection[str]) -> Mapping[str, Alert]:
        self.questions.append(len(messages))
        return super().known(messages)


def test_a_batch_asks_the_store_once_for_all_that_its_events_need(
    matches: Matches, clock: Callable[[], object], flagged: MakeFlagged
) -> None:
    store = Asked()
    desk = Desk(store, matches, clock)
    desk.stage.handle([flagged(f"a{number}", f"s{number}", topics=("corridors", "iran")) for number in range(50)])
    # An article, its update and the story's mark, for each of two topics.
    assert store.questions == [50 * 2 * 3]
    assert store.find(Find(limit=1)).total == 100


def test_an_event_of_another_type_is_rejected_and_holds_up_nothing(
    matches: Matches, clock: Callable[[], object], flagged: MakeFlagged
) -> None:
    desk = Desk(MemoryHistory(), matches, clock)
    good = flagged("a")
    assert isinstance(good.data, ArticleFlagged)
    bad = Envelope(id="x", time=good.time, trace="t", data=ArticleFetched(article=good.data.article))
    outcomes = desk.stage.handle([bad, good])
    assert isinstance(outcomes[0], Reject)
    assert "ArticleFetched" in outcomes[0].cause
    assert outcomes[1] == Done()
    assert desk.store.find(Find()).total == 1


def test_a_store_that_is_away_makes_the_whole_batch_wait(
    matches: Matches, clock: Callable[[], object], flagged: MakeFlagged, tmp_path: Path
) -> None:
    store = SqliteHistory(tmp_path / "alerts.db", busy=0.01)
    desk = Desk(store, matches, clock)
    other = sqlite3.connect(tmp_path / "alerts.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    outcomes = desk.stage.handle([flagged("a"), flagged("b", "s2")])
    assert all(isinstance(outcome, RetryLater) and "alerts.db" in outcome.reason for outcome in outcomes)
    assert desk.woken == 0
    other.execute("ROLLBACK")
    other.close()
    assert desk.stage.handle([flagged("a"), flagged("b", "s2")]) == [Done(), Done()]
    assert store.find(Find()).total == 2
    store.close()
