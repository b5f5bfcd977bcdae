"""Claims to X accounts that another member holds: listed, decided by the moderators, and carried out.

A claim that is approved is carried out by a proof of the claimant (`directory.store.account_linking`). What is decided
here is that same proof, seen once more by the instance.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from directory.accounts import LinkedAccount, ProvenAccount
from directory.clock import CLOCK_SLACK
from directory.members.claims import (
    APPROVAL_LIFE,
    CLAIM_LIFE,
    LOOK_LEASE,
    MAX_LOOK_WAIT,
    Case,
    Claim,
    ClaimState,
    Settled,
)
from directory.members.errors import ClaimPaused, TooManyAccounts
from directory.store.account_hosts import X_STAND_IN
from directory.store.account_linking import Contested, link_account
from directory.store.accounts import (
    ACCOUNT_COLUMNS,
    account_of,
    find_like_x_accounts,
    plain_uuid,
    take_x_turn_with,
)
from directory.store.claim_rows import (
    CLAIM_COLUMNS,
    IS_APPROVED,
    IS_WAITING,
    claim_of,
    fetch_claims,
    settle_claims,
)
from directory.store.database import Connection, Database
from directory.store.leases import Lease, LeasedTable
from directory.store.publication_rows import restate_account
from directory.store.rivals import forget_rival

CLAIM_LOOKS: Final = LeasedTable(
    name="contested_claim",
    lease=LOOK_LEASE,
    waits=f"{IS_APPROVED} AND next_at IS NOT NULL",
    ending="next_at = NULL",
    hosts=f"ARRAY['{X_STAND_IN}']",
    farthest=MAX_LOOK_WAIT + CLOCK_SLACK,
    heeds_backoff=True,
)
_APPROVE: Final = (
    f"UPDATE contested_claim SET state = {ClaimState.APPROVED.value}, decided_at = $2, next_at = $3, attempts = 0"
    " WHERE id = $1"
)
# Approved before, it keeps the time of that decision: doubt after doubt would let it wait for ever.
_DOUBT: Final = (
    f"UPDATE contested_claim SET decided_at = CASE WHEN {IS_APPROVED} THEN decided_at ELSE $2 END,"
    f" state = {ClaimState.APPROVED.value}, doubted_at = least(doubted_at, $2), next_at = $3 WHERE id = $1"
)
_BELIEVE: Final = "UPDATE contested_claim SET doubted_at = NULL WHERE id = $1 AND doubted_at IS NOT NULL"
_HAS_LAPSED: Final = (
    f"((state = {ClaimState.OPEN.value} AND proven_at <= $1 AND NOT EXISTS (SELECT FROM linked_account a"
    f" WHERE a.id = holder AND a.checked_at <= contested_claim.proven_at)) OR ({IS_APPROVED} AND decided_at <= $2))"
)


class ClaimJob(msgspec.Struct, frozen=True):
    """One attempt to see the evidence of an approved claim. A result of an earlier `attempt` is refused."""

    case: Case
    attempt: int
    hosts: tuple[str, ...]

    @property
    def lease(self) -> Lease:
        return Lease(self.case.claim.id, self.attempt)


class ClaimStore:
    """Trusted: whoever can decide claims can hand over X accounts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list_open_claims(self, limit: int) -> list[Claim]:
        """Lists the claims that wait, with and without a holder, the oldest first."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                f"SELECT {CLAIM_COLUMNS} FROM contested_claim WHERE {IS_WAITING} ORDER BY claimed_at, id LIMIT $1",
                limit,
            )
        return [claim_of(row) for row in rows]

    async def list_open_claims_of_member(self, member: UUID) -> list[Claim]:
        """Lists the claims of a member that wait, the oldest first."""
        async with self._database.connection() as connection:
            return await fetch_claims(connection, member, only_waiting=True)

    async def find_contested_accounts(self, member: UUID) -> set[UUID]:
        """Finds the accounts of a member that somebody else claims. It does not tell who."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                "SELECT DISTINCT a.id FROM linked_account a JOIN contested_claim c ON c.holder = a.id"
                f" WHERE a.member = $1 AND c.{IS_WAITING}",
                member,
            )
        return {plain_uuid(row["id"]) for row in rows}

    async def find_case(self, claim: UUID) -> Case | None:
        """Finds a claim that waits, and who holds the account. Returns None where no such claim waits."""
        async with self._database.connection() as connection:
            return await _fetch_case(connection, claim)

    async def reject(self, claim: UUID, now: datetime) -> Settled:
        """Rejects a claim: what the holder publishes is contested no longer, unless another claim waits, or one of its
        proofs is in doubt."""
        async with self._database.transaction() as connection:
            case = await _lock_case(connection, claim)
            if case is None:
                return Settled.NOT_WAITING
            await connection.execute("UPDATE contested_claim SET decided_at = $2 WHERE id = $1", claim, now)
            await _end(connection, case, ClaimState.REJECTED, now)
        return Settled.REJECTED

    async def approve(self, decided: Case, now: datetime, next_look: datetime | None) -> Settled:
        """Approves a claim whose evidence could not be seen: it waits, and is looked at at `next_look`.

        The decision holds only where the claim and its holder are still what was decided on.
        """
        async with self._database.transaction() as connection:
            changed = await _lock_as_decided(connection, decided)
            if changed is None:
                await connection.execute(_APPROVE, decided.claim.id, now, next_look)
        return changed or Settled.APPROVED

    async def uphold(self, decided: Case, seen: ProvenAccount, now: datetime) -> Settled:
        """Approves a claim whose evidence was seen just now: the account passes to the claimant, and what the holder
        published of it is withdrawn. It holds as `approve` does."""
        try:
            async with self._database.transaction() as connection:
                changed = await _lock_as_decided(connection, decided, seen)
                if changed is not None:
                    return changed
                await connection.execute(_APPROVE, decided.claim.id, now, None)
                return await _hand_over(connection, decided.claim, seen, now)
        except TooManyAccounts:
            return Settled.NO_ROOM

    async def carry_out(self, job: ClaimJob, seen: ProvenAccount, now: datetime) -> Settled:
        """Hands the account of an approved claim over, whose evidence was seen in this attempt. A late result of an
        earlier one changes nothing. Seen, it is in doubt no more, whatever comes of it."""
        try:
            async with self._database.transaction() as connection:
                changed = await _lock_as_decided(connection, job.case, seen, job.lease)
                if changed is not None:
                    return changed
                await connection.execute(_BELIEVE, job.case.claim.id)
                return await _hand_over(connection, job.case.claim, seen, now)
        except TooManyAccounts:
            await self._believe(job)
            return Settled.NO_ROOM

    async def _believe(self, job: ClaimJob) -> None:
        async with self._database.transaction() as connection:
            if await CLAIM_LOOKS.lock(connection, job.lease):
                await connection.execute(_BELIEVE, job.case.claim.id)

    async def doubt(
        self, decided: Case, now: datetime, next_look: datetime, lease: Lease | None = None
    ) -> Settled:
        """Approves a claim whose evidence was seen not to hold, once: it is looked at again at `next_look`. It holds as
        `approve` does; a late result of an earlier attempt changes nothing."""
        async with self._database.transaction() as connection:
            changed = await _lock_as_decided(connection, decided, lease=lease)
            if changed is not None:
                return changed
            await connection.execute(_DOUBT, decided.claim.id, now, next_look)
        return Settled.DOUBTED

    async def lapse(self, decided: Case, now: datetime, lease: Lease | None = None) -> Settled:
        """Ends a claim whose evidence does not hold any more. A late result of an earlier attempt changes nothing."""
        async with self._database.transaction() as connection:
            changed = await _lock_as_decided(connection, decided, lease=lease)
            if changed is not None:
                return changed
            await _end(connection, decided, ClaimState.LAPSED, now)
        return Settled.LAPSED

    async def claim_due_looks(self, now: datetime, limit: int, busy: Collection[str] = ()) -> list[ClaimJob]:
        """Claims approved claims whose evidence is due to be looked at, each for five minutes."""
        async with self._database.transaction() as connection:
            rows = await CLAIM_LOOKS.claim(connection, now, limit, "id, attempts", busy)
            found = [(row, await _fetch_case(connection, row["id"])) for row in rows]
        return [
            ClaimJob(case, row["attempts"], tuple(row["hosts"])) for row, case in found if case is not None
        ]

    async def release_look(self, job: ClaimJob, now: datetime) -> None:
        """Releases a look that was broken off: it is due again now."""
        async with self._database.connection() as connection:
            await CLAIM_LOOKS.release(connection, job.lease, now)

    async def reschedule_look(self, job: ClaimJob, due: datetime) -> None:
        """Reschedules a look whose source was unreachable. The claim lapses 30 days after the decision."""
        async with self._database.connection() as connection:
            await CLAIM_LOOKS.reschedule(connection, job.lease, due)

    async def stop_looking(self, job: ClaimJob) -> None:
        """Ends the looks at evidence that this instance cannot see: the claim waits for the claimant's next proof."""
        async with self._database.connection() as connection:
            await CLAIM_LOOKS.finish(connection, job.lease)

    async def lapse_old_claims(self, now: datetime, limit: int, *, lived: datetime | None = None) -> int:
        """Ends claims that waited for too long by the time `lived`, `now` where none is given; returns how many. Both members
        are locked, one claim at a time."""
        until = _bounds(lived or now)
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                f"SELECT id FROM contested_claim WHERE {_HAS_LAPSED} LIMIT $3", *until, limit
            )
        return sum([await self._lapse_if_old(row["id"], until, now) for row in rows])

    async def _lapse_if_old(self, claim: UUID, until: tuple[datetime, datetime], now: datetime) -> bool:
        async with self._database.transaction() as connection:
            case = await _lock_case(connection, claim)
            if case is None or not await connection.fetchval(
                f"SELECT true FROM contested_claim WHERE {_HAS_LAPSED} AND id = $3", *until, claim
            ):
                return False
            await _end(connection, case, ClaimState.LAPSED, now)
        return True


