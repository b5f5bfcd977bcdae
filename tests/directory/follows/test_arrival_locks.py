"""An arrival is matched at the moment in which a list goes: each waits for the other to end, and neither fails."""

import asyncio

import pytest

from directory.store.erasures import ErasureStore
from directory.store.known_accounts import digest_of
from tests.directory.follows.days import Days
from tests.directory.follows.site import letters
from tests.harness.mappings import did

LOCK_LIST = "SELECT id FROM follow_list WHERE member = $1 FOR KEY SHARE"
NOTE = f"""
INSERT INTO known_account (follow_list, digest) SELECT f.id, {digest_of("f.member", "$2::text")} FROM follow_list f WHERE f.member = $1
ON CONFLICT (follow_list, digest) DO NOTHING
"""  # noqa: S608 - the parts are the test's own
WAITS = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


async def leave(days: Days) -> None:
    await ErasureStore(days.site.database).erase_member(days.site.member, days.site.clock.now())


async def wait_for_locks(days: Days) -> None:
    async with asyncio.timeout(10):
        while await days.site.fetch(WAITS) == [(0,)]:  # noqa: ASYNC110 - the database tells nobody
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("goes", ["with its member", "for another"])
async def test_a_list_that_goes_as_somebody_on_it_renews(days: Days, goes: str) -> None:
    """Fault: what was known was deleted first, which the arrival waited for, and then the list, which waited for the arrival.
    PostgreSQL ended one of the two: a member who left read of a fault of ours, and had not left."""
    await days.arrive(3)
    database, member = days.site.database, days.site.member
    async with database.transaction() as arrival:
        await arrival.execute(LOCK_LIST, member)
        going = asyncio.ensure_future(days.keep_list() if goes == "for another" else leave(days))
        await wait_for_locks(days)
        await arrival.execute(NOTE, member, str(did(letters(3))))
    await going
