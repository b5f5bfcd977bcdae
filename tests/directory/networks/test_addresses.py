"""Only addresses of the public internet are connected to."""

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.networks.addresses import is_loopback, is_public, parse_address

NOT_PUBLIC = (
    "0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.100.100.200 100.127.255.255 127.0.0.1 127.1.2.3 "
    "168.63.129.16 169.254.0.1 169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.1 192.0.0.192 192.0.2.1 "
    "192.52.193.1 192.88.99.1 192.168.0.1 198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1 "
    "239.255.255.255 240.0.0.1 255.255.255.255 "
    ":: ::1 ::7f00:1 ::8.8.8.8 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:8.8.8.8 ::ffff:0:8.8.8.8 "
    "64:ff9b::10.0.0.1 64:ff9b::127.0.0.1 64:ff9b::169.254.169.254 64:ff9b:1::8.8.8.8 100::1 100:0:0:1::1 "
    "2001::1 2001:0:4136:e378:8000:63bf:3fff:fdd2 2001:2::1 2001:10::1 2001:20::1 2001:1ff:ffff::1 "
    "2001:db8::1 2002:7f00:1::1 2002:a00:1::1 2002:808:808::1 2620:4f:8000::1 3ffe::1 3fff::1 3fff:fff::1 "
    "4000::1 5f00::1 8000::1 fc00::1 fd00:ec2::254 fdff::1 fe80::1 fec0::1 ff02::1 ff0e::1 "
)
PUBLIC = (
    "1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 172.15.255.255 "
    "172.32.0.0 192.0.1.0 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0 223.255.255.255 "
    "2001:200::1 2001:4860:4860::8888 2003::1 2606:4700:4700::1111 2a00:1450::1 3ffd:ffff::1 64:ff9b::8.8.8.8 "
)


@pytest.mark.parametrize("text", NOT_PUBLIC.split())
def test_an_address_that_can_lead_inside_is_not_public(text: str) -> None:
    assert not is_public(ip_address(text))


@pytest.mark.parametrize("text", PUBLIC.split())
def test_the_neighbours_of_those_blocks_are_public(text: str) -> None:
    assert is_public(ip_address(text))


@pytest.mark.parametrize(
    "text", ["", "localhost", "127.1", "0x7f.0.0.1", "2130706433", "fe80::1%eth0", "1.1.1.1 "]
)
def test_what_is_not_an_address_is_none(text: str) -> None:
    """Python itself takes an address with a network card's name, and then compares it oddly."""
    assert parse_address(text) is None


@pytest.mark.parametrize("text", ["127.0.0.1", "127.9.9.9", "::1"])
def test_loopback_is_this_machine(text: str) -> None:
    assert is_loopback(ip_address(text))


@pytest.mark.parametrize("text", ["::ffff:127.0.0.1", "0.0.0.1", "::", "10.0.0.1", "64:ff9b::127.0.0.1"])
def test_loopback_in_other_clothes_is_not_taken_for_it(text: str) -> None:
    """Where loopback is allowed for tests, only its plain forms are."""
    assert not is_loopback(ip_address(text))


@given(st.ip_addresses(v=4))
def test_python_never_calls_private_what_passes_for_public(address: IPv4Address) -> None:
    assert not (is_public(address) and address.is_private)


@given(st.ip_addresses(v=6))
def test_nor_for_the_newer_protocol(address: IPv6Address) -> None:
    assert not (is_public(address) and (address.is_private or address.is_link_local or address.is_multicast))


@given(st.ip_addresses(v=4))
def test_an_address_behind_nat64_is_judged_by_itself(address: IPv4Address) -> None:
    assert is_public(IPv6Address(f"64:ff9b::{address}")) is is_public(address)
