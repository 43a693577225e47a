"""Reads answers off one state of the embedded index: pages, counts, and the checking of candidates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from heliograph.core.article import Document
from heliograph.index import decide, schema
from heliograph.index.bounds import Plan
from heliograph.index.clauses import Between, Clause, OneOf, both, either, without
from heliograph.index.compile import compile_clause
from heliograph.index.port import Aggregates, Sort
from heliograph.query.match import matches
from heliograph.query.tree import Node
from heliograph.query.view import View

if TYPE_CHECKING:
    import tantivy

# More values than any field that is counted has; the engine answers up to 65,000 in all.
_ALL_VALUES = 50_000


class Reader:
    """One state of the index; what is written later is not seen through it."""

    def __init__(self, index: tantivy.Index, generation: int = 0) -> None:
        self.generation = generation
        self._schema = index.schema
        self._searcher = index.searcher()

    def count(self, clause: Clause) -> int:
        """Return how many documents the clause names."""
        found: Any = self._searcher.search(self._query(clause), limit=1)  # its stub leaves out `count`
        return int(found.count)

    def document(self, article_id: str) -> Document | None:
        """Return the document of an article, if it is here."""
        hits = self._searcher.search(self._query(OneOf((article_id,))), limit=1).hits
        return self._read(hits[0][1]) if hits else None

    def settle(self, plan: Plan, node: Node, span: Clause) -> Clause:
        """Return a clause that names exactly what the query finds within `span`, after checking what is in doubt."""
        doubtful = both([plan.possible, without(plan.sure), span])
        found = tuple(document.article.id for document in self._documents(doubtful) if matches(node, View(document)))
        return both([either([plan.sure, OneOf(found)]), span])

    def page(
        self, clause: Clause, sort: Sort, after: tuple[int, str] | None, limit: int
    ) -> tuple[list[tuple[int, Document]], bool]:
        """Return up to `limit` documents with their ranks, behind `after`, and whether more follow."""
        import tantivy

        field = schema.RANK if sort == "score" else schema.SORTED
        order = tantivy.Order.Asc if sort == "oldest" else tantivy.Order.Desc
        addresses: list[tuple[int, Any]] = []
        if after is not None:
            ranked, article_id = after
            ties = self._ties(clause, field, ranked)
            addresses = [(ranked, address) for found, address in ties if found > article_id]
            behind = Between(field, ranked + 1) if sort == "oldest" else Between(field, None, ranked)
            clause = both([clause, behind])
        wanted = limit + 1 - len(addresses)
        if wanted > 0:
            hits = self._searcher.search(
                self._query(clause), limit=wanted, count=False, order_by_field=field, order=order
            ).hits
            addresses += self._tied_by_id(clause, field, hits, cut=len(hits) == wanted)
        more = len(addresses) > limit
        return [(ranked, self._read(address)) for ranked, address in addresses[:limit]], more

    def _tied_by_id(
        self, clause: Clause, field: str, hits: Sequence[tuple[int, Any]], *, cut: bool
    ) -> Iterator[tuple[int, Any]]:
        """Yield hits with equal ranks in the order of their ids; the last such group may have been cut short."""
        ranks = Counter(ranked for ranked, _ in hits)
        last = hits[-1][0] if hits else None
        done: set[int] = set()
        for ranked, address in hits:
            if ranked in done:
                continue
            if ranks[ranked] == 1 and not (cut and ranked == last):
                yield ranked, address
                continue
            done.add(ranked)
            for _, tied in self._ties(clause, field, ranked)[: ranks[ranked]]:
                yield ranked, tied

    def _ties(self, clause: Clause, field: str, ranked: int) -> list[tuple[str, Any]]:
        """Return ids and addresses of the documents with one rank, by id."""
        import tantivy

        tied = both([clause, Between(field, ranked, ranked + 1)])
        found: list[tuple[str, Any]] = self._searcher.search(
            self._query(tied),
            limit=max(1, self.count(tied)),
            count=False,
            order_by_field=schema.ID,
            order=tantivy.Order.Asc,
        ).hits
        return found

    def aggregate(self, clause: Clause, facets: Sequence[str], buckets: int, size: int) -> Aggregates:
        """Count what the clause names over time and by field."""
        asked: dict[str, Any] = {"time": {"stats": {"field": schema.SORTED}}}
        for name in facets:
            counted = {"field": schema.SHOWN + name, "size": _ALL_VALUES, "segment_size": _ALL_VALUES}
            asked[name] = {"terms": counted}
        query = self._query(clause)
        found = self._searcher.aggregate(query, asked)
        total = int(found["time"]["count"])
        values = {
            name: Counter({bucket["key"]: bucket["doc_count"] for bucket in found[name]["buckets"]}) for name in facets
        }
        tops = {name: decide.top(counts, size) for name, counts in values.items()}
        if not total:
            return Aggregates(0, float(decide.INTERVALS[0]), (), tops)
        interval = decide.interval_for(int(found["time"]["min"]), int(found["time"]["max"]), buckets)
        width = interval * 1_000_000
        bars = self._searcher.aggregate(query, {"bars": {"histogram": {"field": schema.SORTED, "interval": width}}})
        counts = {round(bar["key"] / width): int(bar["doc_count"]) for bar in bars["bars"]["buckets"]}
        return Aggregates(total, float(interval), decide.histogram(counts, interval), tops)

    def _documents(self, clause: Clause) -> Iterator[Document]:
        count = self.count(clause)
        if count:
            found = self._searcher.search(self._query(clause), limit=count, count=False, order_by_field=schema.SORTED)
            for _, address in found.hits:
                yield self._read(address)

    def _read(self, address: Any) -> Document:  # noqa: ANN401 - the engine exports no type for an address
        return schema.read(self._searcher.doc(address))

    def _query(self, clause: Clause) -> tantivy.Query:
        return compile_clause(clause, self._schema)
