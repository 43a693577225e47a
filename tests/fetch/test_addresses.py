"""Which addresses may be connected to: one row a form, as CVEs and scanners write them."""

from __future__ import annotations

import pytest

from heliograph.errors import UsageError
from heliograph.fetch.addresses import literal, networks, refusal

REFUSED = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.127.255.254",
    "127.0.0.1",
    "127.1.2.3",
    "127.255.255.254",
    "169.254.169.254",
    "169.254.170.2",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.0.170",
    "192.0.0.192",
    "192.0.2.1",
    "192.31.196.1",
    "192.52.193.1",
    "192.88.99.1",
    "192.168.0.1",
    "192.168.255.255",
    "192.175.48.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.7",
    "203.0.113.9",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "254.255.255.255",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::127.0.0.1",
    "::8.8.8.8",
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:8.8.8.8",
    "::ffff:0:127.0.0.1",
    "::ffff:0:8.8.8.8",
    "64:ff9b::7f00:1",
    "64:ff9b::10.0.0.1",
    "64:ff9b::8.8.8.8",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "64:ff9b:1::7f00:1",
    "100::1",
    "100:0:0:1::1",
    "2001::1",
    "2001:0:4136:e378:8000:63bf:80ff:fffe",
    "2001:1::1",
    "2001:2::1",
    "2001:10::1",
    "2001:20::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:a00:1::",
    "2002:808:808::1",
    "2620:4f:8000::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00::1",
    "fd12:3456:789a::1",
    "fdff::ffff",
    "fe80::1",
    "fe80::1%eth0",
    "febf::1",
    "fec0::1",
    "feff::1",
    "ff00::1",
    "ff02::1",
    "ff05::2",
    "ff0e::1",
    "4000::1",
    "8000::1",
    "e000::1",
    "1::1",
]

PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.0",
    "93.184.216.34",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.0",
    "169.253.255.255",
    "169.255.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.1.1",
    "192.167.255.255",
    "192.169.0.0",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "2606:2800:220:1::1",
    "2a00:1450:4001::1",
    "2001:4860:4860::8888",
    "2001:200::1",
    "2400:cb00::1",
    "2620:fe::fe",
]


def test_at_least_sixty_forms_are_judged() -> None:
    assert len(set(REFUSED)) >= 60


@pytest.mark.parametrize("address", REFUSED)
def test_an_address_that_is_not_public_is_refused_with_a_reason(address: str) -> None:
    assert refusal(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_let_through(address: str) -> None:
    assert refusal(address) == ""


@pytest.mark.parametrize("text", ["", "example.org", "127.1", "0x7f000001", "2130706433", "0177.0.0.1", "1.2.3.4.5"])
def test_what_is_no_address_is_refused(text: str) -> None:
    assert refusal(text) == "not an IP address"


def test_an_allowed_network_is_let_through_and_its_neighbour_is_not() -> None:
    allow = networks(["127.0.0.0/8", "10.1.0.0/16", "fd00:1::/32"])
    assert refusal("127.0.0.1", allow) == ""
    assert refusal("10.1.2.3", allow) == ""
    assert refusal("fd00:1::5", allow) == ""
    assert "private" in refusal("10.2.0.1", allow)
    assert "unique local" in refusal("fd00:2::5", allow)


def test_allowing_nat64_still_judges_the_address_inside() -> None:
    allow = networks(["64:ff9b::/96"])
    assert refusal("64:ff9b::8.8.8.8", allow) == ""
    assert "loopback" in refusal("64:ff9b::127.0.0.1", allow)
    assert "link-local" in refusal("64:ff9b::a9fe:a9fe", allow)


def test_allowing_teredo_and_6to4_still_judges_the_address_inside() -> None:
    allow = networks(["2001::/32", "2002::/16"])
    # 80ff:fffe inverted is 7f00:1, loopback.
    assert "loopback" in refusal("2001:0:4136:e378:8000:63bf:80ff:fffe", allow)
    assert "private" in refusal("2002:a00:1::", allow)
    assert refusal("2002:808:808::1", allow) == ""


def test_allowing_loopback_does_not_allow_the_forms_that_carry_it() -> None:
    allow = networks(["127.0.0.0/8"])
    for address in ("::ffff:127.0.0.1", "64:ff9b::127.0.0.1", "2002:7f00:1::", "::1"):
        assert refusal(address, allow)


def test_a_network_that_is_none_is_named() -> None:
    with pytest.raises(UsageError, match=r"fetch\.allow_networks: '127\.0\.0\.1/8'"):
        networks(["10.0.0.0/8", "127.0.0.1/8"])


def test_a_literal_is_told_from_a_name() -> None:
    assert literal("[::1]") == "::1"
    assert literal("fe80::1%eth0") == "fe80::1"
    assert literal("127.0.0.1") == "127.0.0.1"
    assert literal("127.1") == ""
    assert literal("localhost") == ""
