"""Purges links to proofs that were not used in their time."""

from datetime import timedelta
from typing import Final

from directory.clock import CLOCK_SLACK
from directory.lived_time import Times
from directory.store.database import Database

PROOF_LINK_LIFE: Final = timedelta(hours=1)


async def purge_proof_links(database: Database, times: Times, limit: int) -> int:
    """Deletes expired links, and those that a clock which ran ahead made last for longer than any; at most `limit`. Returns
    how many."""
    async with database.connection() as connection:
        rows = await connection.fetch(
            "DELETE FROM proof_link WHERE token_hash = ANY(ARRAY(SELECT token_hash FROM proof_link"
            " WHERE expires <= $1 OR expires > $2 LIMIT $3)) RETURNING true",
            times.now,
            times.now + PROOF_LINK_LIFE + CLOCK_SLACK,
            limit,
        )
    return len(rows)
