"""Many documents in one request, and what became of each: written, known in a newer revision, refused, or still to do.

A request is as large as is good for the cluster and no larger. What it has no room for now is sent again after a pause,
for a few seconds; a document that it refuses is told apart from the others, also where it refuses the whole request
for the sake of one. Nothing is doubled by sending it twice: documents have ids and versions of ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from heliograph.errors import IndexUnavailable
from heliograph.runtime.elastic import Missing, Refused, named, reason, translate

if TYPE_CHECKING:
    from elasticsearch import Elasticsearch

MOST_BYTES = 5_000_000
MOST_LINES = 1_000
TIMEOUT = 60.0
"""Seconds for one request; a cluster that merges may take a while."""
PAUSES = (0.1, 0.3, 1.0, 3.0)
"""Seconds before each further try of what the cluster had no room for."""


@dataclass(frozen=True, slots=True)
class Line:
    """One document to write, or to delete where it has no source."""

    id: str
    version: int
    source: bytes | None
    index: str
    alias: bool
    """Whether `index` is an alias: the cluster must not make an index of that name where the alias is gone."""


@dataclass(slots=True)
class Sent:
    """What became of the lines."""

    done: int = 0
    """Written or deleted now; those of an older revision than the one that is there do not count."""
    refused: dict[str, str] = field(default_factory=dict)
    """Documents that can never be written, by id, and why."""


def send(client: Elasticsearch, lines: Sequence[Line], what: str, sleep: Callable[[float], object]) -> Sent:
    """Write and delete; documents are durable when this returns, and not yet seen by searches.

    Raises IndexUnavailable where the cluster is away or stays busy, and Missing where the alias is gone. Some of the
    documents may be written then: sending all of them again completes it.
    """
    sent = Sent()
    asking = client.options(request_timeout=TIMEOUT)
    for chunk in _chunks(lines):
        _send(asking, chunk, what, sleep, sent)
    return sent


def _send(
    client: Elasticsearch, lines: Sequence[Line], what: str, sleep: Callable[[float], object], sent: Sent
) -> None:
    left = list(lines)
    busy: IndexUnavailable | None = None
    for pause in (0.0, *PAUSES):
        if pause:
            sleep(pause)
        try:
            left, busy = _once(client, left, what, sent)
        except Refused as error:
            # The whole request was refused, for its size or for one of its lines: halves tell which.
            if len(left) == 1:
                sent.refused[left[0].id] = str(error)
                return
            for half in (left[: len(left) // 2], left[len(left) // 2 :]):
                _send(client, half, what, sleep, sent)
            return
        if not left:
            return
    raise busy or IndexUnavailable(f"{what} stays busy")


def _once(
    client: Elasticsearch, lines: list[Line], what: str, sent: Sent
) -> tuple[list[Line], IndexUnavailable | None]:
    """Send once; return the lines that the cluster had no room for, and its words for the last of them."""
    try:
        with named(what, IndexUnavailable):
            answer = client.bulk(operations=list(_operations(lines)))
    except IndexUnavailable as error:
        if error.__cause__ is not None and getattr(error.__cause__, "status_code", None) == 429:
            return lines, error
        raise
    left: list[Line] = []
    busy: IndexUnavailable | None = None
    for line, item in zip(lines, answer["items"], strict=True):
        ((_, outcome),) = item.items()
        found = _judged(line, outcome, what, sent)
        if found is not None:
            left.append(line)
            busy = found
    return left, busy


def _judged(line: Line, outcome: dict[str, Any], what: str, sent: Sent) -> IndexUnavailable | None:
    """Count one outcome; return why the line has to be sent again, if it has to be."""
    status = outcome["status"]
    if status in (200, 201):
        sent.done += 1
        return None
    if status == 409 or (status == 404 and line.source is None and "error" not in outcome):
        # A newer revision is there already; or what was to be deleted is not.
        return None
    error = translate(status, reason(outcome), what, IndexUnavailable)
    if isinstance(error, IndexUnavailable):
        return error
    if isinstance(error, Missing):
        raise error
    sent.refused[line.id] = reason(outcome)
    return None


def _operations(lines: Sequence[Line]) -> Iterator[Any]:
    # Bytes are sent as they are, which the client's types do not say.
    for line in lines:
        place: dict[str, Any] = {"_index": line.index, "_id": line.id}
        place |= {"version": line.version, "version_type": "external_gte"}
        if line.source is None:
            yield {"delete": place}
        else:
            yield {"index": {**place, "require_alias": line.alias}}
            yield line.source


def _chunks(lines: Sequence[Line]) -> Iterator[Sequence[Line]]:
    chunk: list[Line] = []
    size = 0
    for line in lines:
        length = len(line.source or b"")
        if chunk and (size + length > MOST_BYTES or len(chunk) == MOST_LINES):
            yield chunk
            chunk, size = [], 0
        chunk.append(line)
        size += length
    if chunk:
        yield chunk
