"""The index as a dict and the evaluator: small, slow, and the reference that every other adapter is compared with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from threading import Lock

import msgspec

from heliograph.core.article import Document
from heliograph.errors import BadInput
from heliograph.index import decide
from heliograph.index.port import FACETS, Aggregates, Hit, Page, Search
from heliograph.query.explain import evidence
from heliograph.query.match import matches
from heliograph.query.view import View


class MemoryIndex:
    """Holds its documents in memory; everything is lost with the process."""

    def __init__(self) -> None:
        self._views: dict[str, View] = {}
        self._lock = Lock()

    def upsert(self, documents: Sequence[Document]) -> None:
        for document in documents:
            try:
                msgspec.msgpack.encode(document)
            except (ValueError, msgspec.MsgspecError) as error:
                raise BadInput(f"article {document.article.id!r} cannot be indexed: {error}") from error
        views = {document.article.id: View(document) for document in documents}
        with self._lock:
            self._views.update(views)

    def search(self, request: Search) -> Page:
        after = decide.read_cursor(request.cursor, request.sort)
        found = sorted(self._found(request), key=lambda view: decide.sort_key(view.document, request.sort))
        rest = found
        if after is not None:
            ranked, article_id = after
            last = (ranked if request.sort == "oldest" else -ranked, article_id)
            rest = [view for view in found if decide.sort_key(view.document, request.sort) > last]
        shown, more = rest[: request.limit], len(rest) > request.limit
        hits = tuple(
            Hit(view.document, evidence(request.query, view) if request.query is not None else ()) for view in shown
        )
        cursor = decide.cursor_behind(shown[-1].document, request.sort) if more and shown else ""
        return Page(len(found), hits, cursor)

    def aggregate(
        self, request: Search, *, facets: Sequence[str] = FACETS, buckets: int = 60, size: int = 10
    ) -> Aggregates:
        decide.check_facets(facets)
        documents = [view.document for view in self._found(request)]
        counts = {
            name: Counter(value for document in documents for value in decide.facet_values(document, name))
            for name in facets
        }
        tops = {name: decide.top(counted, size) for name, counted in counts.items()}
        times = [decide.micros(document.article.sorted) for document in documents]
        if not times:
            return Aggregates(0, float(decide.INTERVALS[0]), (), tops)
        interval = decide.interval_for(min(times), max(times), buckets)
        bars = Counter(time // (interval * 1_000_000) for time in times)
        return Aggregates(len(documents), float(interval), decide.histogram(bars, interval), tops)

    def get(self, article_id: str) -> Document | None:
        view = self._views.get(article_id)
        return view.document if view else None

    def purge(self, before: datetime) -> int:
        with self._lock:
            old = [key for key, view in self._views.items() if view.document.article.fetched < before]
            for key in old:
                del self._views[key]
            return len(old)

    def close(self) -> None:
        """Nothing is held that would need closing."""

    def _found(self, request: Search) -> list[View]:
        with self._lock:
            views = list(self._views.values())
        return [
            view
            for view in views
            if (request.since is None or request.since <= view.document.article.sorted)
            and (request.until is None or view.document.article.sorted < request.until)
            and (request.query is None or matches(request.query, view))
        ]
