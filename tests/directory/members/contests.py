"""Members who contest X accounts, in tests: what they do, each in one line."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple
from uuid import UUID

import pytest

from directory.accounts import LinkedAccount, ProvenAccount
from directory.mappings import Evidence, EvidenceKind
from directory.members.claims import Case, Settled
from directory.members.errors import XAccountContested
from directory.members.publications import Wish
from directory.queries import Query
from directory.ranking import Answer
from directory.services.housekeeping import Housekeeping
from directory.services.leaving import Leaving
from directory.services.lookup import Lookup
from directory.services.membership import Membership
from directory.store.claims import ClaimStore
from directory.store.database import Database
from directory.store.rechecks import RecheckJob, RecheckStore
from federation.protocol.statement import Statement, parse_statement
from tests.directory.members.logged import LoggedPublishing
from tests.directory.members.people import at_bluesky, named_alike, on_x, x_account
from tests.harness.clock import FakeClock


class Site(NamedTuple):
    """The services of these tests."""

    database: Database
    clock: FakeClock
    membership: Membership
    publishing: LoggedPublishing
    claims: ClaimStore
    rechecks: RecheckStore
    leaving: Leaving
    lookup: Lookup
    join: Callable[[str, int | None], Awaitable[tuple[UUID, Wish]]]

    async def sign_in(self, name: str) -> UUID:
        return (await self.membership.sign_in(at_bluesky(name, at=self.clock.now()))).member

    async def publish(self, name: str, x_id: int | None) -> tuple[UUID, Wish]:
        """Makes a member whose mapping answers."""
        member, wish = await self.join(name, x_id)
        await self.publishing.publish(member, wish)
        await self.publishing.say()
        return member, wish

    async def claim(self, member: UUID, handle: str, x_id: int | None = None, *, post: int = 9) -> UUID:
        """Proves an X account that another member holds; returns the newest claim."""
        with pytest.raises(XAccountContested):
            await self.membership.link(member, on_x(handle, x_id, at=self.clock.now(), post=post))
        return (await self.membership.waiting_claims(member))[-1].id

    async def case(self, claim: UUID) -> Case:
        case = await self.claims.find_case(claim)
        assert case is not None
        return case

    async def uphold(
        self, claim: UUID, handle: str, x_id: int | None = None, *, names: str | None = None
    ) -> Settled:
        """Upholds a claim whose post, which names the accounts `names`, is seen just now."""
        named = named_alike(names or handle)
        seen = on_x(handle, x_id, at=self.clock.now(), post=9, names=named)
        return await self.claims.uphold(await self.case(claim), seen, self.clock.now())

    async def approve(self, claim: UUID) -> Settled:
        return await self.claims.approve(await self.case(claim), self.clock.now(), None)

    async def x_of(self, member: UUID) -> list[LinkedAccount]:
        return [each for each in await self.membership.accounts(member) if each.x is not None]

    async def answer(self, asked: str) -> Answer:
        (answer,) = (await self.lookup.lookup(Query.parse(asked))).answers
        return answer

    async def tidy(self) -> None:
        await Housekeeping(self.database, self.clock).run()

    async def due_x(self) -> RecheckJob:
        """Claims the re-check of an X account that is due now."""
        jobs = await self.rechecks.claim_due_rechecks(self.clock.now(), 10)
        (job,) = [each for each in jobs if each.account.x is not None]
        return job

    async def newest_body(self) -> Statement:
        """Reads what our log said last, as a peer does."""
        async with self.database.connection() as connection:
            body = await connection.fetchval("SELECT body FROM log_statement ORDER BY leaf DESC LIMIT 1")
        return parse_statement(bytes(body))


def by_x_sign_in(handle: str, x_id: int, site: Site) -> ProvenAccount:
    return ProvenAccount(x_account(handle, x_id), Evidence(EvidenceKind.X_OAUTH, site.clock.now()))


async def is_held_up(database: Database, task: asyncio.Future[Any]) -> bool:
    """Waits until a task waits for a lock. Returns False where it ends instead."""
    async with database.connection() as connection:
        while not task.done():
            if await connection.fetchval(
                "SELECT true FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            ):
                return True
    return False
