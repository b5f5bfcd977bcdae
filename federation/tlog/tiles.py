"""The tree as static files: where each hash lies. https://c2sp.org/tlog-tiles@v0.1.0

A tile at level L holds up to 256 nodes of the tree's level 8·L. Tile level 0 are the leaf hashes.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Self

from federation.errors import InvalidTile
from federation.tlog.merkle import HASH_BYTES, MAX_TREE_SIZE

TILE_WIDTH: Final = 256
TILE_HEIGHT: Final = 8
TILE_BYTES: Final = TILE_WIDTH * HASH_BYTES
MAX_TILE_LEVEL: Final = 7
"""The specification's paths go to 63, but no tree below 2^63 leaves has a hash above this level."""
MAX_PATH_CHARS: Final = 64

_PATH = re.compile(r"tile/([0-9]|entries)/((?:x[0-9]{3}/){0,6})([0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?")


@dataclass(frozen=True, slots=True, order=True)
class Tile:
    """One tile: its level, its index in the level, and how many hashes it has (256 when full)."""

    level: int
    index: int
    width: int = TILE_WIDTH

    def __post_init__(self) -> None:
        if not 0 <= self.level <= MAX_TILE_LEVEL:
            raise InvalidTile("no tree has a tile of this level")
        _check_place(self.index, self.width, self.level)

    def __str__(self) -> str:
        """The path below the log's prefix."""
        return f"tile/{self.level}/{_format_index(self.index)}{_format_width(self.width)}"

    @classmethod
    def parse(cls, path: str) -> Self:
        """Raises InvalidTile."""
        level, index, width = _parse_path(path)
        if level is None:
            raise InvalidTile("this is the path of an entry bundle, not of a tile")
        return cls(level, index, width)

    @property
    def byte_count(self) -> int:
        return self.width * HASH_BYTES

    def read(self, data: bytes) -> bytes:
        """Reads its hashes from what was served for it. Raises InvalidTile if the length is wrong.

        The full tile may have replaced a partial one: then only the first hashes count.
        """
        if len(data) not in {self.byte_count, TILE_BYTES}:
            raise InvalidTile(f"{self} should have {self.byte_count} bytes, not {len(data)}")
        return data[: self.byte_count]


@dataclass(frozen=True, slots=True, order=True)
class Bundle:
    """One entry bundle: the entries behind the hashes of a tile of level 0."""

    index: int
    width: int = TILE_WIDTH

    def __post_init__(self) -> None:
        _check_place(self.index, self.width, 0)

    def __str__(self) -> str:
        """The path below the log's prefix."""
        return f"tile/entries/{_format_index(self.index)}{_format_width(self.width)}"

    @classmethod
    def parse(cls, path: str) -> Self:
        """Raises InvalidTile."""
        level, index, width = _parse_path(path)
        if level is not None:
            raise InvalidTile("this is the path of a tile, not of an entry bundle")
        return cls(index, width)

    @property
    def start(self) -> int:
        """The leaf of its first entry."""
        return self.index * TILE_WIDTH


def parse_path(path: str) -> Tile | Bundle:
    """Parses a path as `str()` of either writes it. Raises InvalidTile."""
    level, index, width = _parse_path(path)
    return Bundle(index, width) if level is None else Tile(level, index, width)


def _parse_path(path: str) -> tuple[int | None, int, int]:
    match = _PATH.fullmatch(path) if len(path) <= MAX_PATH_CHARS else None
    if match is None:
        raise InvalidTile("this is not the path of a tile")
    level, groups, last, width = match.groups()
    index = int(groups.replace("x", "").replace("/", "") + last)
    if _format_index(index) != groups + last or width == str(TILE_WIDTH):
        raise InvalidTile("this is not how a tile's path is written")
    return None if level == "entries" else int(level), index, int(width or TILE_WIDTH)


def _check_place(index: int, width: int, level: int) -> None:
    if not 1 <= width <= TILE_WIDTH or index < 0:
        raise InvalidTile(f"a tile has 1 to {TILE_WIDTH} hashes, and counts from 0")
    if (index * TILE_WIDTH + width) << (TILE_HEIGHT * level) > MAX_TREE_SIZE:
        raise InvalidTile("no tree is as large as this tile says")


def _format_index(index: int) -> str:
    digits = str(index)
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[i : i + 3] for i in range(0, len(digits), 3)]
    return "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])


def _format_width(width: int) -> str:
    return "" if width == TILE_WIDTH else f".p/{width}"


def count_hashes(size: int, level: int) -> int:
    """Counts the hashes that all tiles of `level` hold in a tree of `size` leaves."""
    return size >> (TILE_HEIGHT * level)


def tile_at(size: int, level: int, index: int) -> Tile:
    """Returns the tile with this index in a tree of `size` leaves, partial at the right edge. Raises InvalidTile."""
    return Tile(level, index, min(count_hashes(size, level) - index * TILE_WIDTH, TILE_WIDTH))


def bundle_at(size: int, index: int) -> Bundle:
    """Returns the entry bundle with this index in a log of `size` leaves. Raises InvalidTile."""
    return Bundle(index, min(size - index * TILE_WIDTH, TILE_WIDTH))


def right_edge(size: int) -> list[Tile]:
    """Lists the partial tiles of a tree, from level 0 up; a level without one is left out."""
    counts = ((level, count_hashes(size, level)) for level in range(MAX_TILE_LEVEL + 1))
    return [Tile(level, n // TILE_WIDTH, n % TILE_WIDTH) for level, n in counts if n % TILE_WIDTH]


def tiles_added(old_size: int, new_size: int) -> Iterator[Tile]:
    """Yields every tile of the new tree that the old one did not have, level by level. With 0: all tiles."""
    for level in range(MAX_TILE_LEVEL + 1):
        old, new = count_hashes(old_size, level), count_hashes(new_size, level)
        if new > old:
            for index in range(old // TILE_WIDTH, -(-new // TILE_WIDTH)):
                yield tile_at(new_size, level, index)


def bundles_added(old_size: int, new_size: int) -> Iterator[Bundle]:
    """Yields every entry bundle of the new log that the old one did not have."""
    if new_size > old_size:
        for index in range(old_size // TILE_WIDTH, -(-new_size // TILE_WIDTH)):
            yield bundle_at(new_size, index)
