"""Parsing behind a process boundary: what runs in the child, and the client that hides it.

The room knows no process: `SandboxedParser` is given anything that carries bytes there and back, which is
`runtime.sandbox.Sandbox("heliograph.parse.worker:handle")` in production.
"""

from __future__ import annotations

from typing import Final, Protocol

import msgspec

from heliograph.errors import FeedError
from heliograph.parse.feed import parse_feed
from heliograph.parse.port import ParsedFeed, ParseOptions

TARGET: Final = "heliograph.parse.worker:handle"
"""What a sandbox runs for this room."""


class Boundary(Protocol):
    """Carries a request to a pure function elsewhere.

    Promises: returns what the function returned for the payload, or raises FeedError where it was ended for what it
    used (reasons `cpu-deadline`, `wall-deadline`, `memory`) or died (`crashed`); other requests are not affected.
    """

    def call(self, payload: bytes) -> bytes: ...

    async def acall(self, payload: bytes) -> bytes: ...


class Request(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One body to parse."""

    body: bytes
    url: str = ""
    content_type: str = ""
    language_hint: str = ""
    options: ParseOptions = ParseOptions()


class Reply(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The feed, or why there is none."""

    feed: ParsedFeed | None = None
    error: str = ""
    reason: str = ""


_encoder = msgspec.msgpack.Encoder()
_requests = msgspec.msgpack.Decoder(Request)
_replies = msgspec.msgpack.Decoder(Reply)


def prepare() -> None:
    """Load what every request needs, before the child's limits are set."""
    parse_feed(_WARM)


_WARM: Final = (
    b"<rss version='2.0'><channel><item><title>x</title><link>https://example.org/x</link>"
    b"<pubDate>Mon, 12 Jan 2026 10:00:00 GMT</pubDate>"
    b"<description>&lt;p&gt;quelques mots seulement&lt;/p&gt;</description></item></channel></rss>"
)


def handle(request: bytes) -> bytes:
    """Parse one encoded Request and return an encoded Reply; what is wrong with the feed is part of the reply."""
    asked = _requests.decode(request)
    try:
        feed = parse_feed(
            asked.body,
            url=asked.url,
            content_type=asked.content_type,
            language_hint=asked.language_hint,
            options=asked.options,
        )
    except FeedError as error:
        return _encoder.encode(Reply(error=str(error), reason=error.reason))
    return _encoder.encode(Reply(feed=feed))


class SandboxedParser:
    """`parse_feed` across a boundary: same result, same errors, and no body can take the caller down with it."""

    def __init__(self, boundary: Boundary, options: ParseOptions | None = None) -> None:
        self._boundary = boundary
        self._options = options or ParseOptions()

    async def parse(
        self,
        body: bytes,
        content_type: str = "",
        url: str = "",
        language_hint: str = "",
        *,
        reference_only: bool = False,
    ) -> ParsedFeed:
        """Return what the feed says; raises FeedError as `parse_feed` and the boundary do."""
        return _answer(
            await self._boundary.acall(self._request(body, content_type, url, language_hint, reference_only))
        )

    def parse_now(self, body: bytes, content_type: str = "", url: str = "", language_hint: str = "") -> ParsedFeed:
        """As `parse`, for a caller without an event loop."""
        return _answer(self._boundary.call(self._request(body, content_type, url, language_hint, False)))

    def _request(self, body: bytes, content_type: str, url: str, language_hint: str, reference_only: bool) -> bytes:
        options = msgspec.structs.replace(self._options, reference_only=True) if reference_only else self._options
        return _encoder.encode(
            Request(body=body, url=url, content_type=content_type, language_hint=language_hint, options=options)
        )


def _answer(reply: bytes) -> ParsedFeed:
    answer = _replies.decode(reply)
    if answer.feed is None:
        raise FeedError(answer.error, reason=answer.reason)
    return answer.feed
