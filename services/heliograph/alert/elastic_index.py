"""The index `alerts` in Elasticsearch: opened or made, read, and written only where nobody else wrote in between.

A delivery is one document under its message's id, attempts included. Reads by id are realtime: they see every write
that was answered. Searches see what was written before the last `refresh`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from heliograph.alert.elastic_writes import CHUNK, Doc, Writes
from heliograph.alert.listing import from_micros, to_micros
from heliograph.alert.port import Alert, Attempt, Delivery, Status
from heliograph.errors import Unavailable, UsageError
from heliograph.runtime.elastic import Access, Missing, Refused, connect, named, place, reason, translate

OPENING = 60.0
"""Seconds to wait for the index to be made: a cluster that starts takes its time."""

NEWEST: tuple[Doc, ...] = ({"created_us": "desc"}, {"message": "desc"})
LONGEST_DUE: tuple[Doc, ...] = ({"due_us": "asc"}, {"created_us": "asc"}, {"message": "asc"})


@dataclass(frozen=True, slots=True)
class Kept:
    """A delivery as it was read, with what a write needs to notice that somebody wrote since."""

    delivery: Delivery
    seq_no: int
    term: int
    holder: str
    """Token of the `take` that leased it last; empty once recorded."""
    claimant: str
    """Which store object created it."""


class AlertIndex:
    """The index, through a client of its own. All raise Unavailable while Elasticsearch is away.

    `schema` is `schemas/elasticsearch/alerts.json`: the template that the index is made from. Raises UsageError where a
    newer release, or something else, made the index.
    """

    def __init__(self, access: Access, *, prefix: str, replicas: int, schema: Mapping[str, Any]) -> None:
        self._what = f"alert history at {place(access)}"
        self._name = f"{prefix}alerts"
        self._client = connect(access)
        self._writes = Writes(self._client, self._name, self._asked, self._what)
        try:
            with self._asked():
                self._prepare(schema, replicas)
        except BaseException:
            self._client.close()
            raise

    def _prepare(self, schema: Mapping[str, Any], replicas: int) -> None:
        indices = self._client.options(request_timeout=OPENING).indices
        version, template = schema["version"], schema["template"]
        if not indices.exists(index=self._name):
            settings = {**template["settings"], "number_of_replicas": replicas}
            # The template stays: should the index be deleted under us, the next claim makes it as it was.
            indices.put_index_template(
                name=self._name,
                index_patterns=[self._name],
                priority=schema["priority"],
                version=version,
                template={**template, "settings": settings},
            )
            try:
                with named(self._what):
                    indices.create(index=self._name)
            except Refused as error:
                # Several processes start at once, and one is first.
                if "resource_already_exists" not in str(error):
                    raise
        [found] = indices.get_mapping(index=self._name).body.values()
        there = found["mappings"].get("_meta", {}).get("version")
        if there is None:
            raise UsageError(
                f"{self._what}: index {self._name} is none of ours: set another elasticsearch.index_prefix"
            )
        if there > version:
            raise UsageError(
                f"{self._what}: index {self._name} has version {there}, this release knows up to {version}: "
                "upgrade Heliograph"
            )
        if there < version:
            indices.put_mapping(index=self._name, **template["mappings"])

    @contextmanager
    def _asked(self) -> Iterator[None]:
        try:
            with named(self._what):
                yield
        except Missing as error:
            gone = f"{self._what} has lost its index {self._name}: restore it, or restart to begin anew ({error})"
            raise Unavailable(gone) from error

    def fetch(self, messages: Collection[str], *, attempts: bool = False) -> dict[str, Kept]:
        """Return those of the messages that are there, as of now, by id; with their attempts where asked."""
        found: dict[str, Kept] = {}
        ids = list(messages)
        for at in range(0, len(ids), CHUNK):
            with self._asked():
                answer = self._client.mget(
                    index=self._name,
                    ids=ids[at : at + CHUNK],
                    source_excludes=None if attempts else ["attempts"],
                )
                for doc in answer["docs"]:
                    if "error" in doc:
                        status = 404 if "not_found" in reason(doc) else 503
                        raise translate(status, reason(doc), self._what)
                    if doc["found"]:
                        found[doc["_id"]] = _kept(doc)
        return found

    def refresh(self) -> None:
        """Let searches see all that was written."""
        with self._asked():
            self._client.indices.refresh(index=self._name)

    def search(
        self,
        conditions: Sequence[Doc],
        order: Sequence[Doc],
        size: int,
        after: Sequence[int | str] = (),
        *,
        attempts: bool = False,
    ) -> tuple[int, list[Kept]]:
        """Return how many documents meet all conditions, and the first `size` of them, or those behind `after`."""
        found: list[Kept] = []
        while True:
            with self._asked():
                answer = self._client.search(
                    index=self._name,
                    query={"bool": {"filter": list(conditions)}},
                    sort=list(order),
                    size=min(size - len(found), CHUNK),
                    search_after=list(after) or None,
                    seq_no_primary_term=True,
                    track_total_hits=True,
                    source_excludes=None if attempts else ["attempts"],
                )
            hits = answer["hits"]["hits"]
            found += map(_kept, hits)
            if len(hits) < CHUNK or len(found) >= size:
                return int(answer["hits"]["total"]["value"]), found
            after = hits[-1]["sort"]

    def create(self, deliveries: Collection[Delivery], claimant: str) -> dict[str, Kept]:
        """Create each that is not there; return those that were created, by id."""
        made = [({"create": {"_id": one.id}}, {**_document(one), "claimant": claimant}) for one in deliveries]
        written = self._writes.do(made)
        return {
            one.id: Kept(one, *written[one.id], holder="", claimant=claimant) for one in deliveries if one.id in written
        }

    def swap(self, changes: Sequence[tuple[Kept, Doc]]) -> dict[str, tuple[int, int]]:
        """Change fields of each that is still as it was read; return `seq_no` and `term` of those that were changed."""
        return self._writes.do([({"update": _unchanged(kept)}, {"doc": change}) for kept, change in changes])

    def delete(self, old: Sequence[Kept]) -> set[str]:
        """Delete each that is still as it was read; return the ids of those that were deleted."""
        return set(self._writes.do([({"delete": _unchanged(kept)}, None) for kept in old]))

    def close(self) -> None:
        """End the connections."""
        self._client.close()


def place_in_time(due: datetime | None) -> Doc:
    """Return the fields for when a delivery is due: to the microsecond for us, and as a date for people."""
    return {"due": _iso(due), "due_us": to_micros(due)} if due is not None else {"due": None, "due_us": None}


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()


def _document(delivery: Delivery) -> Doc:
    alert = delivery.alert
    return {
        "message": alert.message,
        "alert": alert.id,
        "kind": alert.kind,
        "channel": alert.channel,
        "topic": alert.topic,
        "story": alert.story,
        "created": _iso(alert.created),
        "created_us": to_micros(alert.created),
        "status": delivery.status.value,
        **place_in_time(delivery.due),
        "tries": delivery.tries,
        "copies": delivery.copies,
        "outlets": list(delivery.outlets),
        "error": delivery.error,
        "holder": "",
        "body": msgspec.to_builtins(alert),
        "attempts": [msgspec.to_builtins(attempt) for attempt in delivery.attempts],
    }


def _kept(found: Mapping[str, Any]) -> Kept:
    source = found["_source"]
    delivery = Delivery(
        alert=msgspec.convert(source["body"], Alert),
        status=Status(source["status"]),
        due=from_micros(source["due_us"]) if source["due_us"] is not None else None,
        tries=source["tries"],
        copies=source["copies"],
        outlets=tuple(source["outlets"]),
        error=source["error"],
        attempts=msgspec.convert(source.get("attempts", ()), tuple[Attempt, ...]),
    )
    return Kept(delivery, found["_seq_no"], found["_primary_term"], source["holder"], source["claimant"])


def _unchanged(kept: Kept) -> Doc:
    return {"_id": kept.delivery.id, "if_seq_no": kept.seq_no, "if_primary_term": kept.term}
