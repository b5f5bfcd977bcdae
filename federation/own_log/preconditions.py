"""What must hold before our own log is appended to. Nothing is signed on doubt."""

from datetime import datetime, timedelta
from typing import Final

from directory.mappings import MAX_AHEAD
from directory.store.database import Connection
from federation.errors import LogRefused, Malformed, UntrustedNote
from federation.keys.instance import RECOVER, InstanceKeys
from federation.keys.operations import Operations, witness_of
from federation.own_log.batch import LogEdge
from federation.own_log.high_water import RESTORE, check_size
from federation.protocol.entry import STRIDE_BYTES
from federation.protocol.log_state import LogState, read_own_checkpoint
from federation.store.cosignatures import find_cosignature
from federation.store.log_rows import (
    fetch_state,
    fetch_tiles,
    find_highest_leaf,
    has_leaves,
)
from federation.tlog.checkpoint import Checkpoint, LogTrust, open_checkpoint
from federation.tlog.growth import Edge
from federation.tlog.note import NoteVerifier
from federation.tlog.tiles import TILE_WIDTH, Bundle, Tile, right_edge

FSCK: Final = "`passerelle fsck` tells where; stop the instance and restore the newest copy of its database."
MAX_CLOCK_STEP: Final = timedelta(seconds=60)
"""How far the clock may be behind the last batch: machines correct theirs in small steps."""
SET_CLOCK: Final = (
    "If the clock of this machine is wrong, set it: the log then goes on by itself. If it is right now, and was ahead when"
    ' that was written, run `passerelle recover --clock` (docs/operations.md, "A clock that ran ahead").'
)

_TIME: Final = "%Y-%m-%d %H:%M:%S"


class WrongClock(LogRefused):
    """The clock is behind what was written: it is wrong now, or was wrong then."""

    def __init__(self, why: str) -> None:
        super().__init__(why, mend=SET_CLOCK)


async def load_state(connection: Connection, origin: str, *, lock: bool = False) -> LogState | None:
    """The state of the log, None before it is begun. Raises LogRefused where it cannot be this instance's."""
    state = await fetch_state(connection, lock=lock)
    if state is None:
        if not await has_leaves(connection):
            return None
        state = await fetch_state(connection, lock=lock)  # another process may just have begun the log
    if state is None:
        raise LogRefused("the last checkpoint is missing from the database, and its leaves are there")
    if state.origin != origin:
        raise LogRefused(f"the log in the database is {state.origin}, and this instance is {origin}")
    if max(state.published_size, state.ingested_size) > state.signed_size:
        raise LogRefused("more of the log is published than was signed")
    return state


async def check_clock(connection: Connection, state: LogState, now: datetime) -> None:
    """Checks the clock against all that was written: the last batch, what it says, the last cosignature. Raises
    WrongClock."""
    cosigned = await find_cosignature(connection, state.origin, witness_of(state.origin))
    if cosigned is not None and now < cosigned.at - MAX_CLOCK_STEP:
        raise WrongClock(
            f"the clock says {now:{_TIME}} UTC, and the log was cosigned at {cosigned.at:{_TIME}}"
        )
    if now < state.staged_at - MAX_CLOCK_STEP:
        raise WrongClock(
            f"the clock says {now:{_TIME}} UTC, and the log was written at {state.staged_at:{_TIME}}"
        )
    if now < state.issued_at - MAX_AHEAD:
        raise WrongClock(
            f"the clock says {now:{_TIME}} UTC, and the log says what was issued at {state.issued_at:{_TIME}}"
        )


async def check_mark(connection: Connection, mark: Checkpoint | None, state: LogState) -> None:
    """That the tree which is kept has grown out of the one that this instance signed last. Raises LogRefused."""
    check_size(mark, state.origin, state.staged.size)
    if mark is None or mark == state.staged:
        return  # `check_size` refuses the one, and the other is what is kept
    is_grown = mark.size < state.staged.size
    if is_grown and state.signed and mark == read_own_checkpoint(state.signed):
        return
    if not is_grown or mark.root != await former_root(connection, mark.size):
        raise LogRefused(
            f"the database holds another tree of size {mark.size} than the one that was signed", mend=RESTORE
        )


async def check_staged(connection: Connection, state: LogState) -> None:
    """That the kept tiles lead to the tree which is about to be signed: the state row alone is not believed, since
    whoever changed it could have any root signed, of which nobody could show the leaves. Raises LogRefused."""
    if await former_root(connection, state.staged.size) != state.staged.root:
        raise LogRefused(
            f"the tiles of the tree of size {state.staged.size} do not lead to the root that was staged",
            mend=FSCK,
        )


async def former_root(connection: Connection, size: int) -> bytes:
    """The root of the tree when it had `size` leaves."""
    kept = await fetch_tiles(connection, right_edge(size))
    try:
        return Edge.load(size, lambda tile: kept[tile][: tile.byte_count]).root()
    except (KeyError, Malformed) as error:
        raise LogRefused(f"a tile of the tree of size {size} is missing: {error}", mend=FSCK) from error


async def load_edge(connection: Connection, state: LogState) -> LogEdge:
    """The right edge out of the tiles. Raises LogRefused where it does not lead to the staged root."""
    size = state.staged.size
    last = Bundle(size // TILE_WIDTH, size % TILE_WIDTH) if size % TILE_WIDTH else None
    wanted: list[Tile | Bundle] = [*right_edge(size), *([last] if last else [])]
    kept = await fetch_tiles(connection, wanted)
    try:
        edge = Edge.load(size, lambda tile: kept[tile])
    except (KeyError, Malformed) as error:
        raise LogRefused(
            f"a tile at the right edge of the tree is missing or too short: {error}", mend=FSCK
        ) from error
    if edge.root() != state.staged.root:
        raise LogRefused(
            f"the tiles of the tree of size {size} do not lead to the root that was signed", mend=FSCK
        )
    bundle = kept.get(last, b"") if last else b""
    if len(bundle) != size % TILE_WIDTH * STRIDE_BYTES:
        raise LogRefused(
            f"the last entry bundle of the tree of size {size} is missing or has a wrong length", mend=FSCK
        )
    if await find_highest_leaf(connection) >= size:
        raise LogRefused(f"something is kept of leaves beyond the size of the log, {size}")
    return LogEdge(edge, bundle)


def check_signed(state: LogState, documents: list[tuple[Operations, int | None]], keys: InstanceKeys) -> None:
    """That the keys of this instance are the log's, and have signed the last checkpoint. Raises LogRefused."""
    if keys.origin != state.origin:
        raise LogRefused(f"the keys are those of {keys.origin}, and the log is {state.origin}")
    # The newest document, even if it waits: a recovery is what brings a log back whose key is lost.
    if documents and keys.find(documents[-1][0].log_key) is None:
        raise LogRefused(
            f"the key {documents[-1][0].log_key} of this log is not in the folder of keys", mend=RECOVER
        )
    if state.signed is None:
        return
    said = [each for each, leaf in documents if leaf is not None and leaf < state.signed_size]
    known = {key for document in said[-2:] for key in document.checkpoint_keys}
    trust = LogTrust(state.origin, tuple(NoteVerifier(key) for key in known))
    try:
        open_checkpoint(state.signed, trust)
    except (Malformed, UntrustedNote) as error:
        raise LogRefused(f"the last signed checkpoint is not by a key of this log: {error}") from error
