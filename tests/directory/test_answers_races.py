"""Taking in beside members who change the same rows: nobody waits for each other, nothing is lost."""

import asyncio

from directory.answers import take_in_leaves
from directory.mapping_life import MappingState
from directory.store.database import Database
from directory.store.mapping_rows import withdraw_mappings
from tests.directory.test_answers import said, take_in
from tests.harness.clock import START
from tests.harness.mappings import ORIGIN, bluesky
from tests.harness.stored import StoredMappings


async def test_taking_in_again_waits_for_no_member(database: Database, mapping_store: StoredMappings) -> None:
    """A range is taken in again where one leaf was postponed. The rows that answered already were locked once more:
    a member who withdrew one of those and one that was pending waited for the sequencer, and it for them."""
    leaves = said(bluesky("jack", 12), bluesky("ann", 13))
    await take_in(database, leaves[:1])
    await mapping_store.add([leaves[1][1]], MappingState.PENDING)
    async with database.connection() as connection:
        active, pending = [
            row["id"] for row in await connection.fetch("SELECT id FROM mapping ORDER BY leaf")
        ]
    async with database.transaction() as member:
        await withdraw_mappings(member, [active])
        async with asyncio.timeout(5), database.transaction() as sequencer:
            assert await take_in_leaves(sequencer, ORIGIN, leaves, START) == set()
        await withdraw_mappings(member, [pending])
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM mapping WHERE state = 2") == 2
