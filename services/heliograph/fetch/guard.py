"""Resolver and socket factory that judge an address where it is connected to.

Judging a name before the connection is no protection, since the name may be answered differently the next moment. Here
the very address that a socket is about to connect to is judged (`GuardedSockets`), for every hop and for addresses
spelled out in URLs as well; the resolver drops refused answers before that, so that a name with one good address works.
`WantedRequest` asks, once there is a connection, whether its feed is still ours to poll.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from typing import Any

from aiohttp import ClientRequest, ClientResponse
from aiohttp.abc import AbstractResolver, ResolveResult

from heliograph.errors import FetchError
from heliograph.fetch.addresses import Network, literal, refusal
from heliograph.fetch.port import GIVEN_UP
from heliograph.fetch.urls import shown

AddressInfo = tuple[Any, Any, Any, Any, tuple[Any, ...]]
Lookup = Callable[[str, int, int], Sequence[AddressInfo]]
"""(host, port, address family) -> what `socket.getaddrinfo` returns; may block, raises OSError."""

_LOOKUP_THREADS = 32


class RefusedAddressError(OSError):
    """The address must not be connected to; `strerror` says why."""

    def __init__(self, host: str, address: str, why: str) -> None:
        super().__init__(errno.EACCES, f"{host} leads to {address} ({why})")


def system_lookup(host: str, port: int, family: int) -> Sequence[AddressInfo]:
    """Return the system's addresses of `host`."""
    return socket.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)


class GuardedResolver(AbstractResolver):
    """Resolves in threads of its own, so that a slow name server holds up no other work, and drops refused answers."""

    def __init__(self, allow: Sequence[Network], lookup: Lookup = system_lookup) -> None:
        self._allow = tuple(allow)
        self._lookup = lookup
        self._threads = ThreadPoolExecutor(_LOOKUP_THREADS, thread_name_prefix="heliograph-dns")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the addresses that may be connected to.

        Raises RefusedAddressError where there are only others, OSError where the name does not resolve.
        """
        loop = asyncio.get_running_loop()
        infos = await loop.run_in_executor(self._threads, self._lookup, host, port, family)
        allowed: list[ResolveResult] = []
        refused: RefusedAddressError | None = None
        for found_family, _, proto, _, address in infos:
            why = refusal(str(address[0]), self._allow)
            if why:
                refused = RefusedAddressError(host, str(address[0]), why)
                continue
            allowed.append(
                ResolveResult(
                    hostname=host,
                    host=str(address[0]),
                    port=port,
                    family=found_family,
                    proto=proto,
                    flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
                )
            )
        if not allowed:
            raise refused or OSError(errno.EHOSTUNREACH, f"{host} has no address")
        return allowed

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


class GuardedSockets:
    """Makes the socket for one connection, or refuses; called by the connector with the address to be connected to."""

    def __init__(self, allow: Sequence[Network]) -> None:
        self._allow = tuple(allow)

    def __call__(self, info: AddressInfo) -> socket.socket:
        family, kind, proto, _, address = info
        numeric = str(address[0])
        # A literal in a URL arrives here as the URL spells it; a name cannot, for the resolver answers with numbers.
        why = refusal(literal(numeric) or numeric, self._allow)
        if why:
            raise RefusedAddressError(numeric, numeric, why)
        return socket.socket(family=family, type=kind, proto=proto)


WANTED: ContextVar[Callable[[], bool]] = ContextVar("wanted")
"""What to ask before a request of the present fetch is sent."""


class WantedRequest(ClientRequest):
    """A request that is sent only if it is still wanted once there is a connection to send it on."""

    async def send(self, conn: Any) -> ClientResponse:  # noqa: ANN401 - the client does not name the type
        # Between this and the first byte nothing else runs: a process that was stopped while it looked up a name or
        # connected finds out here that its feed went to another worker meanwhile.
        if not WANTED.get()():
            raise FetchError(f"{shown(str(self.url))}: given up before it was asked", reason=GIVEN_UP)
        return await super().send(conn)
