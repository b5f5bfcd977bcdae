"""Counts the connections of a process and of each address, and finds whose goes first where there are too many."""

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Final, Protocol

_IPV6_NETWORK_BITS: Final = 64


@dataclass(frozen=True, slots=True)
class EdgeLimits:
    """How many connections a process takes, and how many of them from one address."""

    connections: int = 1_024
    of_one_address: int = 512


class Held(Protocol):
    """A connection that holds a place."""

    network: str
    peer: tuple[str, int] | None
    last_active: float

    @property
    def is_between_requests(self) -> bool: ...
    @property
    def is_idle(self) -> bool: ...


class Places:
    """So many connections, and so many of one caller (IPv6: of a /64).

    Where all are taken, the caller with most gives the place that has been idle for longest, so that nobody keeps others out.
    """

    def __init__(self, limits: EdgeLimits) -> None:
        self._limits = limits
        self._held: dict[str, set[Held]] = {}
        self._by_peer: dict[tuple[str, int], Held] = {}
        self._count = 0
        self.told: Callable[[int], None] | None = None
        """Is told how many there are, whenever that changes."""

    def __len__(self) -> int:
        return self._count

    def has_room_for(self, network: str) -> bool:
        """Tells whether the caller's own share has room."""
        return len(self._held.get(network, ())) < self._limits.of_one_address

    def find_to_end(self, network: str, idle_since: float) -> Held | None:
        """Finds the connection that ends so that a caller may have one: an idle one, or one on which nothing has come since.
        Returns None where none does."""
        most = max(self._held.values(), key=len, default=set())
        if len(most) <= len(self._held.get(network, ())) + 1:
            return None
        # At once: who asks something now and then, and waits for nothing, is not to keep others out.
        idle = [held for held in most if held.is_idle]
        idle = idle or [held for held in most if held.is_between_requests and held.last_active < idle_since]
        return min(idle, key=lambda held: held.last_active, default=None)

    def is_full(self) -> bool:
        """Tells whether the process has no place left."""
        return self._count >= self._limits.connections

    def take(self, held: Held) -> None:
        """Takes a place."""
        self._held.setdefault(held.network, set()).add(held)
        self._count += 1
        self._tell()
        if held.peer is not None:
            self._by_peer[held.peer] = held

    def leave(self, held: Held) -> None:
        """Gives the place back. Once is enough; twice does nothing."""
        mine = self._held.get(held.network, set())
        if held not in mine:
            return
        mine.discard(held)
        self._count -= 1
        self._tell()
        if held.peer is not None and self._by_peer.get(held.peer) is held:
            del self._by_peer[held.peer]
        if not mine:
            del self._held[held.network]

    def _tell(self) -> None:
        if self.told is not None:
            self.told(self._count)

    def find(self, peer: tuple[str, int] | None) -> Held | None:
        """Finds the connection of an address and port. Returns None where it is gone."""
        return self._by_peer.get(peer) if peer is not None else None

    def all(self) -> list[Held]:
        """Returns all connections."""
        return [held for mine in self._held.values() for held in mine]


def peer_of(name: object) -> tuple[str, int] | None:
    """Returns the address and port of a caller, from what `getpeername` said; None for other sockets."""
    return (str(name[0]), int(name[1])) if isinstance(name, tuple) and len(name) >= 2 else None


def network_of(peer: object) -> str:
    """Returns whom a connection counts for, from what `getpeername` said."""
    if not isinstance(peer, tuple) or not peer:
        return ""
    try:
        address = ip_address(str(peer[0]).partition("%")[0])
    except ValueError:
        return ""
    if isinstance(address, IPv6Address):
        mapped = address.ipv4_mapped
        return str(mapped) if mapped else str(int(address) >> (128 - _IPV6_NETWORK_BITS))
    return str(address)
