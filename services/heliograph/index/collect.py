"""Reads answers off one state of the embedded index: pages, counts, and the checking of candidates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from heliograph.core.article import Document
from heliograph.index import decide, schema
from heliograph.index.bounds import Plan
from heliograph.index.clauses import Between, Clause, OneOf, beyond, both, either
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


_MICROS = 1_000_000
_TIMES, _BARS = "time", "bars"
LOOK = 1000
"""Hits that the first run of a query brings along: where they are all, pages and the histogram take no further run."""

_Ranked = list[tuple[int, Any]]
"""Numbers that are ordered by, with the addresses of their documents."""


class Reader:
    """One state of the index; what is written later is not seen through it."""

    def __init__(self, index: tantivy.Index, generation: int = 0) -> None:
        self.generation = generation
        self._schema = index.schema
        self._searcher = index.searcher()

    def find(self, clause: Clause) -> Found:
        """Return what the clause names, to be asked about."""
        return Found(self._schema, self._searcher, clause)

    def document(self, article_id: str) -> Document | None:
        """Return the document of an article, if it is here."""
        found = [self._read(address) for _, address in self.find(OneOf((article_id,))).newest(1)]
        return found[0].document if found else None

    def answer(self, node: Node, span: Clause) -> Found:
        """Return exactly the documents that a query finds within `span`."""
        try:
            return self._answer(plan(node), node, span)
        except ValueError as error:
            if _TOO_MANY_WORDS not in str(error):
                raise
            return self._answer(plan(node, positions=False), node, span)

    def _answer(self, bounds: Plan, node: Node, span: Clause) -> Found:
        """Run what the index can say once; check what is in doubt, and put it among the rest."""
        # Looking asks the engine for the first time: what it refuses, it refuses here.
        sure = Found(self._schema, self._searcher, both([bounds.sure, span]), span).looked()
        if bounds.exact:
            return sure
        doubtful = self.find(both([beyond(bounds.possible, bounds.sure), span])).newest(self._searcher.num_docs)
        # In the order in which they are stored, so that no block of the store is read twice.
        doubtful.sort(key=lambda hit: (hit[1].segment_ord, hit[1].doc))
        found: _Ranked = []
        ids: list[str] = []
        for hit in doubtful:
            view = self._read(hit[1])
            if matches(node, view):
                found.append(hit)
                ids.append(view.id)
        return sure.joined(found, both([either([bounds.sure, OneOf(tuple(ids))]), span]))

    def _read(self, address: Any) -> View:  # noqa: ANN401 - the engine exports no type for an address
        return schema.read(self._searcher.doc(address))


class Found:
    """The documents that a clause names, which lie within `span`; each run of the engine is avoided that can be."""

    def __init__(
        self, schema: tantivy.Schema, searcher: tantivy.Searcher, clause: Clause, span: Clause | None = None
    ) -> None:
        self._schema = schema
        self._searcher = searcher
        self._clause = clause
        self._span = clause if span is None else span
        self._newest: _Ranked = []

    @cached_property
    def total(self) -> int:
        """How many there are."""
        return self._count(1)[0]

    def looked(self) -> Found:
        """Count them now and keep the newest, and return them."""
        self.total, self._newest = self._count(LOOK)
        return self

    def joined(self, more: _Ranked, clause: Clause) -> Found:
        """Return them together with others, which `clause` names all together."""
        whole = Found(self._schema, self._searcher, clause, self._span)
        whole.total = self.total + len(more)
        whole._newest = sorted([*self._newest, *more], key=lambda hit: -hit[0])
        if not self._complete:
            # Behind the last of those known may stand others that are not.
            whole._newest = whole._newest[: len(self._newest)]
        return whole

    def newest(self, limit: int) -> _Ranked:
        """Return times and addresses of the newest."""
        import tantivy

        return self._ranked(schema.SORTED, tantivy.Order.Desc, limit)

    def page(self, sort: Sort, after: tuple[int, str] | None, limit: int) -> tuple[list[View], bool]:
        """Return up to `limit` documents behind `after`, in the order of `sort`, and whether more follow."""
        import tantivy

        field = schema.RANK if sort == "score" else schema.SORTED
        order = tantivy.Order.Asc if sort == "oldest" else tantivy.Order.Desc
        behind: list[Any] = []
        rest = self
        if after is not None:
            ranked, article_id = after
            behind = [address for known, address in self._ties(field, ranked) if known > article_id]
            rest = self._where(Between(field, ranked + 1) if sort == "oldest" else Between(field, None, ranked))
        room = limit - len(behind)
        if room < 0:
            return [self._read(address) for address in behind[:limit]], True
        hits = rest._ranked(field, order, room + 1)
        found = [self._read(address) for address in behind]
        # The engine breaks ties as it likes: a rank that the page cuts in two is read again by id.
        cut = hits[room][0] if 0 < room < len(hits) and hits[room - 1][0] == hits[room][0] else None
        known = [self._read(address) for ranked, address in hits[:room] if ranked != cut]
        found += sorted(known, key=lambda view: decide.sort_key(view.document, sort))
        if cut is not None:
            found += [self._read(address) for _, address in rest._ties(field, cut, limit=room - len(known))]
        return found, len(hits) > room

    def aggregate(self, facets: Sequence[str], buckets: int, size: int) -> Aggregates:
        """Count them over time and by field."""
        if not self.total:
            return Aggregates(0, float(decide.INTERVALS[0]), (), dict.fromkeys(facets, ()))
        asked: dict[str, Any] = {}
        for name in facets:
            counted = {"field": schema.SHOWN + name, "size": _ALL_VALUES, "segment_size": _ALL_VALUES}
            asked[name] = {"terms": counted}
        guess = 0
        if not self._complete:
            # The histogram comes along at the interval of the whole span, which is nearly always its own as well.
            first, last = self._span_ends()
            guess = decide.interval_for(first, last, buckets)
            asked |= {_TIMES: {"stats": {"field": schema.SORTED}}, _BARS: _bars(guess)}
        found = self._searcher.aggregate(self._query, asked) if asked else {}
        if self._complete:
            times = [time for time, _ in self._newest]
            interval = decide.interval_for(times[-1], times[0], buckets)
            counts = Counter(time // (interval * _MICROS) for time in times)
        else:
            interval = decide.interval_for(int(found[_TIMES]["min"]), int(found[_TIMES]["max"]), buckets)
            if interval != guess:
                found |= self._searcher.aggregate(self._query, {_BARS: _bars(interval)})
            bars = found[_BARS]["buckets"]
            counts = Counter({round(bar["key"] / (interval * _MICROS)): int(bar["doc_count"]) for bar in bars})
        values = {
            name: Counter({bucket["key"]: bucket["doc_count"] for bucket in found[name]["buckets"]}) for name in facets
        }
        tops = {name: decide.top(counted, size) for name, counted in values.items()}
        return Aggregates(self.total, float(interval), decide.histogram(counts, interval), tops)

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
        return Found(self._schema, self._searcher, both([self._clause, clause]))

    @cached_property
    def _query(self) -> tantivy.Query:
        return compile_clause(self._clause, self._schema)

    @property
    def _complete(self) -> bool:
        """Whether all of them are known already."""
        return bool(self._newest) and len(self._newest) == self.total

    def _count(self, limit: int) -> tuple[int, _Ranked]:
        """Return how many there are, and the newest, in one run."""
        found: Any = self._searcher.search(self._query, limit=limit, order_by_field=schema.SORTED)
        return int(found.count), found.hits  # the stub of a result leaves out `count`

    def _ranked(self, field: str, order: tantivy.Order, limit: int) -> _Ranked:
        """Return the first `limit` in an order, from what is known where that is enough."""
        import tantivy

        newest_first = order == tantivy.Order.Desc
        if field == schema.SORTED and (self._complete or (newest_first and len(self._newest) >= limit)):
            return (self._newest if newest_first else self._newest[::-1])[:limit]
        found: _Ranked = self._searcher.search(
            self._query, limit=max(1, limit), count=False, order_by_field=field, order=order
        ).hits
        return found

    def _span_ends(self) -> tuple[int, int]:
        """Return the first and the last moment of all documents in the span, whatever is looked for in it."""
        import tantivy

        span = Found(self._schema, self._searcher, self._span)
        return span._ranked(schema.SORTED, tantivy.Order.Asc, 1)[0][0], span.newest(1)[0][0]

    def _read(self, address: Any) -> View:  # noqa: ANN401 - the engine exports no type for an address
        return schema.read(self._searcher.doc(address))


def _bars(interval: int) -> dict[str, Any]:
    return {"histogram": {"field": schema.SORTED, "interval": interval * _MICROS}}
