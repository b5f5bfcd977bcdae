"""The keys under which what was read of the logs of peers is stored: the number of a log here, and a leaf or bundle of it.

Pure. The number of a log stands above the 40 bits of the leaf, so that what one log said is a range of keys.
"""

from typing import Final

MAX_LEAVES: Final = 2**40
"""No log of a peer is read beyond: it would be larger than any disk."""
MAX_LOGS: Final = 2**23


def peer_place(log: int, leaf: int) -> int:
    """Returns the key of a leaf, or of a bundle by its number. Raises ValueError where either is out of range."""
    if not (0 < log < MAX_LOGS and 0 <= leaf < MAX_LEAVES):
        raise ValueError("no log of a peer is so large, or has this number")
    return log * MAX_LEAVES + leaf


def peer_places(log: int) -> tuple[int, int]:
    """Returns the first key of a log, and the one after its last."""
    return log * MAX_LEAVES, (log + 1) * MAX_LEAVES


def leaf_of(place: int) -> int:
    """Returns the leaf, or the number of the bundle, of a key."""
    return place % MAX_LEAVES