def _bounds(now: datetime) -> tuple[datetime, datetime]:
    return now - CLAIM_LIFE, now - APPROVAL_LIFE


async def _end(connection: Connection, case: Case, state: ClaimState, now: datetime) -> None:
    await settle_claims(connection, [case.claim.id], state, now)
    if case.holder is None:
        return
    if state is ClaimState.REJECTED:
        await forget_rival(connection, case.holder.id)
    await restate_account(connection, case.holder, now)


async def _hand_over(connection: Connection, claim: Claim, seen: ProvenAccount, now: datetime) -> Settled:
    """Links the account of an approved claim, as a proof of the claimant does."""
    try:
        linked = await link_account(connection, claim.member, seen, now)
    except ClaimPaused:
        return Settled.HELD_BY_ANOTHER
    return Settled.HELD_BY_ANOTHER if isinstance(linked, Contested) else Settled.HANDED_OVER


async def _lock_as_decided(
    connection: Connection, decided: Case, seen: ProvenAccount | None = None, lease: Lease | None = None
) -> Settled | None:
    """Locks a case, and then the lease of a look. Returns why a decision about it does not hold any more, None where it does."""
    case = await _lock_case(connection, decided.claim.id, seen)
    if case is None:
        return Settled.NOT_WAITING
    is_lost = lease is not None and not await CLAIM_LOOKS.lock(connection, lease)
    return Settled.CHANGED if is_lost or not case.is_still(decided) else None


