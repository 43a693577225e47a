"""Writes to the index of alerts, gathered: what several threads write at the same time goes out in one request.

A request costs Elasticsearch about as much as ten small changes in it, and a busy channel records each of its sends by
itself. Whoever comes first writes at once and waits for nobody; what comes meanwhile goes together when that is done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from itertools import chain
from threading import Lock
from typing import TYPE_CHECKING, Any

from heliograph.errors import HeliographError
from heliograph.runtime.elastic import reason, translate

if TYPE_CHECKING:
    from elasticsearch import Elasticsearch

CHUNK = 500
"""Documents in one request at most: the largest alerts have some 10 kB."""

Doc = dict[str, Any]
Operation = tuple[Doc, Doc | None]
"""One action of a bulk request, and its body where it has one."""
Written = dict[str, tuple[int, int]]
"""`seq_no` and `term` of what was written, by id."""


@dataclass(slots=True)
class _Order:
    """What one caller wants written, and what became of it."""

    operations: Sequence[Operation]
    written: Written = field(default_factory=dict)
    error: HeliographError | None = None
    done: bool = False


class Writes:
    """Bulk requests to one index, for many threads. `asked` names what goes wrong, `what` begins each message."""

    def __init__(
        self, client: Elasticsearch, index: str, asked: Callable[[], AbstractContextManager[None]], what: str
    ) -> None:
        self._client, self._index, self._asked, self._what = client, index, asked, what
        self._turn, self._guard = Lock(), Lock()
        self._waiting: list[_Order] = []

    def do(self, operations: Sequence[Operation]) -> Written:
        """Return what was written; a conflict (409) and a document that is gone (404) are not among it.

        Raises for the caller's own first other failure; its other operations are done by then. Raises Unavailable where
        no answer came, for whoever waited for it.
        """
        if not operations:
            return {}
        mine = _Order(operations)
        with self._guard:
            self._waiting.append(mine)
        with self._turn:
            # Whoever had the turn before has written it, or it is written now with all that waits.
            if not mine.done:
                with self._guard:
                    orders, self._waiting = self._waiting, []
                self._write(orders)
        if mine.error is not None:
            raise mine.error
        return mine.written

    def _write(self, orders: Sequence[_Order]) -> None:
        chunks = list(_chunks(orders))
        try:
            while chunks:
                self._send(chunks[0])
                del chunks[0]
        except HeliographError as error:
            for order, _ in chain(*chunks):
                order.error = order.error or error
        finally:
            for order in orders:
                order.done = True

    def _send(self, some: Sequence[tuple[_Order, Operation]]) -> None:
        lines = [line for _, operation in some for line in operation if line is not None]
        with self._asked():
            answers = self._client.bulk(index=self._index, operations=lines)["items"]
            for (order, _), item in zip(some, answers, strict=True):
                answer = next(iter(item.values()))
                status, why = answer["status"], reason(answer.get("error"))
                if status < 300:
                    order.written[answer["_id"]] = (answer["_seq_no"], answer["_primary_term"])
                elif status != 409 and (status != 404 or "index_not_found" in why):
                    # 409: somebody wrote since. 404: the document was purged since.
                    failure = translate(status, why, f"{self._what}, message {answer['_id']}")
                    order.error = order.error or self._named(failure)

    def _named(self, failure: HeliographError) -> HeliographError:
        try:
            with self._asked():
                raise failure
        except HeliographError as named:
            return named


def _chunks(orders: Sequence[_Order]) -> Iterator[list[tuple[_Order, Operation]]]:
    every = [(order, operation) for order in orders for operation in order.operations]
    for at in range(0, len(every), CHUNK):
        yield every[at : at + CHUNK]
