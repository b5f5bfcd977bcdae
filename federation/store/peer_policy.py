"""What operators let a peer do here, as rows. Trusted: whoever can change these rows decides what of a peer answers."""

from typing import Final

from directory.mappings import Strength
from directory.store.crowds import let_in
from directory.store.database import Connection, Database
from directory.store.mapping_rows import find_origin_number, let_go_of_strengths
from federation.protocol.peer import PeerPolicy
from federation.store.peer_bodies import delete_statements, mark_unasked

STEP_ROWS: Final = 10_000


class PeerPolicyStore:
    """Each change takes effect at once: a round of the tail that is under way stores nothing after it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def change(self, origin: str, before: PeerPolicy, after: PeerPolicy) -> bool:
        """Replaces the policy `before` of a confirmed peer. Where more strengths are taken than before, all bodies are
        asked for again. Returns False where it is another one by now."""
        async with self._database.transaction() as connection:
            if await fetch_policy(connection, origin) != before:
                return False
            await connection.execute(
                "UPDATE peer SET strengths = $2, daily_cap = $3, growth_cap = $4, sample_size = $5, is_listed = $6"
                " WHERE origin = $1",
                origin,
                sorted(after.strengths),
                after.daily_cap,
                after.growth_cap,
                after.sample_size,
                after.is_listed,
            )
            await connection.execute(
                "UPDATE peer_log SET attempts = attempts + 1, bodies_size = CASE WHEN $2 THEN 0 ELSE bodies_size END"
                " WHERE origin = $1",
                origin,
                not after.strengths <= before.strengths,
            )
        return True

    async def drop_other_strengths(self, origin: str, kept: frozenset[Strength]) -> int:
        """Deletes mappings of a peer whose strength is not taken any more, and what their leaves say. Can be repeated.
        Returns how many there were."""
        count = 0
        while dropped := await self._drop_step(origin, kept):
            count += dropped
        return count

    async def _drop_step(self, origin: str, kept: frozenset[Strength]) -> int:
        async with self._database.transaction() as connection:
            number = await find_origin_number(connection, origin)
            log = await connection.fetchval("SELECT id FROM peer_log WHERE origin = $1", origin)
            if number is None or log is None:
                return 0
            gone = await let_go_of_strengths(connection, number, sorted(kept), STEP_ROWS)
            await delete_statements(connection, log, list(gone))
            await mark_unasked(connection, log, await let_in(connection, number, list(gone.values())))
        return len(gone)


async def fetch_policy(connection: Connection, origin: str) -> PeerPolicy | None:
    """Fetches and locks the policy of a confirmed peer. Returns None where it is none."""
    row = await connection.fetchrow(
        "SELECT strengths, daily_cap, growth_cap, sample_size, is_listed FROM peer"
        " WHERE origin = $1 AND confirmed_at IS NOT NULL FOR UPDATE",
        origin,
    )
    if row is None:
        return None
    return PeerPolicy(
        strengths=frozenset(map(Strength, row["strengths"])),
        daily_cap=row["daily_cap"],
        growth_cap=row["growth_cap"],
        sample_size=row["sample_size"],
        is_listed=row["is_listed"],
    )