async def _lock_case(connection: Connection, claim: UUID, seen: ProvenAccount | None = None) -> Case | None:
    """Locks the claimant, the holder, and who else holds the account that was seen: who has them decides alone.

    Returns None where no such claim waits.
    """

    async def find() -> set[UUID]:
        rows = await connection.fetch(
            "SELECT c.member FROM contested_claim c WHERE c.id = $1 UNION"
            " SELECT a.member FROM contested_claim c JOIN linked_account a ON a.id = c.holder WHERE c.id = $1",
            claim,
        )
        alike = (
            await find_like_x_accounts(connection, seen.x) if seen is not None and seen.x is not None else []
        )
        return {plain_uuid(row["member"]) for row in rows} | {held.member for held in alike}

    await take_x_turn_with(connection, find)
    return await _fetch_case(connection, claim)


async def _fetch_case(connection: Connection, claim: UUID) -> Case | None:
    row = await connection.fetchrow(
        f"SELECT {CLAIM_COLUMNS} FROM contested_claim WHERE id = $1 AND {IS_WAITING}", claim
    )
    if row is None:
        return None
    claimed = claim_of(row)
    return Case(claimed, await _fetch_holder(connection, claimed))


async def _fetch_holder(connection: Connection, claim: Claim) -> LinkedAccount | None:
    row = await connection.fetchrow(
        f"SELECT {ACCOUNT_COLUMNS} FROM linked_account WHERE id = $1", claim.holder
    )
    return account_of(row) if row is not None else None
