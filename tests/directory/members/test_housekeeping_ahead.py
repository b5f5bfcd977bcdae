"""Housekeeping under a clock that runs years ahead for a day: nothing ends that only its member could begin anew."""

from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from directory.lived_time import DAYS_SEEN
from directory.members.consents import ConsentKind
from directory.queries import Lists, parse_lines
from directory.services.consenting import Consenting
from directory.services.follow_lists import FollowLists
from tests.directory.members.contests import Site
from tests.harness.clock import FakeClock

AHEAD: Final = timedelta(days=4 * 365)
TABLES: Final = ("publication", "mapping", "consent", "follow_list", "contested_claim", "member", "challenge")


async def rows(site: Site) -> dict[str, list[tuple[Any, ...]]]:
    async with site.database.connection() as connection:
        return {
            name: list(map(tuple, await connection.fetch(f"SELECT * FROM {name} ORDER BY id")))  # noqa: S608 - constants
            for name in TABLES
        }


async def tidy_for(site: Site, hours: int) -> None:
    for _ in range(hours):
        await site.tidy()
        site.clock.advance(hours=1)


async def member_with_all(site: Site, consenting: Consenting, follow_lists: FollowLists) -> UUID:
    """Somebody who publishes, keeps a list, and is claimed against."""
    member, _ = await site.publish("ada", 5)
    await consenting.give(member, ConsentKind.KEEP_FOLLOW_LIST, 1)
    await follow_lists.keep(member, Lists.FOLLOWING, parse_lines("1,ann"), consent=1)
    await site.claim(await site.sign_in("eve"), "ada", 5)
    return member


async def test_a_day_in_a_far_year_ends_nothing(
    site: Site, consenting: Consenting, follow_lists: FollowLists
) -> None:
    """The machine came up four years ahead, and was set right a day later: what is published was withdrawn, lists were
    deleted with the consents to them, and claims had lapsed."""
    member = await member_with_all(site, consenting, follow_lists)
    await tidy_for(site, 2)
    before = await rows(site)
    site.clock.advance(seconds=AHEAD.total_seconds())
    await tidy_for(site, 24)
    site.clock.advance(seconds=-AHEAD.total_seconds())
    await tidy_for(site, 2)
    assert await rows(site) == before
    assert ConsentKind.KEEP_FOLLOW_LIST in await consenting.present(member)
    assert (await site.answer("5")).mapping.x_handle.key == "ada"


async def test_what_has_expired_goes_once_the_time_was_lived(
    site: Site, consenting: Consenting, follow_lists: FollowLists, clock: FakeClock
) -> None:
    """An instance that rested for years: its clock is right, and it is believed after a week."""
    await member_with_all(site, consenting, follow_lists)
    await tidy_for(site, 1)
    clock.advance(seconds=AHEAD.total_seconds())
    await tidy_for(site, 24 * DAYS_SEEN)
    left = await rows(site)
    assert (left["publication"], left["follow_list"]) == ([], [])
