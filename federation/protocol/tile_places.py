"""Numbers tiles and entry bundles for their table, so that neighbours in a level are neighbours in the table.

`level << 48 | index`, bundles before all tiles: 2^48 tiles are more than any log can have.
"""

from typing import Final

from federation.errors import InvalidTile
from federation.tlog.text import MAX_INT
from federation.tlog.tiles import MAX_TILE_LEVEL, TILE_WIDTH, Bundle, Tile, count_hashes

_INDEX_BITS: Final = 48
_INDEX_MASK: Final = (1 << _INDEX_BITS) - 1


def place_of(item: Tile | Bundle) -> int:
    """Returns the number under which a tile or bundle of any width is stored."""
    level = 0 if isinstance(item, Bundle) else item.level + 1
    return level << _INDEX_BITS | item.index


def name_of(place: int) -> str:
    """Names what a place is for, in messages."""
    level, index = place >> _INDEX_BITS, place & _INDEX_MASK
    try:
        return str(Bundle(index) if level == 0 else Tile(level - 1, index))
    except InvalidTile:
        return "nothing that a log can have"


def places_beyond(size: int) -> list[tuple[int, int]]:
    """Returns the first and last place of each range where a log of `size` leaves has nothing."""
    counts = [count_hashes(size, level) for level in (0, *range(MAX_TILE_LEVEL + 1))]
    starts = [number << _INDEX_BITS for number in range(len(counts) + 1)]
    used = [start - (-count // TILE_WIDTH) for start, count in zip(starts, counts, strict=False)]
    gaps = [(first, end - 1) for first, end in zip(used, starts[1:], strict=True)]
    return [(-MAX_INT - 1, -1), *gaps, (starts[-1], MAX_INT)]
