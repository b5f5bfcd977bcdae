"""The one door into the answers. What a log says comes in here, from parsed bodies, and what it revokes goes.

Our own log goes through it exactly as a peer's: nothing answers that was not taken in. The same transaction writes
an arrival, so that no newcomer is missed by those who wait for them.
"""

from collections.abc import Sequence
from datetime import datetime

from directory.mappings import Mapping
from directory.store.arrivals import record_arrival
from directory.store.database import Connection
from directory.store.mapping_rows import ensure_origin, let_go_mappings, take_in_mappings


class AnswersError(ValueError):
    """A mapping was to be taken in that is not its origin's, or has another leaf: a fault of the caller."""


async def take_in_leaves(
    connection: Connection, origin: str, said: Sequence[tuple[int, Mapping]], now: datetime
) -> set[int]:
    """Takes in the mappings that the leaves of `origin` say. The caller holds a transaction, and has checked that a
    published checkpoint covers the leaves and that each body is what its leaf commits to.

    Returns the leaves that want another try, since their members are changing them right now. Can be repeated: what
    answers already stays as it is, and what was withdrawn does not come back. Raises AnswersError.
    """
    for leaf, mapping in said:
        if mapping.origin != origin or mapping.leaf != leaf:
            raise AnswersError(
                f"leaf {leaf} of {origin} says a mapping of {mapping.origin}, leaf {mapping.leaf}"
            )
    if not said:
        return set()
    number = await ensure_origin(connection, origin)
    postponed = await take_in_mappings(connection, number, said)
    leaves = [leaf for leaf, _ in said if leaf not in postponed]
    if leaves:
        await record_arrival(connection, number, min(leaves), max(leaves) + 1, now)
    return postponed


async def let_go_leaves(connection: Connection, origin: str, leaves: Sequence[int]) -> None:
    """Removes what leaves of `origin` said from the answers. The caller holds a transaction. Can be repeated."""
    if leaves:
        await let_go_mappings(connection, await ensure_origin(connection, origin), leaves)
