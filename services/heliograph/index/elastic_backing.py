"""The indices behind an alias: made from the template, checked, rolled over, and which of them holds an article.

Documents are written through the alias `<prefix><name>`, whose newest index takes what is new. An article stands in one
index only: before a batch is written, its ids are looked up in the older indices, and those found are written where
they stand. Where another index was begun meanwhile the batch is looked up and written once more, and what stands in two
then goes from the newer. That needs one writer for an article at a time, which the log gives: all events of an article
are in one partition. An index whose every document is too old is dropped as a whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from threading import RLock
from typing import TYPE_CHECKING, Any

from heliograph.errors import IndexUnavailable
from heliograph.index.elastic_logic import one_of
from heliograph.index.elastic_schema import FETCHED, ID, LAYOUT, differences
from heliograph.runtime.elastic import Conflict, Missing, Refused, named

if TYPE_CHECKING:
    from elasticsearch import Elasticsearch

_PRIORITY = 500
_AT_ONCE = 5_000
"""Ids looked up in one request; an answer holds 10,000."""
_REBUILD = "delete its indices ({alias}-*), then `heliograph replay --to index` builds it again from the log"


class Backing:
    """What stands behind one alias. Made at the first use where it is missing, checked once a process.

    `template` is `schemas/elasticsearch/documents.json`: its settings and its mapping.
    """

    def __init__(
        self, client: Elasticsearch, alias: str, template: Mapping[str, Any], *, replicas: int, what: str
    ) -> None:
        self._client, self.alias, self._what = client, alias, what
        self._settings = {**template["settings"], "number_of_replicas": replicas}
        self._mapping = {**template["mappings"], "_meta": {"heliograph_layout": LAYOUT}}
        self._lock = RLock()
        self._checked = False

    def open(self) -> None:
        """Make the alias and its first index where they are missing, and check that the mapping is ours.

        Raises IndexUnavailable; the message says what to do.
        """
        with self._lock:
            if self._checked:
                return
            with named(self._what, IndexUnavailable):
                try:
                    mappings = self._client.indices.get_mapping(index=self.alias)
                except Exception as error:
                    if getattr(error, "status_code", None) != 404:
                        raise
                    self._create()
                    mappings = self._client.indices.get_mapping(index=self.alias)
            for index, found in mappings.items():
                self._check(index, found["mappings"])
            self._checked = True

    def forget(self) -> None:
        """Look again before the next use: somebody deleted the alias."""
        self._checked = False

    def behind(self) -> tuple[str, list[str]]:
        """Return the index that takes what is new, and the others by age. Raises Missing, IndexUnavailable."""
        with named(self._what, IndexUnavailable):
            found = self._client.indices.get_alias(name=self.alias)
        newest = [index for index, about in found.items() if about["aliases"][self.alias].get("is_write_index")]
        if len(newest) != 1:
            raise IndexUnavailable(f"{self._what}: its alias has no index to write to; {self._rebuild}")
        return newest[0], sorted(index for index in found if index != newest[0])

    def places(self, ids: Sequence[str], indices: Sequence[str]) -> dict[str, str]:
        """Return which of these indices holds each article that one of them holds."""
        found: dict[str, str] = {}
        if not (ids and indices):
            return found
        with named(self._what, IndexUnavailable):
            # What another worker wrote there just before may not be searchable yet.
            self._client.indices.refresh(index=indices)
            for at in range(0, len(ids), _AT_ONCE):
                some = ids[at : at + _AT_ONCE]
                asked = one_of(ID, some)
                answer = self._client.search(
                    index=indices, query=asked, source=False, size=len(some), allow_partial_search_results=False
                )
                found.update((hit["_id"], hit["_index"]) for hit in answer["hits"]["hits"])
        return found

    def roll_over(self, after: timedelta) -> bool:
        """Begin another index where the newest is older than `after` and holds something; return whether it did."""
        self._put_template()
        conditions = {"max_age": f"{after // timedelta(milliseconds=1)}ms", "min_docs": 1}
        with named(self._what, IndexUnavailable):
            return bool(self._client.indices.rollover(alias=self.alias, conditions=conditions)["rolled_over"])

    def drop(self, before: int) -> int:
        """Delete the older indices whose every document was fetched before that microsecond; return their documents.

        An index is closed to writes first and looked at again, so that no revision written meanwhile goes with it.
        """
        gone = 0
        for index in self.behind()[1]:
            if self._newest(index)[0] < before:
                with named(self._what, IndexUnavailable):
                    self._client.indices.add_block(index=index, block="write")
                    self._client.indices.refresh(index=index)
                newest, count = self._newest(index)
                with named(self._what, IndexUnavailable):
                    if newest < before:
                        self._client.indices.delete(index=index)
                        gone += count
                    else:
                        self._client.indices.put_settings(index=index, settings={"index.blocks.write": False})
        return gone

    def _newest(self, index: str) -> tuple[float, int]:
        """Return when the newest document of an index was fetched, and how many there are."""
        with named(self._what, IndexUnavailable):
            found = self._client.search(
                index=index,
                size=0,
                track_total_hits=True,
                aggregations={"newest": {"max": {"field": FETCHED}}},
                allow_partial_search_results=False,
            )
        newest = found["aggregations"]["newest"]["value"]
        return float("-inf") if newest is None else float(newest), int(found["hits"]["total"]["value"])

    def _create(self) -> None:
        self._put_template()
        try:
            with named(self._what, IndexUnavailable):
                self._client.indices.create(
                    index=f"{self.alias}-000001", aliases={self.alias: {"is_write_index": True}}
                )
        except Refused as error:
            # Another worker was quicker; anything else shows when the alias is read.
            if "resource_already_exists" not in str(error):
                raise IndexUnavailable(f"{error}; {self._rebuild}") from error

    def _put_template(self) -> None:
        try:
            with named(self._what, IndexUnavailable):
                self._client.indices.put_index_template(
                    name=self.alias,
                    index_patterns=[f"{self.alias}-*"],
                    priority=_PRIORITY,
                    template={"settings": self._settings, "mappings": self._mapping},
                )
        except (Refused, Conflict, Missing) as error:
            raise IndexUnavailable(f"{self._what}: its template was refused: {error}") from error

    def _check(self, index: str, mapping: Mapping[str, Any]) -> None:
        layout = mapping.get("_meta", {}).get("heliograph_layout")
        if layout != LAYOUT:
            known = "none of ours" if layout is None else str(layout)
            raise IndexUnavailable(
                f"{self._what}: {index} has layout {known}, this release reads {LAYOUT}; {self._rebuild}"
            )
        if found := differences(self._mapping, mapping):
            more = f" and {len(found) - 1} more" if len(found) > 1 else ""
            raise IndexUnavailable(f"{self._what}: {index} has another mapping: {found[0]}{more}; {self._rebuild}")

    @property
    def _rebuild(self) -> str:
        return _REBUILD.format(alias=self.alias)
