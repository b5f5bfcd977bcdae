"""Tells which IP addresses we connect to: those of the public internet, and no others.

The lists are written out (IANA's special-purpose registries, RFC 6890 and later) because
Python's own `is_global` differs between its releases.
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

Address = IPv4Address | IPv6Address

_NOT_PUBLIC_V4: Final = tuple(
    IPv4Network(block)
    for block in (
        "0.0.0.0/8",  # this host; 0.0.0.0 connects to loopback
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carrier-grade NAT, and the metadata address of one cloud
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # a cloud's agent, on an address that looks public
        "169.254.0.0/16",  # link-local, with most clouds' metadata
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments, and the metadata address of one cloud
        "192.0.2.0/24",  # documentation
        "192.52.193.0/24",  # automatic multicast tunnelling
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)
# All addresses ever allocated as global unicast, RFC 4291. Outside of it are loopback, embedded IPv4,
# unique local, link-local and multicast addresses.
_PUBLIC_V6: Final = IPv6Network("2000::/3")
_NOT_PUBLIC_V6: Final = tuple(
    IPv6Network(block)
    for block in (
        "2001::/23",  # protocol assignments: Teredo, benchmarks, identifiers that are not routed
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: an IPv4 address of the sender's choice within
        "2620:4f:8000::/48",  # direct delegation of empty zones, AS112
        "3ffe::/16",  # an experiment that ended
        "3fff::/20",  # documentation
    )
)
# An IPv6-only machine reaches IPv4 through these; the last 32 bits are the real address (RFC 6052).
_NAT64: Final = IPv6Network("64:ff9b::/96")


def parse_address(text: str) -> Address | None:
    """Parses an address. Returns None for anything else, also for one tied to an interface (`fe80::1%eth0`)."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return None if "%" in text else address


def is_public(address: Address) -> bool:
    """Tells whether the address can only lead to the public internet."""
    if isinstance(address, IPv4Address):
        return not _is_within(address, _NOT_PUBLIC_V4)
    if address in _NAT64:
        return is_public(IPv4Address(int(address) & 0xFFFF_FFFF))
    return address in _PUBLIC_V6 and not _is_within(address, _NOT_PUBLIC_V6)


def is_loopback(address: Address) -> bool:
    """Tells whether the address is this machine, written in the usual form."""
    return address in IPv4Network("127.0.0.0/8") if address.version == 4 else address == IPv6Address("::1")


def _is_within(address: Address, blocks: Iterable[IPv4Network | IPv6Network]) -> bool:
    return any(address in block for block in blocks)
