"""May this IP address be connected to? Pure.

Python's `is_global` and `is_private` are no answer: they let NAT64, 6to4, multicast and site-local forms of an inner
address through. The ranges below stand one by one, after the IANA special-purpose registries for IPv4 and IPv6
(RFC 6890 and its updates) and the forms that carry an IPv4 address inside an IPv6 one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from heliograph.errors import UsageError

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_REFUSED: tuple[tuple[str, str], ...] = (
    ("0.0.0.0/8", "this network"),
    ("10.0.0.0/8", "private"),
    ("100.64.0.0/10", "carrier-grade NAT"),
    ("127.0.0.0/8", "loopback"),
    ("169.254.0.0/16", "link-local"),
    ("172.16.0.0/12", "private"),
    ("192.0.0.0/24", "protocol assignments"),
    ("192.0.2.0/24", "documentation"),
    ("192.31.196.0/24", "AS112"),
    ("192.52.193.0/24", "AMT"),
    ("192.88.99.0/24", "6to4 relay"),
    ("192.168.0.0/16", "private"),
    ("192.175.48.0/24", "AS112"),
    ("198.18.0.0/15", "benchmarking"),
    ("198.51.100.0/24", "documentation"),
    ("203.0.113.0/24", "documentation"),
    ("224.0.0.0/4", "multicast"),
    ("255.255.255.255/32", "broadcast"),
    ("240.0.0.0/4", "reserved"),
    ("::/128", "unspecified"),
    ("::1/128", "loopback"),
    ("::ffff:0:0/96", "IPv4-mapped"),
    ("::ffff:0:0:0/96", "IPv4-translated"),
    ("::/96", "IPv4-compatible"),
    ("64:ff9b::/96", "NAT64"),
    ("64:ff9b:1::/48", "local NAT64"),
    ("100::/64", "discard-only"),
    ("100:0:0:1::/64", "dummy prefix"),
    ("2001::/32", "Teredo"),
    ("2001:db8::/32", "documentation"),
    ("2001::/23", "protocol assignments"),
    ("2002::/16", "6to4"),
    ("2620:4f:8000::/48", "AS112"),
    ("3fff::/20", "documentation"),
    ("5f00::/16", "segment routing"),
    ("fc00::/7", "unique local"),
    ("fe80::/10", "link-local"),
    ("fec0::/10", "site-local"),
    ("ff00::/8", "multicast"),
)
REFUSED: tuple[tuple[Network, str], ...] = tuple((ip_network(text), name) for text, name in _REFUSED)
"""Networks that are never connected to unless allowed, with the name that an error gives them; first match names."""

_GLOBAL_UNICAST = IPv6Network("2000::/3")

# Where each transition form keeps its IPv4 address: a shift of the 128 bits, after an optional inversion (Teredo).
_INNER: tuple[tuple[IPv6Network, Callable[[int], int]], ...] = (
    (IPv6Network("::ffff:0:0/96"), lambda value: value),
    (IPv6Network("::ffff:0:0:0/96"), lambda value: value),
    (IPv6Network("::/96"), lambda value: value),
    (IPv6Network("64:ff9b::/96"), lambda value: value),
    (IPv6Network("64:ff9b:1::/48"), lambda value: value),
    (IPv6Network("2001::/32"), lambda value: ~value),
    (IPv6Network("2002::/16"), lambda value: value >> 80),
)


def networks(values: Iterable[str]) -> tuple[Network, ...]:
    """Return the CIDRs as networks. Raises UsageError naming the first that is none."""
    found: list[Network] = []
    for value in values:
        try:
            found.append(ip_network(value.strip(), strict=True))
        except ValueError as error:
            raise UsageError(f"fetch.allow_networks: {value!r} is no network: {error}") from error
    return tuple(found)


def refusal(address: str, allow: Sequence[Network] = ()) -> str:
    """Return why `address` must not be connected to, or the empty string where it may be.

    `address` is an IP address as a socket names it, with or without a zone. An address inside `allow` may be connected
    to; where such an address carries an IPv4 address inside, that one is judged as well. What is no IP address is
    refused.
    """
    try:
        judged = ip_address(address.partition("%")[0])
    except ValueError:
        return "not an IP address"
    inner = _inner(judged)
    if any(judged in network for network in allow if network.version == judged.version):
        return "" if inner is None else refusal(str(inner), allow)
    for network, name in REFUSED:
        if judged.version == network.version and judged in network:
            return f"{name}, {network}"
    if isinstance(judged, IPv6Address) and judged not in _GLOBAL_UNICAST:
        return "outside 2000::/3, the only IPv6 range in public use"
    return ""


def literal(host: str) -> str:
    """Return the IP address that a URL's host spells out (brackets and zone taken off), or "" for a name."""
    text = host.strip("[]").partition("%")[0]
    try:
        return str(ip_address(text))
    except ValueError:
        return ""


def _inner(address: Address) -> IPv4Address | None:
    if isinstance(address, IPv4Address) or int(address) <= 1:
        return None
    for network, extract in _INNER:
        if address in network:
            return IPv4Address(extract(int(address)) & 0xFFFFFFFF)
    return None
