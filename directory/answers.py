"""The only way into the answers: takes in the mappings of a log, from parsed bodies, and removes revoked ones.

Our own log and those of peers are treated alike: nothing answers that was not taken in. The same transaction writes an
arrival, so that no newcomer is missed.
"""

from collections.abc import Mapping as Leaves
from collections.abc import Sequence
from datetime import datetime

from directory.mappings import Mapping
from directory.store.arrivals import extend_arrival
from directory.store.crowds import forget_left_out, forget_left_out_from, let_in, without_crowds
from directory.store.database import Connection
from directory.store.mapping_rows import (
    StagedRows,
    copy_mappings,
    ensure_origin,
    find_origin_number,
    has_mappings,
    let_go_mappings,
    let_go_mappings_from,
    lock_staged,
    take_in_mappings,
    take_in_staged,
)


class AnswersError(ValueError):
    """The caller passed a mapping of another origin, or with another leaf, or of an origin that nobody has entered."""


async def lock_staged_leaves(connection: Connection, origin: str, numbers: Leaves[int, int]) -> StagedRows:
    """Locks the rows of our own mappings that do not have their leaves yet, by leaf, so that `take_in_leaves` can take them
    in. The caller holds a transaction."""
    return await lock_staged(connection, await ensure_origin(connection, origin), numbers)


async def take_in_leaves(
    connection: Connection,
    origin: str,
    said: Sequence[tuple[int, Mapping]],
    now: datetime,
    staged: StagedRows | None = None,
) -> set[int]:
    """Takes in the mappings of leaves of `origin`. `staged` has the rows of our own that do not have their leaves yet.

    The caller holds a transaction, and has checked that a published checkpoint covers the leaves and that each body
    matches the commitment of its leaf.

    Returns the leaves to try again, since their members are changing them now. Can be repeated: a mapping that answers
    stays as it is, and a withdrawn one is not taken in again. Raises AnswersError.
    """
    _check_said(origin, said)
    if not said:
        return set()
    number = await ensure_origin(connection, origin)
    if staged is not None:
        postponed = await take_in_staged(connection, number, said, staged)
    else:
        postponed = await take_in_mappings(connection, number, said)
    leaves = [leaf for leaf, _ in said if leaf not in postponed]
    if leaves:
        await extend_arrival(connection, number, min(leaves), max(leaves) + 1, now)
    return postponed


async def take_in_peer_leaves(
    connection: Connection,
    origin: str,
    leaves: range,
    said: Sequence[tuple[int, Mapping]],
    now: datetime,
) -> None:
    """Takes in the mappings that a peer's log says in a run of leaves, where these are new by COPY.

    The caller holds a transaction and the lease of that log, and has checked what `take_in_leaves` asks for. The origin
    was entered when operators confirmed the peer: no log is followed because of what it says. What it says of one X account
    beyond `MAX_OF_ONE_ACCOUNT` is left out, until some of it is let go. Raises AnswersError.
    """
    _check_said(origin, said)
    if not said:
        return
    number = await find_origin_number(connection, origin)
    if number is None:
        raise AnswersError(f"{origin} is not an origin that this instance follows")
    said = await without_crowds(connection, number, said)
    if not said:
        return
    if await has_mappings(connection, number, leaves.start, leaves.stop):
        await take_in_mappings(connection, number, said)
    else:
        await copy_mappings(connection, number, said)
    await extend_arrival(connection, number, leaves.start, leaves.stop, now)


def _check_said(origin: str, said: Sequence[tuple[int, Mapping]]) -> None:
    for leaf, mapping in said:
        if mapping.origin != origin or mapping.leaf != leaf:
            raise AnswersError(
                f"leaf {leaf} of {origin} says a mapping of {mapping.origin}, leaf {mapping.leaf}"
            )


async def let_go_leaves(connection: Connection, origin: str, leaves: Sequence[int]) -> None:
    """Removes the mappings of leaves of `origin` from the answers. The caller holds a transaction. Can be repeated."""
    number = await find_origin_number(connection, origin) if leaves else None
    if number is not None:
        await let_go_mappings(connection, number, leaves)


async def let_go_peer_leaves(connection: Connection, origin: str, leaves: Sequence[int]) -> list[int]:
    """Removes the mappings of leaves of a peer, as `let_go_leaves` does. Returns the leaves that were left out and have room
    now: their bodies are to be asked for again."""
    number = await find_origin_number(connection, origin) if leaves else None
    if number is None:
        return []
    await forget_left_out(connection, number, leaves)
    return await let_in(connection, number, await let_go_mappings(connection, number, leaves))


async def let_go_peer_leaves_from(connection: Connection, origin: str, leaf: int) -> list[int]:
    """Removes the mappings of all leaves of a peer from `leaf` on, as `let_go_peer_leaves` does."""
    number = await find_origin_number(connection, origin)
    if number is None:
        return []
    await forget_left_out_from(connection, number, leaf)
    return await let_in(connection, number, await let_go_mappings_from(connection, number, leaf))
