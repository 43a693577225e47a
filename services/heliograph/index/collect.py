"""Reads answers off one state of the embedded index: pages, counts, and the checking of candidates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from heliograph.core.article import Document
from heliograph.index import decide, schema
from heliograph.index.bounds import Plan
from heliograph.index.clauses import Between, Clause, OneOf, both, either, without
from heliograph.index.compile import compile_clause
from heliograph.index.plan import plan
from heliograph.index.port import Aggregates, Sort
from heliograph.query.match import matches
from heliograph.query.tree import Node
from heliograph.query.view import View

if TYPE_CHECKING:
    import tantivy

# What the engine says where the prefixes of a phrase stand for more than 16,384 words of one segment.
_TOO_MANY_WORDS = "max expansions"
# More values than any field that is counted has; the engine answers up to 65,000 in all.
_ALL_VALUES = 50_000


class Reader:
    """One state of the index; what is written later is not seen through it."""

    def __init__(self, index: tantivy.Index, generation: int = 0) -> None:
        self.generation = generation
        self._schema = index.schema
        self._searcher = index.searcher()

    def find(self, clause: Clause) -> Found:
        """Return what the clause names, to be asked about."""
        return Found(self._schema, self._searcher, compile_clause(clause, self._schema))

    def document(self, article_id: str) -> Document | None:
        """Return the document of an article, if it is here."""
        view = next(self.find(OneOf((article_id,))).views(), None)
        return view.document if view else None

    def answer(self, node: Node, span: Clause) -> Found:
        """Return exactly the documents that a query finds within `span`."""
        try:
            return self._answer(plan(node), node, span)
        except ValueError as error:
            if _TOO_MANY_WORDS not in str(error):
                raise
            return self._answer(plan(node, positions=False), node, span)

    def _answer(self, bounds: Plan, node: Node, span: Clause) -> Found:
        found = self.find(self._settle(bounds, node, span))
        # Counting asks the engine for the first time: what it refuses, it refuses here.
        return found.counted()

    def _settle(self, bounds: Plan, node: Node, span: Clause) -> Clause:
        """Return the clause that names what the query finds, after checking what is in doubt."""
        if bounds.exact:
            return both([bounds.possible, span])
        doubtful = self.find(both([bounds.possible, without(bounds.sure), span]))
        found = tuple(view.document.article.id for view in doubtful.views() if matches(node, view))
        return both([either([bounds.sure, OneOf(found)]), span])


class Found:
    """The documents that one query of the engine finds."""

    def __init__(self, schema: tantivy.Schema, searcher: tantivy.Searcher, query: tantivy.Query) -> None:
        self._schema = schema
        self._searcher = searcher
        self._query = query

    def counted(self) -> Found:
        """Count them now, and return them."""
        _ = self.total
        return self

    @cached_property
    def total(self) -> int:
        """How many there are."""
        found: Any = self._searcher.search(self._query, limit=1)  # its stub leaves out `count`
        return int(found.count)

    def views(self) -> Iterator[View]:
        """Yield all of them, in no particular order."""
        if self.total:
            hits = self._searcher.search(self._query, limit=self.total, count=False, order_by_field=schema.SORTED).hits
            yield from (self._read(address) for _, address in hits)

    def page(self, sort: Sort, after: tuple[int, str] | None, limit: int) -> tuple[list[View], bool]:
        """Return up to `limit` documents behind `after`, in the order of `sort`, and whether more follow."""
        import tantivy

        field = schema.RANK if sort == "score" else schema.SORTED
        order = tantivy.Order.Asc if sort == "oldest" else tantivy.Order.Desc
        found: list[View] = []
        rest = self
        if after is not None:
            ranked, article_id = after
            found = [self._read(address) for known, address in self._ties(field, ranked) if known > article_id]
            rest = self._where(Between(field, ranked + 1) if sort == "oldest" else Between(field, None, ranked))
        wanted = limit + 1 - len(found)
        if wanted > 0:
            hits = self._searcher.search(rest._query, limit=wanted, count=False, order_by_field=field, order=order).hits
            # The engine breaks ties as it likes: the last rank may be cut in the wrong place, and is read again by id.
            last = hits[-1][0] if len(hits) == wanted else None
            known = sorted(
                (self._read(address) for ranked, address in hits if ranked != last),
                key=lambda view: decide.sort_key(view.document, sort),
            )
            found += known
            if last is not None:
                found += [self._read(address) for _, address in rest._ties(field, last, limit=wanted - len(known))]
        return found[:limit], len(found) > limit

    def aggregate(self, facets: Sequence[str], buckets: int, size: int) -> Aggregates:
        """Count them over time and by field."""
        asked: dict[str, Any] = {"time": {"stats": {"field": schema.SORTED}}}
        for name in facets:
            counted = {"field": schema.SHOWN + name, "size": _ALL_VALUES, "segment_size": _ALL_VALUES}
            asked[name] = {"terms": counted}
        found = self._searcher.aggregate(self._query, asked)
        total = int(found["time"]["count"])
        values = {
            name: Counter({bucket["key"]: bucket["doc_count"] for bucket in found[name]["buckets"]}) for name in facets
        }
        tops = {name: decide.top(counts, size) for name, counts in values.items()}
        if not total:
            return Aggregates(0, float(decide.INTERVALS[0]), (), tops)
        interval = decide.interval_for(int(found["time"]["min"]), int(found["time"]["max"]), buckets)
        width = interval * 1_000_000
        over_time = {"bars": {"histogram": {"field": schema.SORTED, "interval": width}}}
        bars = self._searcher.aggregate(self._query, over_time)["bars"]["buckets"]
        counts = {round(bar["key"] / width): int(bar["doc_count"]) for bar in bars}
        return Aggregates(total, float(interval), decide.histogram(counts, interval), tops)

    def _ties(self, field: str, ranked: int, limit: int = 0) -> list[tuple[str, Any]]:
        """Return ids and addresses of those with one rank, by id: all, or the first `limit`."""
        import tantivy

        tied = self._where(Between(field, ranked, ranked + 1))
        found: list[tuple[str, Any]] = self._searcher.search(
            tied._query,
            limit=limit or max(1, tied.total),
            count=False,
            order_by_field=schema.ID,
            order=tantivy.Order.Asc,
        ).hits
        return found

    def _where(self, clause: Clause) -> Found:
        """Return those of them that the clause names, too."""
        from tantivy import Occur, Query

        more = compile_clause(clause, self._schema)
        narrowed = Query.boolean_query([(Occur.Must, self._query), (Occur.Must, more)])
        return Found(self._schema, self._searcher, narrowed)

    def _read(self, address: Any) -> View:  # noqa: ANN401 - the engine exports no type for an address
        return schema.read(self._searcher.doc(address))
