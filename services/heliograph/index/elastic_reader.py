"""Reads answers off the indices behind an alias: pages, counts, walks, and the checking of candidates."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

from heliograph.core.article import Document
from heliograph.errors import IndexUnavailable
from heliograph.index import decide
from heliograph.index.elastic_body import bounds_of
from heliograph.index.elastic_logic import UNKNOWN, Body, Bounds, both, either, one_of, without
from heliograph.index.elastic_schema import ID, KEPT, MOMENT, RANK, SHOWN, SORTED, read
from heliograph.index.port import Aggregates, Sort
from heliograph.query.match import matches
from heliograph.query.tree import Node
from heliograph.query.view import View
from heliograph.runtime.elastic import Missing, Refused, named

if TYPE_CHECKING:
    from elasticsearch import Elasticsearch

Answer = TypeVar("Answer")

_TIMEOUT = 30.0
_AT_ONCE = 500
"""Documents in one answer."""
_KEEP = "2m"
"""How long a walk's point in time outlives each of its answers."""
_ALL_VALUES = 60_000
"""More values than any field that is counted has; the cluster answers up to 65,536."""
_TOO_MANY = ("too_many_clauses", "too many nested clauses", "maxclausecount", "too many disjunctions")
"""What the cluster says where a query has more clauses than it takes."""
_ROUNDS = 5


