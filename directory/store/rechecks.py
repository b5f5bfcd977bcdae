"""Re-checks of proven accounts: which are due, and what came of them."""

from collections.abc import Collection
from datetime import datetime
from typing import Final

import msgspec

from directory.accounts import AccountNetwork, LinkedAccount, ProofState, ProvenAccount
from directory.mappings import Evidence, EvidenceKind, Strength
from directory.members.rechecks import (
    RECHECK_LEASE,
    Doubtful,
    Held,
    Moved,
    Outcome,
    Unlinked,
    rests_on_link,
)
from directory.members.renewal import drop_link, prove_again, see_again
from directory.store.account_hosts import HOST_OF_ACCOUNT
from directory.store.accounts import (
    ACCOUNT_COLUMNS,
    account_of,
    find_account,
    save_account,
    save_health,
    update_rechecks,
)
from directory.store.database import Connection, Database
from directory.store.leases import Lease, LeasedTable
from directory.store.publication_rows import (
    restate_account,
    withdraw_all_of_account,
    withdraw_by_target_and_strength,
)
from directory.store.tokens import hand_over_tokens

RECHECKS: Final = LeasedTable(
    name="linked_account",
    lease=RECHECK_LEASE,
    waits="recheck_at IS NOT NULL",
    ending="recheck_at = NULL",
    due="recheck_at",
    attempts="recheck_attempts",
    hosts=f"ARRAY[{HOST_OF_ACCOUNT}]",
    heeds_backoff=True,
)


class RecheckJob(msgspec.Struct, frozen=True):
    """One attempt at a re-check. `attempt` tells a late result from a present one."""

    account: LinkedAccount
    attempt: int
    hosts: tuple[str, ...] = ()

    @property
    def lease(self) -> Lease:
        return Lease(self.account.id, self.attempt)


class RecheckStore:
    """Trusted: whoever can write results can keep a dead proof alive."""

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
        """Gives a re-check back that was broken off: it is due again now."""
        async with self._database.connection() as connection:
            await RECHECKS.release(connection, job.lease, now)

    async def record(self, job: RecheckJob, outcome: Outcome, now: datetime) -> bool:
        """Records what a re-check came to. Returns False where nobody waits for it any more (erased, unlinked,
        withdrawn, or seen by a later attempt), and nothing was changed.

        *Held* counts on and takes over a new label; *doubtful* comes back; *lapsed* withdraws what was
        published of it; *unlinked* only what rests on the link; *moved* carries it to the account that it names.
        """
        async with self._database.transaction() as connection:
            if not await connection.fetchval(
                "SELECT true FROM member WHERE id = $1 FOR NO KEY UPDATE", job.account.member
            ):
                return False
            account = await _lock_account(connection, job)
            if account is None:
                return False
            if isinstance(outcome, Held):
                await _record_held(connection, account, outcome, now)
            elif isinstance(outcome, Unlinked) and account.network is not AccountNetwork.X:
                await _record_held(connection, drop_link(account), Held(outcome.handle), now)
            elif isinstance(outcome, Moved) and account.network is AccountNetwork.MASTODON:
                await _record_moved(connection, account, outcome, now)
            elif isinstance(outcome, Doubtful):
                await save_health(connection, account.id, outcome.state, outcome.since, outcome.next_look)
            else:
                await _record_lapsed(connection, account, now)
        return True


async def _lock_account(connection: Connection, job: RecheckJob) -> LinkedAccount | None:
    """The account as it is now. Returns None where another attempt counts, or none."""
    if not await RECHECKS.lock(connection, job.lease):
        return None
    row = await connection.fetchrow(
        f"SELECT {ACCOUNT_COLUMNS} FROM linked_account WHERE id = $1", job.account.id
    )
    return account_of(row) if row is not None else None


async def _record_held(connection: Connection, account: LinkedAccount, held: Held, now: datetime) -> None:
    seen = see_again(account, held.handle, held.evidence, now)
    if seen is None:
        await _record_lapsed(connection, account, now)
        return
    await save_account(connection, account, seen, now)
    await _withdraw_unlinked(connection, seen, now)
    await restate_account(connection, seen, now)


async def _withdraw_unlinked(connection: Connection, account: LinkedAccount, now: datetime) -> None:
    """Ends what rested on a link of the account that is not known (any more)."""
    if account.network is AccountNetwork.X or rests_on_link(account):
        return
    if await withdraw_by_target_and_strength(connection, account.id, Strength.LINKED):
        await update_rechecks(connection, account.member, now)


async def _record_moved(connection: Connection, account: LinkedAccount, moved: Moved, now: datetime) -> None:
    """The permissions were the old account's, and go with it; so does a link of its profile."""
    evidence = Evidence(EvidenceKind.MASTODON_OAUTH, now, account.account_id)
    new = ProvenAccount.mastodon(moved.actor_uri, moved.acct, evidence)
    held = await find_account(connection, new)
    if held is not None and held.member != account.member:
        await _record_lapsed(connection, account, now)
        return
    await hand_over_tokens(connection, "account = $2", now, account.id)
    renewed = prove_again(held or drop_link(account), new, now)
    if held is not None:
        await connection.execute(
            "UPDATE publication SET target_account = $2 WHERE target_account = $1", account.id, held.id
        )
        await _record_lapsed(connection, account, now)
    await save_account(connection, held or account, renewed, now)
    await _withdraw_unlinked(connection, renewed, now)
    await update_rechecks(connection, account.member, now)
    await restate_account(connection, renewed, now)


async def _record_lapsed(connection: Connection, account: LinkedAccount, now: datetime) -> None:
    await withdraw_all_of_account(connection, account.id)
    await save_health(connection, account.id, ProofState.LAPSED, now, None)
    await update_rechecks(connection, account.member, now)
