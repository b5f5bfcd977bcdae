"""Re-checks of proven accounts: which are due, and their results."""

from collections.abc import Collection
from datetime import datetime
from typing import Final

import msgspec

from directory.accounts import LinkedAccount, ProofState, XAccount
from directory.clock import CLOCK_SLACK
from directory.mappings import Strength
from directory.members.claims import CLAIM_LIFE
from directory.members.errors import ClaimPaused
from directory.members.rechecks import (
    CONFIRM_AFTER,
    RECHECK_EVERY,
    RECHECK_LEASE,
    Doubtful,
    Held,
    Lapsed,
    Moved,
    Outcome,
    account_after,
    doubt,
    rests_on_link,
)
from directory.store.account_hosts import HOST_OF_ACCOUNT
from directory.store.account_linking import Contested, claim_x_account
from directory.store.accounts import (
    ACCOUNT_COLUMNS,
    account_of,
    lock_x_parties,
    save_account,
    save_health,
    update_rechecks,
)
from directory.store.claim_rows import keep_claims_with_holder, release_claims_against
from directory.store.database import Connection, Database
from directory.store.leases import Lease, LeasedTable
from directory.store.publication_rows import (
    restate_account,
    withdraw_all_of_account,
    withdraw_by_target_and_strength,
)
from directory.store.rivals import save_seen

RECHECKS: Final = LeasedTable(
    name="linked_account",
    lease=RECHECK_LEASE,
    waits="recheck_at IS NOT NULL",
    ending="recheck_at = NULL",
    due="recheck_at",
    attempts="recheck_attempts",
    hosts=f"ARRAY[{HOST_OF_ACCOUNT}]",
    farthest=RECHECK_EVERY + CLOCK_SLACK,
    heeds_backoff=True,
)


class RecheckJob(msgspec.Struct, frozen=True):
    """One attempt at a re-check. A result of an earlier `attempt` is refused."""

    account: LinkedAccount
    attempt: int
    hosts: tuple[str, ...] = ()

    @property
    def lease(self) -> Lease:
        return Lease(self.account.id, self.attempt)


