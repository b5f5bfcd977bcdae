"""What our own log must be like before its key is recovered, and up to where it is right."""

from datetime import datetime

from directory.store.database import Connection
from federation.errors import InvalidProof, InvalidTile, LogEmpty, LogRefused
from federation.keys.instance import KeyFolder
from federation.keys.operations import RightTree
from federation.own_log.high_water import SignedMark
from federation.own_log.preconditions import FSCK, check_clock, check_mark, load_state
from federation.protocol.log_state import LogState, read_own_checkpoint
from federation.store.log_rows import fetch_tiles
from federation.tlog.checkpoint import Checkpoint
from federation.tlog.merkle import derive_prefix_root
from federation.tlog.paths import prefix_spans
from federation.tlog.reading import TileHashes, root_tiles, tiles_of_spans
from federation.tlog.text import count_leaves


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
    if state is None or not state.staged.size:
        raise LogEmpty("the log is not begun yet: start the instance first")
    await check_clock(connection, state, now)
    whole = _whole_of(state)
    size = whole.size if size is None else size
    if not 1 <= size <= whole.size:
        raise LogRefused(f"the log has {count_leaves(whole.size)}: the size is 1 to that")
    return RightTree(size, await _root_at(connection, whole, size))


def _whole_of(state: LogState) -> Checkpoint:
    return state.staged if state.published is None else read_own_checkpoint(state.published)


async def _root_at(connection: Connection, whole: Checkpoint, size: int) -> bytes:
    """Returns the root that a tree had at a size, out of tiles that lead to its own root: no reader follows a recovery
    that names a root which the log never had. Raises LogRefused."""
    is_whole = size == whole.size
    tiles = root_tiles(size) if is_whole else tiles_of_spans(whole.size, prefix_spans(size, whole.size))
    kept = await fetch_tiles(connection, tiles)
    try:
        hashes = TileHashes.fetched(whole.size, {tile: kept[tile][: tile.byte_count] for tile in tiles})
        if not is_whole:
            return derive_prefix_root(size, whole.size, whole.root, hashes.prove_prefix(size))
        hashes.check_root(whole.root)
    except (KeyError, InvalidTile) as error:
        raise LogRefused(f"a tile of the tree of size {size} is missing: {error}", mend=FSCK) from error
    except InvalidProof as error:
        raise LogRefused(
            f"the tiles of the tree of size {whole.size} do not lead to its root", mend=FSCK
        ) from error
    return whole.root
