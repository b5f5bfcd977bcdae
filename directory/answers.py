"""The only way into the answers: takes in the mappings of a log, from parsed bodies, and removes revoked ones.

Our own log and those of peers are treated alike: nothing answers that was not taken in. The same transaction writes an
arrival, so that no newcomer is missed.
"""

from collections.abc import Sequence
from datetime import datetime

from directory.mappings import Mapping
from directory.store.arrivals import record_arrival
from directory.store.database import Connection
from directory.store.mapping_rows import ensure_origin, let_go_mappings, take_in_mappings


class AnswersError(ValueError):
    """The caller passed a mapping of another origin, or with another leaf."""


async def take_in_leaves(
    connection: Connection, origin: str, said: Sequence[tuple[int, Mapping]], now: datetime
) -> set[int]:
    """Takes in the mappings of leaves of `origin`.

    The caller holds a transaction, and has checked that a published checkpoint covers the leaves and that each body
    matches the commitment of its leaf.

    Returns the leaves to try again, since their members are changing them now. Can be repeated: a mapping that answers
    stays as it is, and a withdrawn one is not taken in again. Raises AnswersError.
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
    """Removes the mappings of leaves of `origin` from the answers. The caller holds a transaction. Can be repeated."""
    if leaves:
        await let_go_mappings(connection, await ensure_origin(connection, origin), leaves)
