"""What every ledger of feeds promises, run over each of them."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from heliograph.errors import Unavailable
from heliograph.fetch.ledger_memory import MemoryLedger
from heliograph.fetch.ledger_sqlite import MIGRATIONS, SqliteLedger
from heliograph.fetch.port import FeedState, Ledger, Subscription, Update

NOW = datetime(2026, 1, 17, 12, 0, 0, 123_456, tzinfo=UTC)
CIVIL = Subscription(
    id="civil-ge-ka", url="https://civil.ge/ka/feed", title="Civil.ge", source="civil-ge", country="ge", language="ka"
)
ARMENPRESS = Subscription(id="armenpress-hy", url="https://armenpress.am/hy/rss/articles", evidence="seen", added=NOW)


@pytest.fixture(params=["memory", "sqlite"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    made: dict[str, Callable[[], Ledger]] = {
        "memory": MemoryLedger,
        "sqlite": lambda: SqliteLedger(tmp_path / "ledger.sqlite"),
    }
    ledger = made[request.param]()
    yield ledger
    ledger.close()


def polled(feed: str, when: datetime = NOW, **more: object) -> FeedState:
    return replace(FeedState(feed=feed), last_attempt=when, **more)  # type: ignore[arg-type] # fields by name


def test_a_subscription_comes_back_as_it_was_put_with_an_empty_state(ledger: Ledger) -> None:
    ledger.edit(put=[CIVIL, ARMENPRESS])
    first, second = ledger.feeds()
    assert (first.subscription, second.subscription) == (ARMENPRESS, CIVIL)
    assert first.state == FeedState(feed="armenpress-hy")


def test_every_field_of_a_state_survives(ledger: Ledger) -> None:
    state = FeedState(
        feed=CIVIL.id,
        etag='W/"ქართული"',
        last_modified="Sat, 17 Jan 2026 12:00:00 GMT",
        body_hash="h",
        bad_body_hash="b",
        next_poll=NOW + timedelta(minutes=2),
        interval=123.5,
        last_attempt=NOW,
        last_success=NOW,
        last_new_item=NOW,
        last_status=200,
        last_outcome="new-items",
        last_error="…",
        consecutive_failures=3,
        redirected_to="https://civil.ge/new",
        redirect_times=2,
        first_import_done=True,
        items_seen=9,
        window=20,
        polls=7,
        unchanged=4,
        window_turned_over=1,
        last_turnover=NOW,
    )
    ledger.edit(put=[CIVIL])
    ledger.save([Update(state)])
    assert ledger.feeds()[0].state == state


def test_items_are_known_by_feed_with_their_last_revision(ledger: Ledger) -> None:
    ledger.edit(put=[CIVIL, ARMENPRESS])
    ledger.save([Update(polled(CIVIL.id), {"a": "1", "b": "1"}), Update(polled(ARMENPRESS.id), {"a": "9"})])
    ledger.save([Update(polled(CIVIL.id), {"b": "2"})])
    assert ledger.known(CIVIL.id, ["a", "b", "c"]) == {"a": "1", "b": "2"}
    assert ledger.known(ARMENPRESS.id, ["a", "b"]) == {"a": "9"}
    assert ledger.known("nobody", ["a"]) == {}
    assert ledger.known(CIVIL.id, []) == {}


def test_thousands_of_items_are_known_at_once(ledger: Ledger) -> None:
    ledger.edit(put=[CIVIL])
    many = {f"article-{number}": str(number) for number in range(2_345)}
    ledger.save([Update(polled(CIVIL.id), many)])
    assert ledger.known(CIVIL.id, [*many, "another"]) == many


def test_an_item_is_forgotten_45_days_after_it_was_last_seen_and_not_before(ledger: Ledger) -> None:
    ledger.edit(put=[CIVIL])
    ledger.save([Update(polled(CIVIL.id), {"old": "1", "kept": "1"})])
    ledger.save([Update(polled(CIVIL.id, NOW + timedelta(days=30)), {"kept": "1"})])
    assert set(ledger.known(CIVIL.id, ["old", "kept"])) == {"old", "kept"}
    ledger.save([Update(polled(CIVIL.id, NOW + timedelta(days=46)), {"new": "1"})])
    assert set(ledger.known(CIVIL.id, ["old", "kept", "new"])) == {"kept", "new"}


def test_a_poll_without_items_forgets_none_however_long_ago(ledger: Ledger) -> None:
    ledger.edit(put=[CIVIL])
    ledger.save([Update(polled(CIVIL.id), {"a": "1"})])
    ledger.save([Update(polled(CIVIL.id, NOW + timedelta(days=400)))])
    ledger.save([Update(polled(CIVIL.id, NOW + timedelta(days=401)), {"a": "1"})])
    assert ledger.known(CIVIL.id, ["a"]) == {"a": "1"}


def test_a_replaced_subscription_keeps_its_state_and_a_new_address_drops_the_validators(ledger: Ledger) -> None:
    ledger.edit(put=[CIVIL])
    ledger.save([Update(polled(CIVIL.id, etag="e", last_modified="m", body_hash="h", first_import_done=True))])
    ledger.edit(put=[replace(CIVIL, title="Civil Georgia", enabled=False)])
    assert ledger.feeds()[0].state.etag == "e"
    assert not ledger.feeds()[0].subscription.enabled
    ledger.edit(put=[replace(CIVIL, url="https://civil.ge/ka/rss")])
    state = ledger.feeds()[0].state
    assert (state.etag, state.last_modified, state.body_hash) == ("", "", "")
    assert state.first_import_done


def test_a_removed_feed_is_forgotten_with_its_items_and_a_late_poll_does_not_bring_it_back(ledger: Ledger) -> None:
    ledger.edit(put=[CIVIL])
    ledger.save([Update(polled(CIVIL.id), {"a": "1"})])
    ledger.edit(remove=[CIVIL.id, "never-there"])
    ledger.save([Update(polled(CIVIL.id), {"a": "1"})])
    assert list(ledger.feeds()) == []
    ledger.edit(put=[CIVIL])
    assert ledger.known(CIVIL.id, ["a"]) == {}
    assert ledger.feeds()[0].state == FeedState(feed=CIVIL.id)


def test_many_threads_may_use_it_at_once(ledger: Ledger) -> None:
    feeds = [replace(CIVIL, id=f"feed-{number}", url=f"https://f.example/{number}") for number in range(8)]
    ledger.edit(put=feeds)
    failures: list[BaseException] = []

    def work(feed: str) -> None:
        try:
            for turn in range(25):
                ledger.save([Update(polled(feed, polls=turn + 1), {f"{feed}-{turn}": "1"})])
                assert ledger.known(feed, [f"{feed}-{turn}"])
                assert len(ledger.feeds()) == 8
        except BaseException as error:  # noqa: BLE001 - handed to the test's own thread
            failures.append(error)

    threads = [threading.Thread(target=work, args=(feed.id,)) for feed in feeds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert [feed.state.polls for feed in ledger.feeds()] == [25] * 8


KILLED = """
import os, sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from heliograph.fetch.ledger_sqlite import SqliteLedger
from heliograph.fetch.port import FeedState, Subscription, Update
ledger = SqliteLedger(Path(sys.argv[1]))
ledger.edit(put=[Subscription(id="f", url="https://f.example/")])
now = datetime(2026, 1, 17, tzinfo=UTC)
for turn in range(1, 10_000):
    state = replace(FeedState(feed="f"), polls=turn, last_attempt=now)
    ledger.save([Update(state, {f"{turn}-{n}": "1" for n in range(5)})])
    print(turn, flush=True)
