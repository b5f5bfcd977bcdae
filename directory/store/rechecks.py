"""Re-checks of proven accounts: which are due, and what came of them."""

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
from directory.store.accounts import (
    ACCOUNT_COLUMNS,
    account_of,
    find_account,
    save_account,
    save_health,
    update_rechecks,
)
from directory.store.database import Connection, Database
from directory.store.publication_rows import (
    restate_account,
    withdraw_all_of_account,
    withdraw_by_target_and_strength,
)
from directory.store.tokens import hand_over_tokens

_MINE: Final = f"""
SELECT {ACCOUNT_COLUMNS} FROM linked_account WHERE id = $1 AND recheck_attempts = $2 AND recheck_at IS NOT NULL
"""


class RecheckJob(msgspec.Struct, frozen=True):
    """One attempt at looking again. `attempt` tells a late result from a present one."""

    account: LinkedAccount
    attempt: int


class RecheckStore:
    """Trusted: whoever can write results can keep a dead proof alive."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim_due_rechecks(self, now: datetime, limit: int) -> list[RecheckJob]:
        """Accounts to look at again, each for ten minutes nobody else's: only those that are published."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                "UPDATE linked_account SET recheck_at = $2, recheck_attempts = recheck_attempts + 1 WHERE id IN"
                " (SELECT id FROM linked_account WHERE recheck_at <= $1 ORDER BY recheck_at LIMIT $3"
                f" FOR UPDATE SKIP LOCKED) RETURNING {ACCOUNT_COLUMNS}, recheck_attempts",
                now,
                now + RECHECK_LEASE,
                limit,
            )
        return [RecheckJob(account_of(row), row["recheck_attempts"]) for row in rows]

    async def record(self, job: RecheckJob, outcome: Outcome, now: datetime) -> bool:
        """Writes down what was seen. False: nobody waits for it any more (erased, unlinked, withdrawn,
        or seen by a later attempt), and nothing was changed.

        *Held* counts on and takes over a new label; *doubtful* comes back; *lapsed* withdraws what was
        published of it; *unlinked* only what rests on the link; *moved* carries it to the account that it names.
        """
        async with self._database.transaction() as connection:
            if not await connection.fetchval(
                "SELECT true FROM member WHERE id = $1 FOR NO KEY UPDATE", job.account.member
            ):
                return False
            row = await connection.fetchrow(_MINE, job.account.id, job.attempt)
            if row is None:
                return False
            account = account_of(row)
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
