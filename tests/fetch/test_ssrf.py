"""No form of address, redirect or name reaches what is not to be reached: a canary on loopback counts connections."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiohttp import web

from heliograph.errors import FetchError, UsageError
from heliograph.fetch.addresses import networks
from heliograph.fetch.guard import AddressInfo, GuardedResolver, GuardedSockets, RefusedAddressError
from heliograph.fetch.http import HttpFetcher, HttpOptions
from heliograph.fetch.port import FetchRequest

pytestmark = pytest.mark.anyio

Make = Callable[..., HttpFetcher]

FORMS = """
127.0.0.1 127.1 127.0.1 127.000.000.001 0177.0.0.1 0177.1 0x7f.0.0.1 0x7f.1 0x7f000001 0x7F000001 2130706433
017700000001 0 0.0.0.0 00000000 0x0 127.127.127.127 127.255.255.254 localhost LOCALHOST localhost. 127.0.0.1.
ip6-localhost
[::1] [::] [0:0:0:0:0:0:0:1] [0000::1] [::ffff:127.0.0.1] [::ffff:7f00:1] [::ffff:0:127.0.0.1] [::127.0.0.1] [::7f00:1]
[64:ff9b::7f00:1] [64:ff9b::127.0.0.1] [64:ff9b:1::7f00:1] [2002:7f00:1::] [2001:0:4136:e378:8000:63bf:80ff:fffe]
[fe80::1] [fe80::1%25lo] [fec0::1] [fc00::1] [fd00::1] [ff02::1] [::ffff:10.0.0.1] [::ffff:169.254.169.254]
１２７.０.０.１ 127。0。0。1 ⑫７.0.0.1 ①②⑦.⓪.⓪.① 127%2e0%2e0%2e1 %31%32%37.0.0.1 loc%61lhost
example.org@127.0.0.1 example.org:80@127.0.0.1 a:b@127.0.0.1 example.org%40127.0.0.1
169.254.169.254 100.64.0.1 198.18.0.1 10.0.0.1 172.16.0.1 192.168.0.1 192.0.0.192 224.0.0.1
255.255.255.255 100.100.100.200
""".split()  # noqa: SIM905 - a table reads better than a list of quotes
TRICKS = [
    "http://127.0.0.1:{port}\\@example.org/",
    "http://example.org\\@127.0.0.1:{port}/",
    "http:\\\\127.0.0.1:{port}/",
    "http:///127.0.0.1:{port}/",
    "http:127.0.0.1:{port}/",
    "http://127.0.0.1:{port}#@example.org/",
    "http://127.0.0.1:{port}?@example.org/",
    "http://exa\tmple.org@127.0.0.1:{port}/",
    "\x01http://127.0.0.1:{port}/",
    "HTTP://127.0.0.1:{port}/",
    "https://127.0.0.1:{port}/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:{port}/_GET",
]


def no_name_service(host: str, port: int, family: int) -> Sequence[AddressInfo]:
    """The system's reading of numbers and of localhost, without asking any name server."""
    if host.rstrip(".").lower() in ("localhost", "ip6-localhost"):
        host = "127.0.0.1"
    flags = socket.AI_NUMERICHOST
    return socket.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM, flags=flags)


