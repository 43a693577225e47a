"""The index on Elasticsearch: any number of writers and readers, on any number of machines."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from heliograph.core.article import Document
from heliograph.errors import BadInput, IndexUnavailable
from heliograph.index import decide
from heliograph.index.elastic_backing import Backing
from heliograph.index.elastic_body import within
from heliograph.index.elastic_bulk import MOST_LINES, Line, send
from heliograph.index.elastic_logic import EVERY, Body, one_of
from heliograph.index.elastic_reader import Answer, Reader
from heliograph.index.elastic_schema import FETCHED, ID, version_of, written
from heliograph.index.port import FACETS, Aggregates, Hit, Page, Search
from heliograph.query.explain import evidence
from heliograph.query.view import View
from heliograph.runtime.elastic import Access, Missing, connect, place


class ElasticIndex:
    """Documents behind the alias `<prefix><name>`; alias, template and first index are made where they are missing.

    A revision fetched earlier never replaces one fetched later, whoever writes it and however often it is sent. A
    batch is written document by document: where some cannot be written now, or ever, the others stand, and writing
    the batch again completes it. Nothing is opened before it is used, so that a process starts while the cluster is
    away.

    `template` is the content of `schemas/elasticsearch/documents.json`. With `roll_after`, `purge` begins another index
    when the newest is older than that, and drops whole ones instead of single documents.
    """

    def __init__(
        self,
        access: Access,
        name: str,
        template: Mapping[str, Any],
        *,
        prefix: str = "heliograph-",
        replicas: int = 0,
        roll_after: timedelta | None = None,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._client = connect(access)
        self._what = f"index {prefix}{name} at {place(access)}"
        self._backing = Backing(self._client, f"{prefix}{name}", template, replicas=replicas, what=self._what)
        self._reader = Reader(self._client, self._backing.alias, self._what)
        self._roll_after, self._sleep = roll_after, sleep

    def upsert(self, documents: Sequence[Document]) -> None:
        latest = {document.article.id: document for document in documents}
        # All are made ready first, so that one that no index can take leaves nothing half done.
        ready = {key: (version_of(document), written(document)) for key, document in latest.items()}
        if not ready:
            return
        try:
            refused = self._put(ready)
        except Missing:
            self._backing.forget()
            try:
                refused = self._put(ready)
            except Missing as error:
                raise self._lost() from error
        if refused:
            key, why = next(iter(refused.items()))
            more = f" (and {len(refused) - 1} more)" if len(refused) > 1 else ""
            raise BadInput(f"article {key!r} cannot be indexed: {why}{more}")

    def search(self, request: Search) -> Page:
        after = decide.read_cursor(request.cursor, request.sort)
        query = request.query

        def ask(body: Body) -> tuple[int, list[Document]]:
            return self._reader.page(body, request.sort, after, request.limit + 1)

        total, found = self._answered(request, ask)
        shown = found[: request.limit]
        hits = tuple(Hit(document, () if query is None else evidence(query, View(document))) for document in shown)
        more = len(found) > len(shown) and shown
        return Page(total, hits, decide.cursor_behind(shown[-1], request.sort) if more else "")

    def aggregate(
        self, request: Search, *, facets: Sequence[str] = FACETS, buckets: int = 60, size: int = 10
    ) -> Aggregates:
        decide.check_facets(facets)
        return self._answered(request, lambda body: self._reader.aggregate(body, facets, buckets, size))

    def get(self, article_id: str) -> Document | None:
        self._backing.open()
        return next(iter(self._reader.page(one_of(ID, [article_id]), "newest", None, 1)[1]), None)

    def walk(self, request: Search) -> Iterator[Document]:
        """Yield all that a search finds, in no particular order, as it stood at the beginning; limits do not count."""
        body, _ = self._answered(request, lambda body: (body, self._reader.count(body)))
        yield from self._reader.documents(body)

    def purge(self, before: datetime) -> int:
        self._backing.open()
        edge = decide.micros(before)
        try:
            if self._roll_after is not None:
                self._backing.roll_over(self._roll_after)
            gone = self._backing.drop(edge)
            old = self._reader.addresses({"range": {FETCHED: {"lt": edge}}})
            while lines := [Line(key, at, None, index, alias=False) for index, key, at in islice(old, MOST_LINES)]:
                gone += send(self._client, lines, self._what, self._sleep).done
            self._reader.refresh()
        except Missing as error:
            raise self._lost() from error
        return gone

    def close(self) -> None:
        """Close the connections; what was written is safe already."""
        self._client.close()

    def _put(self, ready: Mapping[str, tuple[int, bytes]]) -> dict[str, str]:
        """Write, and let searches see it; return what was refused, and why."""
        self._backing.open()
        while True:
            newest, older = self._backing.behind()
            places = self._backing.places(list(ready), older)
            sent = send(self._client, list(self._lines(ready, places, newest)), self._what, self._sleep)
            self._reader.refresh()
            if self._backing.behind()[0] == newest:
                return sent.refused

    def _lines(self, ready: Mapping[str, tuple[int, bytes]], places: Mapping[str, str], newest: str) -> Iterator[Line]:
        alias = self._backing.alias
        for key, (version, source) in ready.items():
            yield Line(key, version, source, places.get(key, alias), alias=key not in places)
        for key in self._backing.places(list(places), [newest]):
            yield Line(key, ready[key][0], None, newest, alias=False)

    def _answered(self, request: Search, ask: Callable[[Body], Answer]) -> Answer:
        """Return what `ask` makes of the body of exactly what a request finds."""
        self._backing.open()
        open_ended = request.since is None and request.until is None
        span = EVERY if open_ended else within("sorted", request.since, request.until)
        return self._reader.answered(request.query, span, ask)

    def _lost(self) -> IndexUnavailable:
        self._backing.forget()
        return IndexUnavailable(
            f"{self._what} was deleted while it was used; `heliograph replay --to index` refills it"
        )