class RecheckStore:
    """Trusted: whoever can write results can keep a refuted proof published."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim_due_rechecks(
        self, now: datetime, limit: int, busy: Collection[str] = ()
    ) -> list[RecheckJob]:
        """Claims published accounts to re-check now, each for ten minutes; none at a `busy` host."""
        async with self._database.connection() as connection:
            rows = await RECHECKS.claim(connection, now, limit, f"{ACCOUNT_COLUMNS}, recheck_attempts", busy)
        return [RecheckJob(account_of(row), row["recheck_attempts"], tuple(row["hosts"])) for row in rows]

    async def release_recheck(self, job: RecheckJob, now: datetime) -> None:
        """Releases a re-check whose attempt was broken off: it is due again now."""
        async with self._database.connection() as connection:
            await RECHECKS.release(connection, job.lease, now)

    async def record_recheck(self, job: RecheckJob, outcome: Outcome, now: datetime) -> bool:
        """Records the outcome of a re-check.

        *Held* renews what is published, under a new handle too; *doubtful* reschedules the re-check; *lapsed*
        withdraws what is published of the account; so does *moved*, and the account stays; *unlinked* withdraws
        only what rests on its link. Returns False if nothing was changed: the account was erased, unlinked or withdrawn, or
        a later attempt has it.
        """
        async with self._database.transaction() as connection:
            if job.account.x is not None:
                seen = outcome.account if isinstance(outcome, Held) else None
                named = [job.account.x, *([seen] if isinstance(seen, XAccount) else [])]
                await lock_x_parties(connection, [job.account.member], *named)
            if not await connection.fetchval(
                "SELECT true FROM member WHERE id = $1 FOR NO KEY UPDATE", job.account.member
            ):
                return False
            account = await _lock_account(connection, job)
            if account is None:
                return False
            await _write(connection, account, outcome, now)
        return True


async def bring_rechecks_forward(connection: Connection, latest: datetime, now: datetime) -> None:
    """Makes re-checks due that are planned for later than `latest`, as no right clock plans them."""
    await connection.execute("UPDATE linked_account SET recheck_at = $2 WHERE recheck_at > $1", latest, now)


async def _write(connection: Connection, account: LinkedAccount, outcome: Outcome, now: datetime) -> None:
    if isinstance(outcome, Held):
        outcome = await _without_taken_id(connection, account, outcome, now)
    after = account_after(account, outcome, now)
    if after.is_lapsed:
        await _lapse(connection, after, now)
    elif isinstance(outcome, Moved):
        await _withdraw_moved(connection, account, after, now)
    elif isinstance(outcome, Doubtful):
        await save_health(connection, after)
        if after.health is ProofState.IN_DOUBT:
            await restate_account(connection, after, now)
    else:
        await save_seen(connection, account, after, now)
        await keep_claims_with_holder(connection, after, now, is_new_proof=False)
        await _withdraw_unlinked(connection, after, now)
        await restate_account(connection, after, now)
        await update_rechecks(connection, account.member, now)


async def _without_taken_id(
    connection: Connection, account: LinkedAccount, held: Held, now: datetime
) -> Outcome:
    """Drops a new X id from an outcome where another account of the member has it. Where another member's has it, a
    claim is stored, and the account is in doubt until that is settled; it lapses where the moderators left the X
    account with the other one. A proof of theirs that lapsed keeps nothing from anybody."""
    x, seen = account.x, held.account
    if x is None or x.id is not None or not isinstance(seen, XAccount) or seen.id is None:
        return held
    if not held.evidence or not x.is_same(seen):
        return held
    try:
        same = await claim_x_account(connection, account.member, seen, held.evidence[0], now)
    except ClaimPaused:
        return doubt(account, now, CONFIRM_AFTER) or Lapsed()
    if isinstance(same, Contested):
        since = account.health_since if account.health is ProofState.IN_DOUBT else None
        return Doubtful(ProofState.IN_DOUBT, since or now, now + CLAIM_LIFE)
    return held if {each.id for each in same} == {account.id} else Held(x)


async def _lock_account(connection: Connection, job: RecheckJob) -> LinkedAccount | None:
    """Locks the account and reads it. Returns None where another attempt counts by now, or none; or where the account was
    proven or seen since the claim, as attempts are counted from nothing then, and one has the number of another."""
    if not await RECHECKS.lock(connection, job.lease):
        return None
    row = await connection.fetchrow(
        f"SELECT {ACCOUNT_COLUMNS} FROM linked_account WHERE id = $1", job.account.id
    )
    account = account_of(row) if row is not None else None
    return account if account is not None and _seen_of(account) == _seen_of(job.account) else None


def _seen_of(account: LinkedAccount) -> tuple[datetime, datetime]:
    return account.proven_at, account.checked_at


async def _withdraw_unlinked(connection: Connection, account: LinkedAccount, now: datetime) -> None:
    """Withdraws what rested on a link of the account that no longer holds."""
    if account.target is None or rests_on_link(account):
        return
    if await withdraw_by_target_and_strength(connection, account.id, Strength.LINKED):
        await update_rechecks(connection, account.member, now)


async def _withdraw_moved(
    connection: Connection, account: LinkedAccount, after: LinkedAccount, now: datetime
) -> None:
    """Withdraws what is published of an account that moved. The account stays the member's, who can sign in with it."""
    await withdraw_all_of_account(connection, account.id)
    await save_account(connection, account, after, now)
    await update_rechecks(connection, account.member, now)


async def _lapse(connection: Connection, lapsed: LinkedAccount, now: datetime) -> None:
    await withdraw_all_of_account(connection, lapsed.id)
    await release_claims_against(connection, lapsed.id)
    await save_health(connection, lapsed)
    await update_rechecks(connection, lapsed.member, now)
