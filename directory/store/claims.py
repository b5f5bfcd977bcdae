"""Claims to X accounts that two members have proven: the first holds the account, the moderators decide."""

from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg
import msgspec

from directory.accounts import LinkedAccount, ProvenAccount, XAccount
from directory.mappings import Evidence
from directory.store.account_columns import read_x_account
from directory.store.account_linking import link_account
from directory.store.account_removal import remove_account
from directory.store.accounts import ACCOUNT_COLUMNS, account_of, decode_evidence, plain_uuid
from directory.store.database import Connection, Database

_SELECT: Final = (
    "SELECT id, member, holder, account_id, handle, evidence, claimed_at, settled_at, is_upheld"
    " FROM contested_claim"
)


class Claim(msgspec.Struct, frozen=True):
    """A member's proof of an X account that another member holds as the linked account `holder`."""

    id: UUID
    member: UUID
    holder: UUID | None
    """None where the holder unlinked the account or was erased."""
    account: XAccount
    evidence: tuple[Evidence, ...]
    claimed_at: datetime
    settled_at: datetime | None
    is_upheld: bool | None


class ClaimStore:
    """Trusted: whoever can settle claims can hand over X accounts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list_open_claims(self, limit: int) -> list[Claim]:
        """Lists the claims to decide, the oldest first."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                f"{_SELECT} WHERE settled_at IS NULL AND holder IS NOT NULL ORDER BY claimed_at, id LIMIT $1",
                limit,
            )
        return [_claim_of(row) for row in rows]

    async def list_open_claims_of_member(self, member: UUID) -> list[Claim]:
        """Lists the open claims of a member, the oldest first."""
        async with self._database.connection() as connection:
            return await fetch_claims(connection, member, only_open=True)

    async def settle_claim(self, claim: UUID, now: datetime, *, upheld: bool) -> bool:
        """Settles a claim. Where it is upheld, the account passes to the claimant, and what the holder
        published of it is withdrawn.

        Returns False where no such claim is open.
        """
        async with self._database.transaction() as connection:
            found = await _lock_both(connection, claim)
            if found is None:
                return False
            claimed, holder = found
            await connection.execute(
                "UPDATE contested_claim SET settled_at = $2, is_upheld = $3 WHERE id = $1", claim, now, upheld
            )
            if upheld:
                await _hand_over(connection, claimed, holder, now)
        return True

    async def settle_unopposed_claims(self, now: datetime, limit: int) -> int:
        """Upholds claims whose account is no longer held; returns how many there were."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                "SELECT id FROM contested_claim WHERE settled_at IS NULL AND holder IS NULL LIMIT $1", limit
            )
        for row in rows:
            await self.settle_claim(row["id"], now, upheld=True)
        return len(rows)


async def fetch_claims(connection: Connection, member: UUID, *, only_open: bool = False) -> list[Claim]:
    """Reads a member's claims, the oldest first."""
    rows = await connection.fetch(
        f"{_SELECT} WHERE member = $1 AND (settled_at IS NULL OR NOT $2) ORDER BY claimed_at, id",
        member,
        only_open,
    )
    return [_claim_of(row) for row in rows]


async def _lock_both(connection: Connection, claim: UUID) -> tuple[Claim, LinkedAccount | None] | None:
    """Locks both members in the order of their ids, as `lock_with_holder` does, then the claim.

    Returns the claim and the holder's account, or None where the claim is not open.
    """
    await connection.execute(
        "SELECT FROM member WHERE id IN (SELECT c.member FROM contested_claim c WHERE c.id = $1 UNION"
        " SELECT a.member FROM contested_claim c JOIN linked_account a ON a.id = c.holder WHERE c.id = $1)"
        " ORDER BY id FOR NO KEY UPDATE",
        claim,
    )
    row = await connection.fetchrow(f"{_SELECT} WHERE id = $1 AND settled_at IS NULL FOR UPDATE", claim)
    if row is None:
        return None
    claimed = _claim_of(row)
    holder = await connection.fetchrow(
        f"SELECT {ACCOUNT_COLUMNS} FROM linked_account WHERE id = $1", claimed.holder
    )
    return claimed, account_of(holder) if holder is not None else None


async def _hand_over(
    connection: Connection, claim: Claim, holder: LinkedAccount | None, now: datetime
) -> None:
    if holder is not None:
        await remove_account(connection, holder, now)
    # Where a third member holds the account by now, this stores a new claim against them.
    await link_account(connection, claim.member, ProvenAccount(claim.account, claim.evidence[0]), now)


def _claim_of(row: asyncpg.Record) -> Claim:
    return Claim(
        plain_uuid(row["id"]),
        plain_uuid(row["member"]),
        plain_uuid(row["holder"]) if row["holder"] is not None else None,
        read_x_account(row["account_id"], row["handle"]),
        decode_evidence(row["evidence"]),
        row["claimed_at"],
        row["settled_at"],
        row["is_upheld"],
    )
