"""Writes to the alert history that come at the same time go out in one request, and each caller is told of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event

import pytest
from tests.stack.alert.workers import NOW, make_deliveries
from tests.stack.lossy import LOSE, PASS, Lossy
from tests.stories.desk import wait_for

from heliograph.alert.elastic_index import AlertIndex, Kept
from heliograph.errors import Unavailable
from heliograph.runtime.elastic import Refused
from heliograph.schemas import load_schema
from heliograph.settings import ElasticsearchSettings

COUNT = 8
SENT = {"status": "sending"}
NONSENSE = {"no such field": 1}


@pytest.fixture
def index(lossy: Lossy, prefix: str) -> Iterator[AlertIndex]:
    access = ElasticsearchSettings(url=lossy.url)
    index = AlertIndex(access, prefix=prefix, replicas=0, schema=load_schema("elasticsearch/alerts.json"))
    index.create(make_deliveries(COUNT, NOW), "somebody")
    yield index
    index.close()


class Gate:
    """Holds the first bulk request up until `opened` is set; counts them all, and may lose what answers the others."""

    def __init__(self, lossy: Lossy, later: str = PASS) -> None:
        self.requests = 0
        self.reached, self.opened, self._later = Event(), Event(), later
        lossy.rule = self._rule

    def _rule(self, _method: str, path: str) -> str:
        if "_bulk" not in path:
            return PASS
        self.requests += 1
        if self.requests > 1:
            return self._later
        self.reached.set()
        assert self.opened.wait(60)
        return PASS


def all_at_once(
    index: AlertIndex, gate: Gate, change_of: Callable[[Kept], dict[str, object]]
) -> list[Future[dict[str, tuple[int, int]]]]:
    """Change every document, each from a thread of its own, all but the first while the first is under way."""
    first, *others = index.fetch([one.id for one in make_deliveries(COUNT, NOW)]).values()
    with ThreadPoolExecutor(COUNT) as pool:
        futures = [pool.submit(index.swap, [(first, SENT)])]
        assert gate.reached.wait(60)
        futures += [pool.submit(index.swap, [(kept, change_of(kept))]) for kept in others]
        waiting = index._writes._waiting  # nothing else tells that a thread has come this far
        wait_for(lambda: len(waiting) == len(others), 60, "the others wait")
        gate.opened.set()
    return futures


def test_what_comes_while_a_request_is_under_way_goes_out_together(index: AlertIndex, lossy: Lossy) -> None:
    gate = Gate(lossy)
    futures = all_at_once(index, gate, lambda _: dict(SENT))
    assert [len(future.result()) for future in futures] == [1] * COUNT
    assert gate.requests == 2


def test_a_write_that_is_refused_is_its_callers_alone(index: AlertIndex, lossy: Lossy) -> None:
    gate = Gate(lossy)
    wrong = make_deliveries(COUNT, NOW)[3].id
    futures = all_at_once(index, gate, lambda kept: dict(NONSENSE if kept.delivery.id == wrong else SENT))
    failed = [future for future in futures if future.exception()]
    assert [type(future.exception()) for future in failed] == [Refused]
    assert sum(len(future.result()) for future in futures if future not in failed) == COUNT - 1


def test_an_answer_that_is_lost_is_told_to_all_that_waited_for_it(index: AlertIndex, lossy: Lossy) -> None:
    gate = Gate(lossy, later=LOSE)
    first, *others = all_at_once(index, gate, lambda _: dict(SENT))
    assert len(first.result()) == 1
    assert {type(future.exception()) for future in others} == {Unavailable}


def test_many_changes_of_one_document_in_one_request_leave_one_winner(index: AlertIndex, lossy: Lossy) -> None:
    gate = Gate(lossy)
    kept, *_ = index.fetch([make_deliveries(COUNT, NOW)[5].id]).values()
    futures = []
    with ThreadPoolExecutor(COUNT) as pool:
        other, *_ = index.fetch([make_deliveries(COUNT, NOW)[0].id]).values()
        pool.submit(index.swap, [(other, SENT)])
        assert gate.reached.wait(60)
        futures = [pool.submit(index.swap, [(kept, SENT)]) for _ in range(COUNT - 1)]
        gate.opened.set()
    assert sorted(len(future.result()) for future in futures) == [0] * (COUNT - 2) + [1]
