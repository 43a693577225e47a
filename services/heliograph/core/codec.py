"""Envelopes as bytes and back.

The wire format is JSON (RFC 8259, UTF-8), because people read topics and dead letters with ordinary tools; the shapes
stand in `schemas/events/`. A payload's `type` field names it, `schema` is its version. An envelope of an older version
is lifted by the upcasters below before it is decoded; one of a newer version is refused, not guessed at.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from heliograph.core.event import DeadLetter, Envelope
from heliograph.errors import CodecError

SCHEMA_VERSION = 1
"""Version that this release writes."""

_CAUSE = 500
"""Characters of a cause that travel as a header; the whole stands in the event."""

Upcaster = Callable[[dict[str, Any]], dict[str, Any]]

UPCASTERS: dict[int, Upcaster] = {}
"""From a version to the function that lifts a raw envelope of it to the next one."""

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Envelope)


class _Version(msgspec.Struct):
    schema: int = 1


_version_decoder = msgspec.json.Decoder(_Version)


def encode(envelope: Envelope) -> bytes:
    """Return the envelope as UTF-8 JSON, fields in declaration order, defaults left out."""
    return _encoder.encode(envelope)


def headers(envelope: Envelope) -> tuple[tuple[str, str], ...]:
    """Return what a log may carry beside the bytes, so that tools can filter and trace without reading them."""
    found = (("schema", str(envelope.schema)), ("trace", envelope.trace))
    letter = envelope.data
    if not isinstance(letter, DeadLetter):
        return found
    return (*found, ("stage", letter.stage), ("reason", letter.reason), ("cause", letter.cause[:_CAUSE]))


def decode(data: bytes) -> Envelope:
    """Return the envelope in `data`, lifted to the present schema version.

    Raises CodecError for bytes that are no envelope, and for a version that this release does not know.
    """
    try:
        version = _version_decoder.decode(data).schema
        if version == SCHEMA_VERSION:
            return _decoder.decode(data)
        if version > SCHEMA_VERSION:
            raise CodecError(
                f"event has schema version {version}, this release reads up to {SCHEMA_VERSION}: upgrade Heliograph"
            )
        return msgspec.convert(lift(msgspec.json.decode(data)), Envelope)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CodecError(f"not an event of Heliograph: {error}") from error


def lift(raw: dict[str, Any]) -> dict[str, Any]:
    """Return `raw` after every upcaster from its version to the present one.

    Raises CodecError where a step is missing.
    """
    version = int(raw.get("schema", 1))
    while version < SCHEMA_VERSION:
        step = UPCASTERS.get(version)
        if step is None:
            raise CodecError(f"no upcaster from schema version {version}: the event predates every known release")
        raw = {**step(raw), "schema": version + 1}
        version += 1
    return raw
