"""Counts the connections of a process and of each address, and finds whose goes first where there are too many."""

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from operator import attrgetter
from typing import Final, Protocol

_IPV6_NETWORK_BITS: Final = 64
SLOW_BYTES_PER_S: Final = 4 * 2**10
"""What is sent no faster gives its place to anybody, where all are taken: the least that a body is read at after half a minute."""
LOOKS_EVERY_S: Final = 0.2
"""For such among all connections: a look takes a millisecond or two."""
_IPV6_SITE_BITS: Final = 48
"""Of what is given to one customer at most: as many /64 as nobody has places for."""


@dataclass(frozen=True, slots=True)
class EdgeLimits:
    """How many connections a process takes, and how many of them from one address."""

    connections: int = 1_024
    of_one_address: int = 512


class Held(Protocol):
    """A connection that holds a place."""

    network: str
    site: str
    peer: tuple[str, int] | None
    last_active: float

    @property
    def is_between_requests(self) -> bool: ...
    @property
    def is_idle(self) -> bool: ...
    @property
    def is_sending(self) -> bool: ...
    @property
    def busy_since(self) -> float: ...
    @property
    def pace(self) -> float: ...


_last_active = attrgetter("last_active")
_pace = attrgetter("pace")


class Places:
    """So many connections, and so many of one caller (IPv6: of a /64).

    Where all are taken, the caller with most gives the place that has been idle for longest, so that nobody keeps others out. Then
    the networks of a site count together (IPv6: the /64 of a /48): else one customer of a provider had a place for each of them.
    """

    def __init__(self, limits: EdgeLimits) -> None:
        self._limits = limits
        self._held: dict[str, set[Held]] = {}
        self._sites: dict[str, set[Held]] = {}
        self._by_peer: dict[tuple[str, int], Held] = {}
        self._count = 0
        self._found_none_at = 0.0
        self.told: Callable[[int], None] | None = None
        """Is told how many there are, whenever that changes."""

    def __len__(self) -> int:
        return self._count

    def has_room_for(self, network: str) -> bool:
        """Tells whether the caller's own share has room."""
        return len(self._held.get(network, ())) < self._limits.of_one_address

    def find_to_end(self, network: str, site: str, idle_since: float) -> Held | None:
        """Finds the connection that ends so that a caller may have one. Of who has most: an idle one, what was begun before and is
        sent slowly, one on which nothing has come since, or the slowest of what was begun before. Of others only what is sent so
        slowly that it was hardly meant to end. Returns None where none does."""
        most = _largest(self._sites, site) or _largest(self._networks_of(site), network)
        # At once: who asks something now and then, and waits for nothing, is not to keep others out.
        if idle := [held for held in most if held.is_idle]:
            return min(idle, key=_last_active)
        # What comes on it now and then says nothing: it was begun long ago.
        begun = [held for held in most if held.busy_since < idle_since]
        # Before who has sent all, and waits for an answer or reads one: there nothing comes.
        if slow := [held for held in begun if held.is_sending and held.pace < SLOW_BYTES_PER_S]:
            return min(slow, key=_pace)
        if silent := [held for held in most if held.is_between_requests and held.last_active < idle_since]:
            return min(silent, key=_last_active)
        return min(begun, key=_pace) if begun else self._find_slow(idle_since)

    def _find_slow(self, since: float) -> Held | None:
        """Finds the slowest of what is sent too slowly, whoever sends it: with as many addresses as there are places, nobody has more
        than others."""
        if self._found_none_at <= since < self._found_none_at + LOOKS_EVERY_S:
            return None
        slow = [held for held in self.all() if held.is_sending and held.busy_since < since]
        found = min(slow, key=_pace, default=None)
        if found is None or found.pace >= SLOW_BYTES_PER_S:
            self._found_none_at = since
            return None
        return found

    def _networks_of(self, site: str) -> dict[str, set[Held]]:
        """Whoever has most does not take more of others: there one network may have one of another."""
        return {held.network: self._held[held.network] for held in self._sites.get(site, ())}

    def is_full(self) -> bool:
        """Tells whether the process has no place left."""
        return self._count >= self._limits.connections

    def take(self, held: Held) -> None:
        """Takes a place."""
        self._held.setdefault(held.network, set()).add(held)
        self._sites.setdefault(held.site, set()).add(held)
        self._count += 1
        self._tell()
        if held.peer is not None:
            self._by_peer[held.peer] = held

    def leave(self, held: Held) -> None:
        """Gives the place back. Once is enough; twice does nothing."""
        if held not in self._held.get(held.network, ()):
            return
        _remove(self._held, held.network, held)
        _remove(self._sites, held.site, held)
        self._count -= 1
        self._tell()
        if held.peer is not None and self._by_peer.get(held.peer) is held:
            del self._by_peer[held.peer]

    def _tell(self) -> None:
        if self.told is not None:
            self.told(self._count)

    def find(self, peer: tuple[str, int] | None) -> Held | None:
        """Finds the connection of an address and port. Returns None where it is gone."""
        return self._by_peer.get(peer) if peer is not None else None

    def all(self) -> list[Held]:
        """Returns all connections."""
        return [held for mine in self._held.values() for held in mine]


def _largest(shares: dict[str, set[Held]], own: str) -> set[Held]:
    """Returns the share that gives a place to a newcomer of the share `own`: the largest. Returns none of them where that would
    only change whose is."""
    most = max(shares.values(), key=len, default=set())
    return most if len(most) > len(shares.get(own, ())) + 1 else set()


def _remove(shares: dict[str, set[Held]], name: str, held: Held) -> None:
    shares[name].discard(held)
    if not shares[name]:
        del shares[name]


def peer_of(name: object) -> tuple[str, int] | None:
    """Returns the address and port of a caller, from what `getpeername` said; None for other sockets."""
    return (str(name[0]), int(name[1])) if isinstance(name, tuple) and len(name) >= 2 else None


def network_of(peer: object) -> str:
    """Returns whom a connection counts for, from what `getpeername` said."""
    return _part_of(peer, _IPV6_NETWORK_BITS)


def site_of(peer: object) -> str:
    """Returns with whom that one counts together where there are too many."""
    return _part_of(peer, _IPV6_SITE_BITS)


def _part_of(peer: object, bits: int) -> str:
    if not isinstance(peer, tuple) or not peer:
        return ""
    try:
        address = ip_address(str(peer[0]).partition("%")[0])
    except ValueError:
        return ""
    if isinstance(address, IPv6Address):
        mapped = address.ipv4_mapped
        return str(mapped) if mapped else str(int(address) >> (128 - bits))
    return str(address)
