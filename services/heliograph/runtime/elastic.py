"""The one place that opens the Elasticsearch client and names its errors in our words.

`connect` returns the official client with its own retries off: whoever calls decides what may be asked again. Its type
needs no import elsewhere; `named` turns what it raises into the error tree, so no error type of the client is needed
elsewhere either:

    connection refused or lost, no answer in time,
    429, 5xx, no or too few rights (401, 403),
    an answer that is not Elasticsearch's           -> Unavailable, or the heir of it that is asked for
    409                                             -> Conflict
    404                                             -> Missing
    any other 4xx: the request itself is at fault   -> Refused, a BadInput

Missing rights count as away: events wait until somebody mends the key, instead of becoming dead letters by the
thousand. A request whose reply was lost may have been carried out: nothing here asks twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from heliograph.errors import BadInput, HeliographError, SettingsError, Unavailable

if TYPE_CHECKING:
    from elasticsearch import ApiError, Elasticsearch

TIMEOUT = 10.0
"""Seconds to wait for an answer unless a call says otherwise (`client.options(request_timeout=…)`)."""
CONNECTIONS = 12
"""Connections kept open: as many threads ask at once without waiting for each other."""


class Access(Protocol):
    """Where Elasticsearch is and how to get in: the table `[elasticsearch]` of the settings."""

    @property
    def url(self) -> str: ...
    @property
    def api_key(self) -> str: ...
    @property
    def username(self) -> str: ...
    @property
    def password(self) -> str: ...
    @property
    def ca_file(self) -> str: ...


class Conflict(HeliographError):  # noqa: N818 - names what it is, as the error tree does
    """The document is there already, or is no longer the one that was read (409)."""


class Missing(HeliographError):  # noqa: N818 - names what it is, as the error tree does
    """No such index, alias or document (404)."""


class Refused(BadInput):
    """The request itself is at fault (400, 413, …): asking again will not help. `status` is the answer's code."""

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


def connect(access: Access, *, timeout: float = TIMEOUT) -> Elasticsearch:
    """Return a client for many threads; nothing is sent yet. Whoever opened it closes it.

    Raises SettingsError for an address that is none, two ways to log in and certificates that are not there.
    """
    from elasticsearch import Elasticsearch

    if access.api_key and access.username:
        raise SettingsError("elasticsearch: give either `api_key` or `username` and `password`")
    if access.ca_file and not Path(access.ca_file).is_file():
        raise SettingsError(f"elasticsearch.ca_file: {access.ca_file} is no file")
    options: dict[str, Any] = {"ca_certs": access.ca_file} if access.ca_file else {}
    if access.username:
        options["basic_auth"] = (access.username, access.password)
    if access.api_key:
        options["api_key"] = access.api_key
    try:
        return Elasticsearch(
            [_with_port(access.url)],
            request_timeout=timeout,
            connections_per_node=CONNECTIONS,
            max_retries=0,
            retry_on_timeout=False,
            retry_on_status=(),
            **options,
        )
    except (ValueError, TypeError) as error:
        raise SettingsError(f"elasticsearch.url: {place(access)} cannot be used: {error}") from error


@contextmanager
def named(what: str, away: type[Unavailable] = Unavailable) -> Iterator[None]:
    """Turn the client's errors into ours; `what` begins the message: `alert history at http://…:9200`.

    Raises `away` where asking again later may help, Conflict, Missing, Refused otherwise.
    """
    from elasticsearch import ApiError, TransportError, UnsupportedProductError

    try:
        yield
    except UnsupportedProductError as error:
        raise away(f"{what} is away (what answers is not Elasticsearch): check elasticsearch.url") from error
    except ApiError as error:
        raise translate(error.status_code, reason(error.body), what, away, _retry_after(error)) from error
    except TransportError as error:
        # Its words may hold addresses and objects of three libraries; the kind says enough.
        raise away(f"{what} is away ({_kind(error)}): check that it runs, and elasticsearch.url") from error


def translate(
    status: int, why: str, what: str, away: type[Unavailable] = Unavailable, retry_after: float | None = None
) -> HeliographError:
    """Return the error for an answer's status, or for that of one item of a bulk request."""
    if status in (401, 403):
        return away(f"{what} lets us not in ({status}: {why}): check elasticsearch.api_key or username and password")
    if status in (408, 429) or status >= 500:
        return away(f"{what} is overloaded or starting ({status}: {why})", retry_after=retry_after)
    if status == 409:
        return Conflict(f"{what}: {why}")
    if status == 404:
        return Missing(f"{what}: {why}")
    return Refused(f"{what} refuses the request ({status}: {why})", status=status)


def reason(body: object) -> str:
    """Return one line of the error in an answer's body, or in an item of a bulk answer; at most 300 characters."""
    error = body.get("error", body) if isinstance(body, dict) else body
    if isinstance(error, dict):
        causes = [error, *error.get("root_cause", ()), error.get("caused_by")]
        words = [f"{found['type']}: {found.get('reason')}" for found in causes if _typed(found)]
        error = "; ".join(dict.fromkeys(words)) or error
    return " ".join(str(error).split())[:300]


def _typed(cause: object) -> bool:
    return isinstance(cause, dict) and "type" in cause


def place(access: Access) -> str:
    """Return the address without what may be secret in it, for messages."""
    parts = urlsplit(access.url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _with_port(url: str) -> str:
    """Return the address with its port written out, as the client wants it."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SettingsError("elasticsearch.url: write http:// or https://, a host and a port")
    if parts.port is None:
        parts = parts._replace(netloc=f"{parts.netloc}:{443 if parts.scheme == 'https' else 80}")
    return parts.geturl()


def _kind(error: Exception) -> str:
    known = {
        "ConnectionTimeout": "no answer in time",
        "TlsError": "its certificate was not accepted: see elasticsearch.ca_file",
        "SerializationError": "an answer that is no JSON",
    }
    return known.get(type(error).__name__, "connection refused or lost")


def _retry_after(error: ApiError) -> float | None:
    given = error.meta.headers.get("retry-after") or ""
    return float(given) if given.isascii() and given.isdigit() else None
