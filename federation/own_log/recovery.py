"""What our own log must be like before its key is recovered, and up to where it is right."""

from datetime import datetime

from directory.store.database import Connection
from federation.errors import InvalidTile, LogEmpty, LogRefused
from federation.keys.instance import KeyFolder
from federation.keys.operations import RightTree
from federation.own_log.high_water import SignedMark
from federation.own_log.preconditions import FSCK, check_clock, check_mark, load_state
from federation.store.log_rows import fetch_tiles
from federation.tlog.reading import TileHashes, root_tiles


async def check_not_older(connection: Connection, origin: str, folder: KeyFolder) -> None:
    """Checks that the database holds all that was signed, where the mark beside the keys is still there to tell: else
    the recovery would wait for ever, and its next recovery key with it. Raises LogRefused, UnsafeKeys."""
    mark = SignedMark(folder.path).read() if folder.exists() else None
    state = await load_state(connection, origin)
    if mark is not None and state is not None:
        await check_mark(connection, mark, state)


async def find_right_tree(
    connection: Connection, origin: str, now: datetime, size: int | None = None
) -> RightTree:
    """Finds the tree up to which a recovery says that our log is right: all that is published (or staged, where nothing
    ever was), or its first `size` leaves. Checks all that would keep the recovery from being published.

    Raises LogRefused, LogEmpty.
    """
    state = await load_state(connection, origin)
    whole = 0 if state is None else state.published_size or state.staged.size
    if state is None or not whole:
        raise LogEmpty("the log is not begun yet: start the instance first")
    await check_clock(connection, state, now)
    size = whole if size is None else size
    if not 1 <= size <= whole:
        raise LogRefused(f"the log has {whole} leaves: the size is 1 to that")
    tiles = root_tiles(size)
    kept = await fetch_tiles(connection, tiles)
    try:
        cut = {tile: kept[tile][: tile.byte_count] for tile in tiles}
        return RightTree(size, TileHashes.fetched(size, cut).compact_range().root())
    except (KeyError, InvalidTile) as error:
        raise LogRefused(f"a tile of the tree of size {size} is missing: {error}", mend=FSCK) from error