class Canary:
    """Listens on every loopback address of both families, where there are both; counts what connects."""

    def __init__(self) -> None:
        self.connections = 0
        self.port = 0

    async def serve(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        writer.close()


@pytest.fixture
async def canary() -> AsyncIterator[Canary]:
    made = Canary()
    first = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = first.sockets[0].getsockname()[1]
    servers = [first]
    for host in ("::1", "127.127.127.127", "127.255.255.254"):
        try:
            servers.append(await asyncio.start_server(made.serve, host, made.port))
        except OSError:
            assert host == "::1", "IPv4 loopback must be there; IPv6 may be switched off"
    yield made
    for server in servers:
        server.close()


def urls(port: int) -> list[str]:
    return [f"http://{form}:{port}/feed" for form in FORMS] + [trick.format(port=port) for trick in TRICKS]


async def test_no_form_of_a_refused_address_is_connected_to(canary: Canary, fetcher: Make) -> None:
    client = fetcher(lookup=no_name_service, allow_networks=(), timeout=5.0)
    reasons: Counter[str] = Counter()
    for url in urls(canary.port):
        with pytest.raises(FetchError) as caught:
            await client.fetch(FetchRequest(url=url))
        reasons[caught.value.reason] += 1
    assert canary.connections == 0
    assert sum(reasons.values()) >= 60
    assert set(reasons) == {"refused-address", "bad-url", "dns"}
    assert reasons["refused-address"] >= 40


async def test_the_canary_does_hear_a_fetch_that_is_allowed(canary: Canary, fetcher: Make) -> None:
    with pytest.raises(FetchError) as caught:
        await fetcher().fetch(FetchRequest(url=f"http://127.0.0.1:{canary.port}/"))
    assert caught.value.reason == "dropped"
    assert canary.connections >= 1


async def test_no_redirect_leads_to_a_refused_address(canary: Canary, fetcher: Make) -> None:
    targets = urls(canary.port)
    place = 0

    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": targets[place].replace("\x01", "")})

    app = web.Application()
    app.router.add_get("/{tail:.*}", handler)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.2.1", 0).start()
    port = runner.addresses[0][1]
    client = fetcher(lookup=no_name_service, allow_networks=("127.0.2.1/32",), timeout=5.0)
    for place in range(len(targets)):
        with pytest.raises(FetchError) as caught:
            await client.fetch(FetchRequest(url=f"http://127.0.2.1:{port}/{place}"))
        # A form that the server's own address is the base of leads back to it, round and round.
        assert caught.value.reason in ("refused-address", "bad-url", "dns", "redirects"), targets[place]
    await runner.cleanup()
    assert canary.connections == 0


async def test_a_name_that_changes_its_answer_between_two_looks_never_gets_through(
    canary: Canary, fetcher: Make
) -> None:
    looks: Counter[str] = Counter()

    def rebinding(host: str, port: int, _: int) -> Sequence[AddressInfo]:
        looks[host] += 1
        address = "127.0.3.1" if looks[host] % 2 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    client = fetcher(lookup=rebinding, allow_networks=("127.0.3.1/32",))
    for number in range(100):
        for reason in ("connect", "refused-address"):
            with pytest.raises(FetchError) as caught:
                await client.fetch(FetchRequest(url=f"http://name-{number}.example:{canary.port}/"))
            assert caught.value.reason == reason
    assert canary.connections == 0
    assert set(looks.values()) == {2}


async def test_of_a_name_with_good_and_bad_addresses_only_the_good_ones_are_used() -> None:
    def mixed(_: str, port: int, __: int) -> Sequence[AddressInfo]:
        found = [("127.0.0.1", port), ("93.184.216.34", port), ("10.0.0.1", port)]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in found]

    resolver = GuardedResolver((), mixed)
    assert [one["host"] for one in await resolver.resolve("mixed.example", 80)] == ["93.184.216.34"]
    with pytest.raises(RefusedAddressError, match="localhost leads to 127"):
        await GuardedResolver((), no_name_service).resolve("localhost", 80)
    await resolver.close()


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "::ffff:127.0.0.1", "169.254.169.254", "not-a-number"])
def test_the_socket_itself_is_refused_where_everything_before_it_was_fooled(address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with pytest.raises(RefusedAddressError):
        GuardedSockets(())((family, socket.SOCK_STREAM, 6, "", (address, 80)))


def test_a_socket_to_an_allowed_address_is_made() -> None:
    made = GuardedSockets(networks(["127.0.0.0/8"]))((socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 80)))
    assert made.family == socket.AF_INET
    made.close()


async def test_the_ways_in_which_no_connection_comes_about_are_told_apart(fetcher: Make) -> None:
    def unknown(*_: object) -> Sequence[AddressInfo]:
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    async def no_tls(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(no_tls, "127.0.0.1", 0)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        cases = [
            (fetcher(lookup=unknown), "http://user:pw@nowhere.example/", "dns"),
            (fetcher(), f"http://127.0.0.1:{closed.getsockname()[1]}/", "connect"),
            (fetcher(), f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/", "tls"),
        ]
        for client, url, reason in cases:
            with pytest.raises(FetchError) as caught:
                await client.fetch(FetchRequest(url=url))
            assert caught.value.reason == reason
            assert "pw" not in str(caught.value)
            assert (urlsplit(url).hostname or "") in str(caught.value)
    server.close()


def test_an_allow_list_that_is_none_is_said_at_the_start(clock: Any) -> None:
    with pytest.raises(UsageError, match="allow_networks"):
        HttpFetcher(HttpOptions(allow_networks=("everything",)), clock)