class Reader:
    """Asks about what is written and refreshed. Raises IndexUnavailable throughout."""

    def __init__(self, client: Elasticsearch, alias: str, what: str) -> None:
        self._client = client.options(request_timeout=_TIMEOUT)
        self._alias, self._what = alias, what

    def refresh(self) -> None:
        """Let searches see what was written until now."""
        with self._asking():
            self._client.indices.refresh(index=self._alias)

    def answered(self, node: Node | None, span: Body, ask: Callable[[Body], Answer]) -> Answer:
        """Return what `ask` makes of the body that names, within `span`, exactly what a query finds.

        Where the index cannot say that alone, candidates are read and checked first. Where the cluster takes fewer
        clauses, only words are asked for, and at last nothing: then every document in `span` is checked.
        """
        if node is None:
            return ask(span)
        for bounds in (bounds_of(node), bounds_of(node, positions=False)):
            try:
                return ask(both([self._settled(bounds, node, span), span]))
            except _TooManyClausesError:
                continue
        return ask(both([self._settled(UNKNOWN, node, span), span]))

    def count(self, body: Body) -> int:
        """Return how many documents there are."""
        return int(self._ask(body, size=0, track_total_hits=True)["hits"]["total"]["value"])

    def page(self, body: Body, sort: Sort, after: tuple[int, str] | None, wanted: int) -> tuple[int, list[Document]]:
        """Return how many there are, and up to `wanted` behind `after` in the order of `sort`."""
        field = RANK if sort == "score" else SORTED
        order = [{field: "asc" if sort == "oldest" else "desc"}, {ID: "asc"}]
        found: list[Document] = []
        total = 0
        place: Sequence[Any] | None = after
        while True:
            size = min(_AT_ONCE, wanted - len(found))
            behind = {} if place is None else {"search_after": list(place)}
            answer = self._ask(body, size=size, sort=order, track_total_hits=True, source=list(KEPT), **behind)
            hits = answer["hits"]["hits"]
            total = total or int(answer["hits"]["total"]["value"])
            found += [read(hit["_source"]) for hit in hits]
            if len(hits) < size or len(found) >= wanted:
                return total, found
            place = hits[-1]["sort"]

    def aggregate(self, body: Body, facets: Sequence[str], buckets: int, size: int) -> Aggregates:
        """Count over time and by field."""
        ends = {"first": {"min": {"field": MOMENT}}, "last": {"max": {"field": MOMENT}}}
        found = self._ask(body, size=0, track_total_hits=True, aggregations=ends)
        interval = _interval(found, buckets)
        for _ in range(_ROUNDS):
            asked: dict[str, Any] = {**ends, **{name: _counted(name, size) for name in facets}}
            if interval is not None:
                asked["bars"] = {
                    "date_histogram": {"field": MOMENT, "fixed_interval": f"{interval}s", "min_doc_count": 1}
                }
            found = self._ask(body, size=0, track_total_hits=True, aggregations=asked)
            # What is written meanwhile may need longer intervals.
            before, interval = interval, _interval(found, buckets)
            if before == interval:
                break
        total = int(found["hits"]["total"]["value"])
        tops = {
            name: tuple((str(each["key"]), int(each["doc_count"])) for each in found["aggregations"][name]["buckets"])
            for name in facets
        }
        if interval is None or "bars" not in found["aggregations"]:
            return Aggregates(total, float(decide.INTERVALS[0]), (), tops)
        bars = found["aggregations"]["bars"]["buckets"]
        counts = {round(bar["key"] / (interval * 1000)): int(bar["doc_count"]) for bar in bars}
        return Aggregates(total, float(interval), decide.histogram(counts, interval), tops)

    def documents(self, body: Body) -> Iterator[Document]:
        """Yield all documents at one point in time, in no particular order."""
        for hit in self._walk(body, source=list(KEPT)):
            yield read(hit["_source"])

    def addresses(self, body: Body) -> Iterator[tuple[str, str, int]]:
        """Yield index, id and version of all documents at one point in time."""
        for hit in self._walk(body, source=False, version=True):
            yield hit["_index"], hit["_id"], int(hit["_version"])

    def _walk(self, body: Body, **asked: Any) -> Iterator[Any]:  # noqa: ANN401 - arguments of the client
        with self._asking():
            opened = self._client.open_point_in_time(
                index=self._alias, keep_alive=_KEEP, allow_partial_search_results=False
            )
        point = opened["id"]
        place: dict[str, Any] = {}
        try:
            while True:
                with self._asking():
                    answer = self._client.search(
                        query=body,
                        pit={"id": point, "keep_alive": _KEEP},
                        sort=["_shard_doc"],
                        size=_AT_ONCE,
                        track_total_hits=False,
                        **asked,
                        **place,
                    )
                point = answer["pit_id"]
                hits = answer["hits"]["hits"]
                yield from hits
                if len(hits) < _AT_ONCE:
                    return
                place = {"search_after": hits[-1]["sort"]}
        finally:
            # It ends by itself, too.
            with suppress(IndexUnavailable), self._asking():
                self._client.close_point_in_time(id=point)

    def _settled(self, bounds: Bounds, node: Node, span: Body) -> Body:
        """Return the body of what a query finds, after checking what is in doubt."""
        if bounds.exact:
            return bounds.possible
        doubtful = both([bounds.possible, without(bounds.sure), span])
        found = [each.article.id for each in self.documents(doubtful) if matches(node, View(each))]
        return either([bounds.sure, one_of(ID, found)])

    def _ask(self, body: Body, **asked: Any) -> Any:  # noqa: ANN401 - arguments of the client, and its answer
        with self._asking():
            # Half an answer would be a wrong one.
            answer = self._client.search(index=self._alias, query=body, allow_partial_search_results=False, **asked)
        if answer["timed_out"]:
            raise IndexUnavailable(f"{self._what} did not answer in time")
        return answer

    @contextmanager
    def _asking(self) -> Iterator[None]:
        try:
            with named(self._what, IndexUnavailable):
                yield
        except Refused as error:
            if any(words in str(error).lower() for words in _TOO_MANY):
                raise _TooManyClausesError from error
            raise IndexUnavailable(str(error)) from error
        except Missing as error:
            raise IndexUnavailable(
                f"{error}; the service `index` makes it anew, and `heliograph replay --to index` refills it"
            ) from error


class _TooManyClausesError(Exception):
    pass


def _interval(found: Any, buckets: int) -> int | None:  # noqa: ANN401 - an answer of the client
    first, last = (found["aggregations"][end]["value"] for end in ("first", "last"))
    return None if first is None else decide.interval_for(int(first) * 1000, int(last) * 1000, buckets)


def _counted(name: str, size: int) -> dict[str, Any]:
    # Every shard names all of its values, so that the sums are exact.
    order = [{"_count": "desc"}, {"_key": "asc"}]
    return {"terms": {"field": SHOWN + name, "size": size, "shard_size": _ALL_VALUES, "order": order}}