"""


@pytest.mark.parametrize("after", [1, 7, 40])
def test_what_was_saved_survives_a_kill_and_nothing_is_half_saved(tmp_path: Path, after: int) -> None:
    path = tmp_path / "ledger.sqlite"
    with subprocess.Popen([sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = [int(next(process.stdout)) for _ in range(after)][-1]
        process.kill()
        told = max([told, *(int(line) for line in process.stdout.read().splitlines())])
    ledger = SqliteLedger(path)
    (feed,) = ledger.feeds()
    assert feed.state.polls in (told, told + 1)
    for turn in range(1, feed.state.polls + 2):
        names = [f"{turn}-{n}" for n in range(5)]
        assert len(ledger.known("f", names)) == (5 if turn <= feed.state.polls else 0)
    ledger.close()


def test_the_file_is_synced_on_every_commit_and_carries_its_version(tmp_path: Path) -> None:
    ledger = SqliteLedger(tmp_path / "deep" / "ledger.sqlite")
    ledger.edit(put=[CIVIL])
    ledger.close()
    again = SqliteLedger(tmp_path / "deep" / "ledger.sqlite")
    assert again.feeds()[0].subscription == CIVIL
    again.close()
    with sqlite3.connect(tmp_path / "deep" / "ledger.sqlite") as raw:
        assert raw.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
        assert raw.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    raw.close()


def test_a_file_of_a_later_release_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    raw = sqlite3.connect(path)
    raw.execute("PRAGMA user_version = 99")
    raw.close()
    with pytest.raises(Unavailable, match="version 99"):
        SqliteLedger(path)
    raw = sqlite3.connect(path)
    assert raw.execute("PRAGMA user_version").fetchone() == (99,)
    raw.close()


def test_a_file_that_is_no_database_is_said_to_be_none(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    path.write_bytes(b"not a database at all" * 100)
    with pytest.raises(Unavailable, match=r"ledger\.sqlite"):
        SqliteLedger(path)


def test_a_state_with_a_field_of_a_later_release_is_still_read(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    ledger = SqliteLedger(path)
    ledger.edit(put=[CIVIL])
    ledger.close()
    raw = sqlite3.connect(path)
    raw.execute("UPDATE feeds SET state = ?", (b'{"feed":"civil-ge-ka","polls":3,"not_yet_known":[1]}',))
    raw.commit()
    raw.close()
    ledger = SqliteLedger(path)
    assert ledger.feeds()[0].state.polls == 3
    ledger.close()
