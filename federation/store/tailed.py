"""Values of a tail: how far the log of a peer was read, and what the tail has to know of the peer itself."""

from dataclasses import dataclass
from datetime import date, datetime

from directory.store.leases import Lease
from federation.tlog.merkle import HASH_BYTES, CompactRange


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far the log of a peer was read and believed."""

    log: int
    """The number of the log here: the upper part of the keys of what was read (`peer_places`)."""
    size: int
    root: bytes
    range: CompactRange
    """The right edge of the tree that was read."""
    note: bytes | None
    """The newest checkpoint that is believed; its tree begins with the one that was read. None before the first."""
    cosigned_at: datetime | None
    target_size: int
    bodies_size: int
    day: date | None
    day_size: int
    """From where the growth of `day` counts."""
    free_size: int
    """Up to where no cap counts, also where it has to be read anew."""
    day_taken: int
    unread_document: int | None
    """The last leaf that names a document which could not be had. None where all are known."""
    failures: int
    stopped: str
    fault: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TailedPeer:
    """What the tail needs of a peer, as its operators here have decided."""

    origin: str
    address: str
    """Its base URL, without a slash at the end."""
    first_key: str
    """The verifier key of its first document's log key, which an operator has compared."""
    takes_bodies: bool
    """Whether we follow it: else its tree alone is read."""
    strengths: frozenset[int]
    daily_cap: int | None
    growth_cap: int | None


@dataclass(frozen=True, slots=True)
class TailJob:
    """One attempt at reading on in the log of a peer."""

    lease: Lease
    peer: TailedPeer
    is_slow: bool = False
    """Whether it is read among those that lately took long."""


def encode_range(edge: CompactRange) -> bytes:
    """Encodes the hashes of a compact range; its size is stored beside them."""
    return b"".join(edge.hashes)


def decode_range(size: int, data: bytes) -> CompactRange:
    """Decodes what `encode_range` has made for a tree of this size."""
    return CompactRange(size, tuple(data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES)))
