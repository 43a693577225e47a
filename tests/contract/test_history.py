"""What every alert store promises, memory and SQLite alike."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from heliograph.alert.history_memory import MemoryHistory
from heliograph.alert.history_sqlite import SqliteHistory
from heliograph.alert.port import CREATED, UPDATED, Alert, AlertStore, Attempt, Delivery, Find, Status
from heliograph.alert.sqlite_rows import MIGRATIONS
from heliograph.core.article import Evidence
from heliograph.core.ids import alert_id, stable_id
from heliograph.errors import QueryError, Unavailable, UsageError

NOW = datetime(2026, 11, 2, 8, 0, 0, 123457, tzinfo=UTC)
LEASE = 60.0


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AlertStore]:
    opened: AlertStore = MemoryHistory() if request.param == "memory" else SqliteHistory(tmp_path / "alerts.db")
    yield opened
    opened.close()


def make(name: str, *, channel: str = "desk", update: int = 0, minutes: float = 0, **given: object) -> Delivery:
    """Return a pending delivery of the story `name`; its nth update where `update` is n."""
    alert = alert_id("corridors", name, channel)
    made = Alert(
        id=alert,
        message=stable_id("alert.update", alert, str(update)) if update else alert,
        kind=UPDATED if update else CREATED,
        topic="corridors",
        story=name,
        channel=channel,
        article=f"article-{name}-{update}",
        title="Ünïcode Զանգեզուր",
        url="https://example.org/a",
        source="outlet",
        published=NOW - timedelta(minutes=1),
        evidence=(Evidence(field="title", start=0, end=3, text="Ünï", term="ünï*"),),
        copies=update + 1,
        outlets=tuple(f"o{number}" for number in range(update + 1)),
        reason="new-story",
        created=NOW + timedelta(minutes=minutes),
    )
    delivery = Delivery(alert=made, status=Status.PENDING, due=made.created, copies=made.copies, outlets=made.outlets)
    return replace(delivery, **given)


def attempt(outcome: str = "http-503", error: str = "busy") -> Attempt:
    return Attempt(number=0, time=NOW, outcome=outcome, status=503, error=error, seconds=0.25)


def take(store: AlertStore, at: datetime = NOW, limit: int = 10, channel: str = "desk") -> list[str]:
    return [delivery.id for delivery in store.take(channel, at, limit, LEASE).deliveries]


def test_a_claim_is_made_once(store: AlertStore) -> None:
    first, other = make("s1"), make("s2")
    assert list(store.claim([first])) == [True]
    assert list(store.claim([first, other, other])) == [False, True, False]
    found = store.get(first.id)
    assert found == first


def test_of_many_threads_that_claim_one_wins(store: AlertStore) -> None:
    won: list[bool] = []
    ready = threading.Barrier(8)

    def claim() -> None:
        ready.wait()
        won.extend(store.claim([make("s1")]))

    threads = [threading.Thread(target=claim) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == [False] * 7 + [True]


def test_a_claim_is_in_the_outbox_and_is_taken_once(store: AlertStore) -> None:
    store.claim([make("s1")])
    taken = store.take("desk", NOW, 10, LEASE)
    [delivery] = taken.deliveries
    assert delivery.alert == make("s1").alert
    assert delivery.status is Status.SENDING
    assert taken.next_due == NOW + timedelta(seconds=LEASE)
    assert take(store) == []


def test_a_channel_gets_its_own_deliveries_up_to_the_limit_longest_due_first(store: AlertStore) -> None:
    late, early = make("late", minutes=2), make("early", minutes=1)
    store.claim([late, early, make("s1", channel="phone"), make("future", minutes=60)])
    assert take(store, NOW + timedelta(minutes=5), limit=1) == [early.id]
    assert take(store, NOW + timedelta(minutes=5), limit=0) == []
    taken = store.take("desk", NOW + timedelta(minutes=5), 10, 1e6)
    assert [delivery.id for delivery in taken.deliveries] == [late.id]
    assert taken.next_due == NOW + timedelta(minutes=6)
    assert store.take("nobody", NOW, 10, LEASE).next_due is None


def test_a_delivery_whose_lease_is_over_is_due_again(store: AlertStore) -> None:
    store.claim([make("s1")])
    assert len(take(store)) == 1
    assert take(store, NOW + timedelta(seconds=LEASE - 1)) == []
    assert len(take(store, NOW + timedelta(seconds=LEASE))) == 1


def test_what_is_given_back_is_due_at_once_and_can_be_taken_again(store: AlertStore) -> None:
    made = [make(f"s{number}") for number in range(3)]
    store.claim(made)
    taken = store.take("desk", NOW, 3, LEASE).deliveries
    later = NOW + timedelta(seconds=1)
    store.release(taken[1:], later)
    assert store.take("desk", NOW, 3, LEASE).next_due == later
    again = store.take("desk", later, 3, LEASE).deliveries
    assert {one.id for one in again} == {one.id for one in taken[1:]}
    assert all(one.status is Status.SENDING and one.tries == 0 for one in again)


def test_what_was_recorded_or_belongs_to_another_by_now_is_not_given_back(store: AlertStore) -> None:
    store.claim([make(f"s{number}") for number in range(2)])
    recorded, outlasted = store.take("desk", NOW, 2, LEASE).deliveries
    store.record(recorded.id, attempt(), Status.DELIVERED, None)
    [elsewhere] = store.take("desk", NOW + timedelta(seconds=61), 2, LEASE).deliveries
    assert elsewhere.id == outlasted.id
    store.release([recorded, outlasted], NOW + timedelta(seconds=62))
    assert store.find(Find(statuses=(Status.PENDING,))).total == 0
    assert not take(store, NOW + timedelta(seconds=62))


def test_recover_makes_what_was_being_sent_due_at_once(store: AlertStore) -> None:
    store.claim([make("s1"), make("s2"), make("s3")])
    take(store, limit=2)
    assert store.recover(NOW) == 2
    assert len(take(store)) == 3


def test_an_attempt_is_kept_with_its_consequence(store: AlertStore) -> None:
    delivery = make("s1")
    store.claim([delivery])
    take(store)
    again = NOW + timedelta(minutes=5)
    store.record(delivery.id, attempt(), Status.PENDING, again)
    assert take(store) == []
    assert take(store, again) == [delivery.id]
    store.record(delivery.id, replace(attempt("delivered", ""), status=204), Status.DELIVERED, None)
    found = store.get(delivery.id)
    assert found is not None
    assert (found.status, found.due, found.tries, found.error) == (Status.DELIVERED, None, 2, "")
    assert [(a.number, a.outcome, a.status, a.error) for a in found.attempts] == [
        (1, "http-503", 503, "busy"),
        (2, "delivered", 204, ""),
    ]
    assert found.attempts[0].time == NOW
    assert store.take("desk", again, 10, LEASE).next_due is None


def test_what_is_delivered_stays_delivered(store: AlertStore) -> None:
    delivery = make("s1")
    store.claim([delivery])
    store.record(delivery.id, attempt("delivered", ""), Status.DELIVERED, None)
    store.record(delivery.id, attempt("timeout"), Status.PENDING, NOW)
    found = store.get(delivery.id)
    assert found is not None
    assert (found.status, found.due, len(found.attempts)) == (Status.DELIVERED, None, 2)


def test_an_attempt_of_an_unknown_message_is_ignored(store: AlertStore) -> None:
    store.record("nobody", attempt(), Status.PENDING, NOW)
    assert store.get("nobody") is None


def test_retry_starts_failed_and_pending_deliveries_anew(store: AlertStore) -> None:
    failed, waiting, done, muted = make("s1"), make("s2"), make("s3"), make("s4", status=Status.MUTED, due=None)
    store.claim([failed, waiting, done, muted])
    store.record(failed.id, attempt(), Status.FAILED, None)
    store.record(waiting.id, attempt(), Status.PENDING, NOW + timedelta(hours=9))
    store.record(done.id, attempt(), Status.DELIVERED, None)
    everything = [failed.id, waiting.id, done.id, muted.id, "nobody", failed.id]
    assert store.retry(everything, NOW + timedelta(minutes=1)) == 2
    assert sorted(take(store, NOW + timedelta(minutes=1))) == sorted([failed.id, waiting.id])
    found = store.get(failed.id)
    assert found is not None
    assert (found.tries, len(found.attempts)) == (0, 1)


def test_an_update_raises_the_figures_of_its_alert_and_never_lowers_them(store: AlertStore) -> None:
    created = make("s1")
    store.claim([created, make("s1", update=3), make("s1", update=1)])
    store.claim([make("s1", update=3)])
    found = store.get(created.id)
    assert found is not None
    assert (found.copies, found.outlets) == (4, ("o0", "o1", "o2", "o3"))
    assert found.alert == created.alert


def test_an_update_waits_for_its_alert(store: AlertStore) -> None:
    created, update = make("s1"), make("s1", update=1)
    store.claim([created, update])
    assert take(store) == [created.id]
    assert take(store) == []
    store.record(created.id, attempt(), Status.PENDING, NOW + timedelta(hours=1))
    assert store.take("desk", NOW, 10, LEASE).next_due == NOW + timedelta(hours=1)
    store.record(created.id, attempt("delivered"), Status.DELIVERED, None)
    assert take(store) == [update.id]


def test_a_later_update_supersedes_those_not_yet_sent(store: AlertStore) -> None:
    created, first, second = make("s1"), make("s1", update=1), make("s1", update=2)
    store.claim([created, first])
    store.claim([make("s1", update=9, status=Status.MUTED, due=None)])
    pending = store.get(first.id)
    assert pending is not None
    assert pending.status is Status.PENDING
    store.claim([second])
    statuses = {found.id: found.status for found in store.find(Find()).items}
    assert statuses == {created.id: Status.PENDING, first.id: Status.SUPERSEDED, second.id: Status.PENDING}


def test_known_answers_for_claims_whatever_became_of_them(store: AlertStore) -> None:
    created, muted = make("s1"), make("s2", status=Status.MUTED, due=None)
    store.claim([created, muted])
    store.record(created.id, attempt(), Status.FAILED, None)
    known = store.known({created.id, muted.id, "nobody"})
    assert known == {created.id: created.alert, muted.id: muted.alert}


def test_find_filters_and_leaves_muted_out_unless_asked(store: AlertStore) -> None:
    desk, phone, muted = make("s1"), make("s1", channel="phone"), make("s2", status=Status.MUTED, due=None, minutes=5)
    store.claim([desk, phone, muted, make("s1", update=1, minutes=1)])

    def found(**asked: object) -> set[str]:
        page = store.find(Find(**asked))  # type: ignore[arg-type]  # each case gives one field its own type
        assert page.total == len(page.items)
        return {delivery.id for delivery in page.items}

    update = make("s1", update=1).id
    assert found() == {desk.id, phone.id, update}
    assert found(channel="phone") == {phone.id}
    assert found(topic="corridors", story="s1") == {desk.id, phone.id, update}
    assert found(topic="other") == set()
    assert found(alert=desk.alert.id) == {desk.id, update}
    assert found(statuses=(Status.MUTED,)) == {muted.id}
    assert found(since=NOW + timedelta(minutes=1)) == {update}
    assert found(until=NOW + timedelta(minutes=1)) == {desk.id, phone.id}
    assert found(statuses=()) == set()


def test_pages_follow_on_while_new_alerts_come_in(store: AlertStore) -> None:
    # Three share each moment, so that ties are cut by pages.
    store.claim([make(f"s{number}", minutes=number // 3) for number in range(20)])
    seen: list[str] = []
    cursor = ""
    while True:
        page = store.find(Find(limit=4, cursor=cursor))
        seen += [delivery.id for delivery in page.items]
        store.claim([make(f"new-{len(seen)}", minutes=100)])
        if not (cursor := page.next):
            break
    expected = [make(f"s{number}", minutes=number // 3) for number in range(20)]
    expected.sort(key=lambda delivery: (delivery.alert.created, delivery.id), reverse=True)
    assert seen == [delivery.id for delivery in expected]


@pytest.mark.parametrize("cursor", ["x", "12", "-", "1-", "99999999999999999999-a", "١-a"])
def test_a_cursor_that_is_none_is_refused(store: AlertStore, cursor: str) -> None:
    with pytest.raises(QueryError, match="start again"):
        store.find(Find(cursor=cursor))


def test_purge_drops_what_is_settled_and_old(store: AlertStore) -> None:
    done, waiting, young = make("s1"), make("s2"), make("s3", minutes=10)
    store.claim([done, waiting, young])
    for delivery in (done, young):
        store.record(delivery.id, attempt("delivered"), Status.DELIVERED, None)
    assert store.purge(NOW + timedelta(minutes=10)) == 1
    assert store.get(done.id) is None
    assert set(store.known([done.id, waiting.id, young.id])) == {waiting.id, young.id}


def test_sqlite_keeps_everything_over_a_restart_and_between_processes_views(tmp_path: Path) -> None:
    path = tmp_path / "alerts.db"
    first, second = SqliteHistory(path), SqliteHistory(path)
    delivery = make("s1")
    first.claim([delivery])
    assert list(second.claim([delivery])) == [False]
    first.record(delivery.id, attempt(), Status.PENDING, NOW)
    first.close()
    assert second.get(delivery.id) is not None
    second.close()
    again = SqliteHistory(path)
    found = again.get(delivery.id)
    again.close()
    assert found is not None
    assert len(found.attempts) == 1


def test_sqlite_refuses_a_file_of_a_newer_release(tmp_path: Path) -> None:
    path = tmp_path / "alerts.db"
    SqliteHistory(path).close()
    raw = sqlite3.connect(path)
    raw.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    raw.close()
    with pytest.raises(UsageError, match="upgrade Heliograph"):
        SqliteHistory(path)


def test_sqlite_says_when_its_file_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="missing-folder"):
        SqliteHistory(tmp_path / "missing-folder" / "alerts.db")


def test_sqlite_that_another_process_holds_is_unavailable_and_nothing_is_half_done(tmp_path: Path) -> None:
    path = tmp_path / "alerts.db"
    store = SqliteHistory(path, busy=0.05)
    raw = sqlite3.connect(path, isolation_level=None)
    raw.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable, match="locked"):
        store.claim([make("s1")])
    raw.execute("ROLLBACK")
    raw.close()
    assert list(store.claim([make("s1")])) == [True]
    store.close()


def test_sqlite_writes_through_to_the_disk(tmp_path: Path) -> None:
    store = SqliteHistory(tmp_path / "alerts.db")
    assert store.pragma("journal_mode") == "wal"
    assert store.pragma("synchronous") == 2  # FULL: a commit waits for the disk
    store.close()
