"""Leaves that a staged batch has given to pending mappings of ours, beside the rows: a row gets its leaf as it is taken in,
in one write instead of two, or before that as it is withdrawn (`directory.store.mapping_rows`).

A pending mapping has a leaf where its row has one or these rows name it; else it waits for one. The caller holds a
transaction, and whoever writes here the state row of the log. Trusted: whoever can change these rows can have a mapping
published twice, or withdrawn and never revoked.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from directory.store.database import Connection

STAGED: Final = "staged_batch b CROSS JOIN LATERAL unnest(b.mappings, b.leaves) AS s (mapping, leaf)"
"""Each staged mapping by its row number, and its leaf. A batch is one row: it is written and deleted as a whole."""
IS_STAGED: Final = "m.id IN (SELECT unnest(b.mappings) FROM staged_batch b)"


async def stage_leaves(connection: Connection, leaves: Sequence[tuple[int, int]]) -> None:
    """Gives leaves to pending mappings, by row number. The caller holds their locks. No state changes."""
    if leaves:
        await connection.execute(
            "INSERT INTO staged_batch (mappings, leaves) VALUES ($1, $2)",
            [number for number, _ in leaves],
            [leaf for _, leaf in leaves],
        )


async def fetch_staged_leaves(connection: Connection) -> dict[int, int]:
    """Fetches the row number of each staged leaf."""
    rows = await connection.fetch("SELECT mappings, leaves FROM staged_batch")
    return {leaf: number for row in rows for number, leaf in zip(row["mappings"], row["leaves"], strict=True)}


async def keep_staged_leaves(connection: Connection, left: Mapping[int, int]) -> None:
    """Forgets all staged leaves but these, each with its row number. The others have become those of their rows."""
    await connection.execute("DELETE FROM staged_batch")
    await stage_leaves(connection, [(number, leaf) for leaf, number in left.items()])
