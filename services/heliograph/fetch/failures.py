"""What goes wrong on the wire, as FetchErrors whose messages are safe to show.

Their reasons: `bad-url` `refused-address` `dns` `connect` `tls` `timeout` `dropped` `bad-response` `headers-too-large`
`too-large` `bad-encoding` `redirects` `overloaded` `given-up`, and `http-` with the status for an answer that is no
document.
"""

from __future__ import annotations

import ssl
from http import HTTPStatus

import aiohttp
from aiohttp.http_exceptions import LineTooLong

from heliograph.errors import FetchError
from heliograph.fetch.guard import RefusedAddressError
from heliograph.fetch.urls import shown


def failure(error: Exception, url: str, timeout: float, max_headers: int) -> FetchError:
    """Return the FetchError for what the client raised while it asked `url`.

    Of the client's error only its kind is told: its text may hold the address with its credentials.
    """
    where = shown(url)
    cause = getattr(error, "os_error", None) or error.__cause__ or error
    match error:
        case _ if isinstance(cause, RefusedAddressError):
            return refused(f"{where}: {cause.strerror}")
        case TimeoutError():
            return FetchError(f"{where}: no complete answer within {timeout:g} s", reason="timeout")
        case aiohttp.ClientConnectorDNSError():
            return FetchError(f"{where}: the host's name does not resolve", reason="dns")
        case aiohttp.ClientSSLError() | ssl.SSLError():
            return FetchError(f"{where}: no trusted TLS connection ({type(cause).__name__})", reason="tls")
        case aiohttp.ClientConnectorError():
            why = getattr(cause, "strerror", "") or "refused"
            return FetchError(f"{where}: no connection ({why})", reason="connect")
        case aiohttp.ServerDisconnectedError() | aiohttp.ClientPayloadError() | OSError():
            return FetchError(f"{where}: the server ended the connection early", reason="dropped")
        case aiohttp.InvalidURL() | ValueError():
            return FetchError(f"{where}: is no address that can be asked", reason="bad-url")
        case aiohttp.ClientResponseError() if isinstance(cause, LineTooLong) or "many headers" in error.message:
            return too_many_headers(url, max_headers)
        case _:
            return FetchError(f"{where}: the answer is no valid HTTP ({type(cause).__name__})", reason="bad-response")


def refused_by_server(url: str, status: int, pause: float | None) -> FetchError:
    """Return the FetchError for a status that brings no document; `pause` is its Retry-After in seconds."""
    # The phrase is ours: the server's own is text from outside that nobody needs.
    phrase = HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else ""
    what = f"{status} {phrase}".strip()
    return FetchError(f"{shown(url)}: the server answers {what}", reason=f"http-{status}", retry_after=pause)


def refused(message: str) -> FetchError:
    """Return the FetchError for an address that must not be connected to."""
    return FetchError(f"{message}: allow it in fetch.allow_networks if you mean it", reason="refused-address")


def too_large(cap: int) -> FetchError:
    """Return the FetchError for a body that is too large on the wire already."""
    return FetchError(f"the body is larger than {cap:,} bytes: it is not taken", reason="too-large")


def too_many_headers(url: str, cap: int) -> FetchError:
    """Return the FetchError for an answer whose headers are too large, one by one or together."""
    return FetchError(f"{shown(url)}: more than {cap:,} bytes of headers", reason="headers-too-large")
