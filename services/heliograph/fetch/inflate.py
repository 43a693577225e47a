"""Content codings under a cap on decoded bytes.

One coding only, for a chain multiplies the ratio of each; output is taken in slices, so that a small input can never
make a large buffer before it is counted.
"""

from __future__ import annotations

import zlib
from typing import Protocol

import brotli  # type: ignore[import-untyped] # brotli ships no types

from heliograph.errors import FetchError

ACCEPT_ENCODING = "gzip, deflate, br"
MAX_MEMBERS = 1_000
"""Members that a gzip body may consist of; a real one has one, a hostile one a hundred thousand empty ones."""
_SLICE = 256 * 1024


class Inflater(Protocol):
    """Decodes one body. `feed` returns the decoded bytes of a chunk, `finish` checks that the body was complete."""

    def feed(self, chunk: bytes) -> list[bytes]: ...

    def finish(self) -> None: ...


def inflater(content_encoding: str, cap: int) -> Inflater:
    """Return what decodes a body of this Content-Encoding header, all values joined by commas.

    `cap` is the number of decoded bytes allowed. Raises FetchError (`bad-encoding`) for a chain of codings and for one
    that is not offered; the inflater's methods raise FetchError (`too-large`, `bad-encoding`).
    """
    codings = [name for part in content_encoding.split(",") if (name := part.strip().lower()) not in ("", "identity")]
    if len(codings) > 1:
        raise _bad("the body is encoded more than once, one coding is taken")
    match codings:
        case []:
            return _Identity(cap)
        case ["gzip" | "x-gzip"]:
            return _Gzip(cap)
        case ["deflate"]:
            return _Deflate(cap)
        case ["br"]:
            return _Brotli(cap)
        case _:
            raise _bad(f"the body has the content coding {codings[0][:40]!r}, which was not offered")


class _Counted:
    def __init__(self, cap: int) -> None:
        self._cap = cap
        self._decoded = 0

    def _count(self, piece: bytes) -> bytes:
        self._decoded += len(piece)
        if self._decoded > self._cap:
            raise FetchError(
                f"the body is larger than {self._cap:,} bytes once decoded: it is not taken", reason="too-large"
            )
        return piece

    def _room(self) -> int:
        """Bytes to ask a decoder for: one more than allowed shows that there is more."""
        return min(_SLICE, self._cap - self._decoded + 1)


class _Identity(_Counted):
    def feed(self, chunk: bytes) -> list[bytes]:
        return [self._count(chunk)]

    def finish(self) -> None:
        """Accept any end: the framing of HTTP has been checked by the client."""


class _Gzip(_Counted):
    """One or more gzip members (RFC 1952, 2.2); what follows the last and is no member is ignored, as browsers do."""

    def __init__(self, cap: int) -> None:
        super().__init__(cap)
        self._member = zlib.decompressobj(wbits=31)
        self._members = 1
        self._between = b""
        self._ended = False

    def feed(self, chunk: bytes) -> list[bytes]:
        found: list[bytes] = []
        data = self._between + chunk
        self._between = b""
        while data and not self._ended:
            if self._member.eof and not self._next_member(data):
                break
            try:
                piece = self._member.decompress(data, self._room())
            except zlib.error as error:
                raise _bad(f"the gzip body is damaged: {error}") from error
            if piece:
                found.append(self._count(piece))
            data = self._member.unused_data if self._member.eof else self._member.unconsumed_tail
        return found

    def _next_member(self, data: bytes) -> bool:
        if len(data) < 2:
            self._between = data
            return False
        if not data.startswith(b"\x1f\x8b"):
            self._ended = True
            return False
        self._members += 1
        if self._members > MAX_MEMBERS:
            raise _bad(f"the gzip body consists of more than {MAX_MEMBERS} members")
        self._member = zlib.decompressobj(wbits=31)
        return True

    def finish(self) -> None:
        if not self._member.eof:
            raise _bad("the gzip body ends early")


class _Deflate(_Counted):
    """The zlib format, as RFC 9110, 8.4.1.2 says, or the bare deflate data that some servers send instead."""

    def __init__(self, cap: int) -> None:
        super().__init__(cap)
        self._stream = zlib.decompressobj()
        self._head = b""
        self._decided = False

    def feed(self, chunk: bytes) -> list[bytes]:
        if not self._decided:
            self._head += chunk
            if len(self._head) < 2:
                return []
            # RFC 1950, 2.2: method 8, and the first two bytes are a multiple of 31.
            is_zlib = self._head[0] & 0x0F == 8 and int.from_bytes(self._head[:2], "big") % 31 == 0
            self._stream = zlib.decompressobj() if is_zlib else zlib.decompressobj(wbits=-15)
            self._decided, chunk = True, self._head
        found: list[bytes] = []
        data = chunk
        while data and not self._stream.eof:
            try:
                piece = self._stream.decompress(data, self._room())
            except zlib.error as error:
                raise _bad(f"the deflate body is damaged: {error}") from error
            if piece:
                found.append(self._count(piece))
            data = self._stream.unconsumed_tail
        return found

    def finish(self) -> None:
        if not self._stream.eof:
            raise _bad("the deflate body ends early")


class _Brotli(_Counted):
    """Brotli (RFC 7932), asked for its output in slices."""

    def __init__(self, cap: int) -> None:
        super().__init__(cap)
        self._stream = brotli.Decompressor()

    def feed(self, chunk: bytes) -> list[bytes]:
        found: list[bytes] = []
        data = chunk
        try:
            while not self._stream.is_finished():
                # The decoder says that it takes more input while output still waits: only an empty slice is an end.
                piece = self._stream.process(data, output_buffer_limit=self._room())
                data = b""
                if not piece:
                    break
                found.append(self._count(piece))
        except brotli.error as error:
            raise _bad(f"the brotli body is damaged: {error}") from error
        return found

    def finish(self) -> None:
        if not self._stream.is_finished():
            raise _bad("the brotli body ends early")


def _bad(message: str) -> FetchError:
    return FetchError(message, reason="bad-encoding")
