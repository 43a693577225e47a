"""The Fetcher of the product: one conditional GET, with every limit, every hop judged."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urljoin

import aiohttp
from multidict import CIMultiDictProxy
from yarl import URL

from heliograph.errors import FetchError, UsageError
from heliograph.fetch.addresses import literal, networks, refusal
from heliograph.fetch.caching import retry_after
from heliograph.fetch.failures import failure, refused, refused_by_server, too_large, too_many_headers
from heliograph.fetch.guard import WANTED, GuardedResolver, GuardedSockets, Lookup, WantedRequest, system_lookup
from heliograph.fetch.inflate import ACCEPT_ENCODING, inflater
from heliograph.fetch.port import KEPT_HEADERS, FetchRequest, FetchResult
from heliograph.fetch.urls import host_of, require_web_url, shown

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PERMANENT = frozenset({301, 308})
_USABLE = frozenset({200, 203})
_ACCEPT = (
    "application/atom+xml, application/rss+xml, application/feed+json, application/rdf+xml;q=0.9, "
    "application/xml;q=0.8, text/xml;q=0.8, application/json;q=0.7, text/html;q=0.5, */*;q=0.1"
)
_CHUNK = 16 * 1024
_YIELD_EVERY = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpOptions:
    """Limits of the fetcher; sizes in bytes, times in seconds."""

    user_agent: str = "Heliograph/0.1 (news monitor; feed reader)"
    allow_networks: tuple[str, ...] = ()
    """CIDRs that may be fetched from although they are refused by default."""
    timeout: float = 30.0
    """For the whole of a fetch, redirects included."""
    max_body: int = 10_000_000
    """Of one body, on the wire and decoded."""
    max_headers: int = 64 * 1024
    max_redirects: int = 5
    per_host: int = 2
    """Connections to one host at a time."""
    concurrency: int = 512
    """Fetches at a time."""
    in_flight: int = 128_000_000
    """Decoded bytes of all bodies being read at a time."""


@dataclass(slots=True)
class _Gate:
    slots: asyncio.Semaphore
    users: int = 0


@dataclass(slots=True)
class _Trail:
    """What the hops of one fetch add up to."""

    permanent: str = ""
    leading: bool = True
    """Whether every redirect so far was a permanent one."""
    downgraded: bool = False
    hops: int = 0


class HttpFetcher:
    """Fetches over HTTP. Belongs to one event loop; the session is opened by the first fetch.

    `now` tells the time for Retry-After dates, `lookup` resolves names. Raises UsageError for a network that is none.
    """

    def __init__(self, options: HttpOptions, now: Callable[[], datetime], lookup: Lookup = system_lookup) -> None:
        self.options = options
        self.now = now
        self._lookup = lookup
        self._allow = networks(options.allow_networks)
        self._session: aiohttp.ClientSession | None = None
        self._gates: dict[str, _Gate] = {}
        self._slots = asyncio.Semaphore(options.concurrency)
        self._held = 0

    async def fetch(self, request: FetchRequest) -> FetchResult:
        """Return a document or the news that it has not changed; raises FetchError, see `failures` for its reasons."""
        try:
            url = URL(require_web_url(request.url))
        except (UsageError, ValueError) as error:
            raise FetchError(str(error), reason="bad-url") from error
        async with self._slots:
            asked = WANTED.set(request.wanted)
            try:
                return await self._follow(url, request)
            finally:
                WANTED.reset(asked)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _follow(self, first: URL, request: FetchRequest) -> FetchResult:
        loop, options = asyncio.get_running_loop(), self.options
        origin, credentials = first.origin(), _credentials(first)
        url, trail = first.with_user(None), _Trail()
        started: float | None = None
        deadline: float | None = None
        while True:
            if started is not None and trail.hops > self.options.max_redirects:
                raise FetchError(
                    f"{shown(request.url)}: more than {self.options.max_redirects} redirects, the last to "
                    f"{shown(str(url))}",
                    reason="redirects",
                )
            self._judge_literal(url)
            async with self._gate(host_of(str(url))):
                # Waiting for a turn at a busy host is not the server's fault: its time starts with the first request.
                started = loop.time() if started is None else started
                deadline = started + self.options.timeout if deadline is None else deadline
                headers = self._request_headers(request)
                if credentials and url.origin() == origin:
                    headers["Authorization"] = credentials
                try:
                    async with asyncio.timeout_at(deadline):
                        target, result = await self._hop(url, headers, trail)
                except FetchError:
                    raise
                except (TimeoutError, OSError, aiohttp.ClientError, ValueError) as error:
                    raise failure(error, str(url), options.timeout, options.max_headers) from error
            if result is not None:
                return FetchResult(
                    status=result.status,
                    url=str(url),
                    body=result.body,
                    headers=result.headers,
                    permanent_url=trail.permanent,
                    duration=loop.time() - started,
                    hops=trail.hops,
                    downgraded=trail.downgraded,
                    received=result.received,
                )
            url = target

    async def _hop(self, url: URL, headers: dict[str, str], trail: _Trail) -> tuple[URL, FetchResult | None]:
        """Make one request; return where it redirects to, or the result."""
        session = self._open()
        conditional = "If-None-Match" in headers or "If-Modified-Since" in headers
        async with session.get(url, headers=headers, allow_redirects=False) as response:
            size = sum(len(name) + len(value) + 4 for name, value in response.raw_headers)
            if size > self.options.max_headers:
                response.close()
                raise too_many_headers(str(url), self.options.max_headers)
            if response.status in _REDIRECTS:
                # Closed, not drained: the body of a redirect is nobody's business and may be endless.
                response.close()
                return _redirect(url, response.headers, response.status, trail), None
            kept = _kept(response.headers)
            if response.status == 304 and conditional:
                return url, FetchResult(status=304, url="", headers=kept)
            if response.status not in _USABLE:
                response.close()
                pause = retry_after(response.headers.get("Retry-After", ""), self.now())
                raise refused_by_server(str(url), response.status, pause)
            try:
                body, received = await self._read(response)
            except FetchError as error:
                response.close()
                raise FetchError(f"{shown(str(url))}: {error}", reason=error.reason) from error
            except BaseException:
                response.close()
                raise
            return url, FetchResult(status=response.status, url="", headers=kept, body=body, received=received)

    async def _read(self, response: aiohttp.ClientResponse) -> tuple[bytes, int]:
        decoder = inflater(",".join(response.headers.getall("Content-Encoding", [])), self.options.max_body)
        if (response.content_length or 0) > self.options.max_body:
            raise too_large(self.options.max_body)
        pieces: list[bytes] = []
        received = decoded = since_yield = 0
        try:
            async for data in response.content.iter_any():
                received += len(data)
                if received > self.options.max_body:
                    raise too_large(self.options.max_body)
                for start in range(0, len(data), _CHUNK):
                    found = decoder.feed(data[start : start + _CHUNK])
                    grown = sum(map(len, found))
                    pieces += found
                    decoded += grown
                    self._held += grown
                    since_yield += grown
                    if since_yield > _YIELD_EVERY:
                        since_yield = 0
                        await asyncio.sleep(0)
                if self._held > self.options.in_flight:
                    raise FetchError("too many bytes are being read at once: later", reason="overloaded")
            decoder.finish()
            return b"".join(pieces), received
        finally:
            self._held -= decoded

    def _judge_literal(self, url: URL) -> None:
        address = literal(url.host or "")
        why = refusal(address, self._allow) if address else ""
        if why:
            raise refused(f"{shown(str(url))}: {address} is not fetched from ({why})")

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(
                limit=0,
                limit_per_host=0,
                resolver=GuardedResolver(self._allow, self._lookup),
                socket_factory=GuardedSockets(self._allow),
                # A cached answer saves little between polls, and would let an old one live on.
                use_dns_cache=False,
                keepalive_timeout=5,
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                request_class=WantedRequest,
                auto_decompress=False,
                trust_env=False,
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=self.options.timeout),
                # One line may be as long as the whole; the count bounds what is held until the sum can be judged.
                max_line_size=8190,
                max_field_size=16_380,
                max_headers=100,
            )
        return self._session

    def _request_headers(self, request: FetchRequest) -> dict[str, str]:
        headers = {"User-Agent": self.options.user_agent, "Accept": _ACCEPT, "Accept-Encoding": ACCEPT_ENCODING}
        if request.etag:
            headers["If-None-Match"] = request.etag
        if request.last_modified:
            headers["If-Modified-Since"] = request.last_modified
        return headers

    @asynccontextmanager
    async def _gate(self, host: str) -> AsyncIterator[None]:
        gate = self._gates.setdefault(host, _Gate(asyncio.Semaphore(self.options.per_host)))
        gate.users += 1
        try:
            async with gate.slots:
                yield
        finally:
            gate.users -= 1
            if not gate.users:
                del self._gates[host]


def _credentials(url: URL) -> str:
    if url.user is None:
        return ""
    return aiohttp.encode_basic_auth(url.user, url.password or "", "utf-8")


def _kept(headers: CIMultiDictProxy[str]) -> dict[str, str]:
    """Return the headers worth keeping; one that is not short printable ASCII was never meant to be sent back."""
    found = {name: headers[name].strip() for name in KEPT_HEADERS if name in headers}
    return {
        name: value for name, value in found.items() if value.isascii() and value.isprintable() and len(value) < 1024
    }


def _redirect(url: URL, headers: CIMultiDictProxy[str], status: int, trail: _Trail) -> URL:
    location = headers.get("Location", "").strip()
    if not location:
        raise FetchError(f"{shown(str(url))}: answers {status} without saying where to", reason="bad-response")
    try:
        target = URL(require_web_url(urljoin(str(url), location))).with_user(None).with_fragment(None)
    except (UsageError, ValueError) as error:
        raise FetchError(f"{shown(str(url))} redirects to what cannot be fetched: {error}", reason="bad-url") from error
    trail.hops += 1
    trail.leading = trail.leading and status in _PERMANENT
    if trail.leading:
        trail.permanent = str(target)
    trail.downgraded = trail.downgraded or (url.scheme == "https" and target.scheme == "http")
    return target
