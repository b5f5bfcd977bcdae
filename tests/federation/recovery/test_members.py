"""Members and their publications, after the log was brought back to an older database, or to an empty one."""

from pathlib import Path

import pytest

from directory.members.publications import Publication, PublicationState, Wish
from directory.queries import Query
from directory.services.lookup import Lookup
from directory.services.membership import Membership
from directory.services.publishing import Publishing
from directory.store.claims import ClaimStore
from directory.store.database import Database
from directory.store.mappings import MappingStore
from directory.store.members import MemberStore
from directory.store.publications import PublicationStore
from tests.directory.members.people import at_bluesky, on_x
from tests.federation.log_harness import ORIGIN, LogHarness
from tests.federation.recovery.kept_copy import keep
from tests.federation.recovery.restoring import back_up, lose, recover, restore
from tests.harness.clock import FakeClock

Ids = tuple["Person", Publication]


class Person:
    """A member who publishes."""

    def __init__(self, database: Database, clock: FakeClock, name: str, number: int) -> None:
        self.database, self.clock, self.name, self.number = database, clock, name, number
        self.membership = Membership(MemberStore(database), ClaimStore(database), clock)
        self.publishing = Publishing(MemberStore(database), PublicationStore(database), clock, ORIGIN)
        self.published: Publication

    async def publish(self) -> None:
        signed_in = await self.membership.sign_in(at_bluesky(self.name, at=self.clock.now()))
        x = await self.membership.link(signed_in.member, on_x(self.name, self.number, at=self.clock.now()))
        self.member = signed_in.member
        self.published = await self.publishing.publish(
            signed_in.member, Wish(x.id, signed_in.account.id, consent=1)
        )

    async def withdraw(self) -> None:
        (said,) = await self.list()
        await self.publishing.withdraw(self.member, said.id)

    async def list(self) -> list[Publication]:
        return await PublicationStore(self.database).list_publications(self.member)

    async def answers(self) -> int:
        match = await Lookup(MappingStore(self.database), self.clock, ORIGIN).lookup(
            Query.parse(str(self.number))
        )
        return len(match.answers)


@pytest.fixture
def harness(database: Database, folder: Path, clock: FakeClock) -> LogHarness:
    return LogHarness(database, folder / "data", clock)


def person(harness: LogHarness, name: str, number: int) -> Person:
    return Person(harness.database, harness.clock, name, number)


async def test_what_was_withdrawn_since_the_backup_stays_withdrawn(harness: LogHarness) -> None:
    """Attack by accident: the backup holds a publication that its member has withdrawn since. It answered again, for good,
    as the log had no more to revoke."""
    ada, bob = person(harness, "ada", 5), person(harness, "bob", 6)
    await ada.publish()
    await bob.publish()
    await harness.run()
    backup = await back_up(harness)
    await ada.withdraw()
    await harness.run()
    kept = await keep(harness)
    await restore(harness, backup)
    recovered = await recover(harness, kept)
    assert recovered.brought.reclaimed.ended == 1
    assert (await ada.answers(), await bob.answers()) == (0, 1)
    assert (await ada.list(), len(await bob.list())) == ([], 1)
    await harness.run()
    await harness.check()
    await bob.withdraw()
    await harness.run()
    await harness.check()
    assert await harness.live_leaves() == []


async def test_what_was_still_to_be_published_is_found_in_the_log(harness: LogHarness) -> None:
    """The backup was made between the click and the batch: what waits is in the log by now, and is not said twice."""
    ada = person(harness, "ada", 5)
    await harness.run()
    await ada.publish()
    backup = await back_up(harness)
    await harness.run()
    kept = await keep(harness)
    await restore(harness, backup)
    recovered = await recover(harness, kept)
    assert recovered.brought.reclaimed.kept == 1
    (said,) = await ada.list()
    assert (said.state(harness.clock.now()), said.leaf) == (PublicationState.ACTIVE, 1)
    assert await harness.run() == 0
    await harness.check()
    await ada.withdraw()
    assert await harness.run() == 1
    await harness.check()
    assert await harness.live_leaves() == []


async def test_nothing_is_published_against_a_withdrawal(harness: LogHarness) -> None:
    """Attack by accident: a backup was made between a click and its batch, and the member withdrew the day after. Nobody
    can tell any more what the revoked leaf said, so what waits in the backup is not published."""
    ada, bob = person(harness, "ada", 5), person(harness, "bob", 6)
    await harness.run()
    await ada.publish()
    backup = await back_up(harness)
    await harness.run()
    await ada.withdraw()
    await harness.run()
    kept = await keep(harness)
    await restore(harness, backup)
    await recover(harness, kept)
    assert await harness.run() == 0
    assert (await ada.answers(), await ada.list()) == (0, [])
    await bob.publish()
    await harness.run()
    await harness.check()


async def test_what_waited_and_was_never_published_waits_on(harness: LogHarness) -> None:
    ada = person(harness, "ada", 5)
    await harness.run()
    await harness.add_pending(3)
    await harness.run()
    early = await back_up(harness)
    await harness.add_pending(3)
    await harness.run()
    kept = await keep(harness)
    await restore(harness, early)
    await ada.publish()
    await recover(harness, kept)
    assert await ada.answers() == 0
    await harness.run()
    assert await ada.answers() == 1
    await harness.check()


async def test_who_comes_back_after_the_database_was_lost_takes_over_what_they_had(
    harness: LogHarness,
) -> None:
    """Attack by accident: the log answers for people whose membership is gone. One who signs in again and publishes had two
    leaves, of which they could withdraw one alone."""
    ada, bob = person(harness, "ada", 5), person(harness, "bob", 6)
    await ada.publish()
    await bob.publish()
    await harness.run()
    kept = await keep(harness)
    await lose(harness)
    async with harness.database.connection() as connection:
        await connection.execute("TRUNCATE member CASCADE")
    await recover(harness, kept)
    assert (await ada.answers(), await bob.answers()) == (1, 1)
    await ada.publish()
    assert await ada.answers() == 1, "the former leaf answers until the new one does"
    assert await harness.run() == 2, "one leaf, and the revoke of the former one"
    await harness.check()
    assert await ada.answers() == 1
    await ada.withdraw()
    assert await ada.answers() == 0
    await harness.run()
    await harness.check()
    assert (await ada.answers(), await bob.answers()) == (0, 1)
