"""What there is of our own log: in this database, in the mark beside the keys, and at peers. Changes nothing."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from directory.store.database import Connection
from federation.errors import FederationError, LogRefused, OtherName
from federation.keys.chain import find_keys_in_power
from federation.keys.instance import KeyFolder
from federation.keys.operations import Operations
from federation.own_log.batch import LogEdge
from federation.own_log.high_water import SignedMark, check_size
from federation.own_log.preconditions import FSCK, former_root, load_state
from federation.protocol.entry import STRIDE_BYTES
from federation.protocol.log_state import LogState, read_own_checkpoint
from federation.recovery.asking import ask_checkpoints, fetch_documents
from federation.recovery.believing import (
    Seen,
    Told,
    follow_documents,
    fork_of,
    newest,
    see,
    weight_of,
)
from federation.recovery.copies import Copy
from federation.store.log_rows import fetch_operation_notes, fetch_tiles
from federation.tlog.checkpoint import Checkpoint
from federation.tlog.growth import Edge
from federation.tlog.keys import VerifierKey
from federation.tlog.merkle import EMPTY_ROOT
from federation.tlog.tiles import TILE_WIDTH, Bundle, Tile, bundle_at, right_edge

MORE_PEERS: Final = (
    "Run `passerelle recover` again when more peers answer, with `--from` and the address of each that you know; or bring a"
    " newer copy of the database."
)
HERE: Final = "this database"


@dataclass(frozen=True, slots=True)
class Heard:
    """What one peer has shown: a checkpoint that our key has signed, or a sentence that tells why there is none."""

    address: str
    seen: Seen | None
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is known of our log, and what can be brought back."""

    held: Checkpoint
    """The largest tree that this database holds as signed."""
    state: LogState | None
    mark: Checkpoint | None
    heard: tuple[Heard, ...]
    target: Seen | None
    """The largest checkpoint that a peer has shown; None where no peer has shown any."""
    chain: tuple[bytes, ...]
    """The signed documents of our log, verified, as far as they are known here or to a peer."""

    @property
    def base(self) -> int:
        return self.held.size

    @property
    def is_behind(self) -> bool:
        """Whether a peer has seen more of this log than the database holds."""
        return self.target is not None and self.target.checkpoint.size > self.base

    @property
    def is_signed_elsewhere(self) -> bool:
        """Whether a peer has seen more, and the mark says that this machine has signed no more than its database holds: both
        were set back together, or somebody else signs with the keys of this log."""
        return self.is_behind and self.mark == self.held

    @property
    def whole(self) -> Checkpoint:
        """The largest tree that is known to be signed."""
        return self.target.checkpoint if self.target is not None and self.is_behind else self.held


async def look(
    connection: Connection, folder: KeyFolder, origin: str, copies: Sequence[Copy], now: datetime
) -> Outlook:
    """Looks at all three, and asks all peers. Raises LogRefused where the log has forked or the database is damaged,
    MissingKeys, UnsafeKeys."""
    keys = folder.read()
    if keys.origin != origin:
        raise OtherName(keys.origin, origin)
    state = await load_state(connection, origin)
    held = await _held(connection, state, origin)
    known = [
        note
        for note, leaf in await fetch_operation_notes(connection)
        if leaf is not None and leaf < held.size
    ]
    own = [key.vkey for key in keys.logs]
    told = await ask_checkpoints(copies)
    chain, notes = await _longest_chain(known, told, copies, own)
    believed = find_keys_in_power(chain, own, int(now.timestamp()))
    heard = tuple(_hear(each, origin, believed) for each in told)
    seen = [each.seen for each in heard if each.seen is not None]
    target = newest(seen)
    await _check_prefixes(connection, held, seen)
    return Outlook(held, state, SignedMark(folder.path).read(), heard, target, tuple(notes))


def check_enough(outlook: Outlook) -> None:
    """Checks that all that this instance has signed can be brought back, as far as the mark tells. Raises LogRefused."""
    if outlook.mark is None:
        return
    try:
        check_size(outlook.mark, outlook.held.origin, outlook.whole.size)
    except LogRefused as error:
        raise LogRefused(f"{error}, and no peer that answers has seen so much", mend=MORE_PEERS) from error


async def _held(connection: Connection, state: LogState | None, origin: str) -> Checkpoint:
    """Returns what the database holds as signed, once its tiles were seen to lead there."""
    if state is None or state.signed is None:
        return Checkpoint(origin, 0, EMPTY_ROOT)
    held = read_own_checkpoint(state.signed)
    if await former_root(connection, held.size) != held.root:
        raise LogRefused(
            f"the tiles of the tree of size {held.size} do not lead to the root that was signed", mend=FSCK
        )
    return held


def _hear(told: Told, origin: str, keys: Sequence[VerifierKey]) -> Heard:
    found = see(told, origin, keys)
    return Heard(told.address, None, found) if isinstance(found, str) else Heard(told.address, found)


async def _longest_chain(
    known: list[bytes], told: Sequence[Told], copies: Sequence[Copy], own: Sequence[VerifierKey]
) -> tuple[list[Operations], list[bytes]]:
    answering = {each.address for each in told if each.notes}
    asked = [copy for copy in copies if copy.address in answering]
    brought = await asyncio.gather(*(fetch_documents(copy, len(known)) for copy in asked))
    best: list[Operations] = []
    notes: list[bytes] = []
    for more in ([], *brought):
        try:
            chain = follow_documents(known, more, own)
        except FederationError:
            continue
        if not best or weight_of(chain) > weight_of(best):
            best, notes = chain, [*known, *more]
    return best, notes


async def _check_prefixes(connection: Connection, held: Checkpoint, seen: Sequence[Seen]) -> None:
    """Raises LogRefused where a peer has another tree than this database, signed by our key."""
    for each in seen:
        size = each.checkpoint.size
        if size <= held.size and await former_root(connection, size) != each.checkpoint.root:
            raise fork_of(each, Seen(HERE, held, b""))


async def load_signed_edge(connection: Connection, size: int) -> LogEdge:
    """Reads the right edge of the tree of `size` leaves, whatever was staged beyond. Raises LogRefused."""
    last = bundle_at(size, size // TILE_WIDTH) if size % TILE_WIDTH else None
    wanted: list[Tile | Bundle] = [*right_edge(size), *([last] if last else [])]
    kept = await fetch_tiles(connection, wanted)
    try:
        edge = Edge.load(size, lambda tile: kept[tile][: tile.byte_count])
        bundle = kept[last][: last.width * STRIDE_BYTES] if last else b""
    except KeyError as error:
        raise LogRefused(f"a tile of the tree of size {size} is missing: {error}", mend=FSCK) from error
    return LogEdge(edge, bundle)
