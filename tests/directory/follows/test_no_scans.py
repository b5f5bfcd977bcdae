"""Many people who wait in runs cost a step of one run nothing: no table is read through."""

from directory.follows.states import ItemState
from directory.store.follow_items import RunItems
from directory.store.follow_runs import claim_run
from tests.directory.follows.site import FollowSite

SCANS = "SELECT coalesce(sum(seq_scan), 0) FROM pg_stat_xact_user_tables WHERE relname IN ('follow_item', 'follow_run')"


async def test_the_next_people_of_a_run_are_found_by_an_index(site: FollowSite) -> None:
    """A run of which nearly all is done was read from its beginning for each batch."""
    run = await site.start(*range(20_000))
    async with site.database.connection() as connection:
        await connection.execute(
            "INSERT INTO follow_run SELECT gen_random_uuid(), member, account, network, host, kind, source, title, 4,"
            " created_at, starts_at, next_at, attempts, created_at, is_read, note"
            " FROM follow_run, generate_series(1, 3000)"
        )
        await connection.execute("UPDATE follow_item SET state = 2 WHERE number < 19990")
        await connection.execute("VACUUM ANALYZE follow_item")
        await connection.execute("VACUUM ANALYZE follow_run")
    async with site.database.transaction() as connection:
        before = await connection.fetchval(SCANS)
        claimed = await claim_run(connection, site.clock.now(), [])
        assert claimed is not None
        items = RunItems(connection, run.id)
        assert [each.number for each in await items.fetch(ItemState.PENDING, 3)] == [19_990, 19_991, 19_992]
        assert await items.has_any(ItemState.PENDING)
        assert await items.fetch_waiting_since(ItemState.SENT) == []
        assert await connection.fetchval(SCANS) == before
