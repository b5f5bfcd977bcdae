"""Where tiles and entry bundles lie in the table: one number each, so that neighbours are neighbours.

`level << 48 | index`, bundles before all tiles: 2^48 tiles are more than any log can have.
"""

from typing import Final

from federation.tlog.tiles import Bundle, Tile

_INDEX_BITS: Final = 48
_INDEX_MASK: Final = (1 << _INDEX_BITS) - 1


def place_of(item: Tile | Bundle) -> int:
    """The number under which it is kept, however wide it is."""
    level = 0 if isinstance(item, Bundle) else item.level + 1
    return level << _INDEX_BITS | item.index


def name_of(place: int) -> str:
    """For messages: what lies at a place."""
    level, index = place >> _INDEX_BITS, place & _INDEX_MASK
    return str(Bundle(index) if level == 0 else Tile(level - 1, index))
