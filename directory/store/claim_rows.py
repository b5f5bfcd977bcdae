"""Claims as rows: written, read, and kept with whoever holds the X account. The caller holds the X turn.

A claim that waits stands against the account that is held now: where the holder changes, so does its `holder`.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID, uuid4

import asyncpg

from directory.accounts import LinkedAccount, ProvenAccount, XAccount
from directory.members.claims import APPROVAL_LIFE, CLAIM_PAUSE, WAITING, Claim, ClaimState
from directory.store.account_columns import columns_of, read_x_account
from directory.store.accounts import decode_evidence, plain_uuid
from directory.store.database import Connection
from directory.store.mappings import encode_evidence

CLAIM_COLUMNS: Final = (
    "id, member, holder, account_id, handle, evidence, state, claimed_at, proven_at, decided_at, settled_at,"
    " doubted_at"
)
IS_WAITING: Final = f"state IN ({', '.join(str(state.value) for state in WAITING)})"
IS_APPROVED: Final = f"state = {ClaimState.APPROVED.value}"
_SELECT: Final = f"SELECT {CLAIM_COLUMNS} FROM contested_claim"
_SELECT_NEAR: Final = f"{_SELECT} WHERE {IS_WAITING} AND (holder = $1 OR account_id = $2 OR lower(handle) = $3) ORDER BY claimed_at, id"
_STAND_AGAINST: Final = f"""
UPDATE contested_claim c SET holder = $2, state = {ClaimState.OPEN.value}, decided_at = NULL, next_at = NULL, doubted_at = NULL
WHERE c.id = $1 AND NOT EXISTS (SELECT FROM contested_claim other
    WHERE other.member = c.member AND other.holder = $2 AND other.settled_at IS NULL AND other.id <> c.id)
RETURNING true
"""


async def fetch_claims(connection: Connection, member: UUID, *, only_waiting: bool = False) -> list[Claim]:
    """Reads a member's claims, the oldest first."""
    rows = await connection.fetch(
        f"{_SELECT} WHERE member = $1 AND ({IS_WAITING} OR NOT $2) ORDER BY claimed_at, id",
        member,
        only_waiting,
    )
    return [claim_of(row) for row in rows]


async def write_claim(
    connection: Connection, member: UUID, holder: LinkedAccount, proven: ProvenAccount, now: datetime
) -> None:
    """Stores a claim against a holder. Repeated, it stays one claim in its state, with its newest evidence.

    Raises asyncpg.ForeignKeyViolationError where the holder's account is gone.
    """
    columns = columns_of(proven.account)
    await connection.execute(
        "INSERT INTO contested_claim (id, member, holder, account_id, handle, evidence, state, claimed_at,"
        " proven_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)"
        " ON CONFLICT (member, holder) WHERE settled_at IS NULL DO UPDATE SET account_id = EXCLUDED.account_id,"
        " handle = EXCLUDED.handle, evidence = EXCLUDED.evidence, proven_at = EXCLUDED.proven_at,"
        " doubted_at = NULL",
        uuid4(),
        member,
        holder.id,
        columns.account_id,
        columns.handle,
        encode_evidence((proven.evidence,)),
        ClaimState.OPEN,
        now,
    )


async def find_approved_holders(connection: Connection, member: UUID, now: datetime) -> set[UUID]:
    """Finds the accounts that the moderators decided to hand over to a member, with their next proof."""
    rows = await connection.fetch(
        f"SELECT holder FROM contested_claim WHERE member = $1 AND holder IS NOT NULL AND {IS_APPROVED}"
        " AND decided_at > $2",
        member,
        now - APPROVAL_LIFE,
    )
    return {plain_uuid(row["holder"]) for row in rows}


async def is_paused(connection: Connection, member: UUID, x: XAccount, now: datetime) -> bool:
    """Whether a claim of the member to this X account was rejected not long ago."""
    rows = await connection.fetch(
        f"{_SELECT} WHERE member = $1 AND state = $2 AND settled_at > $3",
        member,
        ClaimState.REJECTED,
        now - CLAIM_PAUSE,
    )
    return any(claim_of(row).account.is_same(x) for row in rows)


async def keep_claims_with_holder(
    connection: Connection, held: LinkedAccount, now: datetime, *, is_new_proof: bool
) -> None:
    """Brings the claims up to date with an account that was proven or re-checked.

    The member's own claims to it have reached their end. Claims of others that stand without a holder stand against
    this one, and those to another X account do so no longer: the handle has changed. After a new proof, what the
    moderators approved before is open again: they decided without knowing of it.
    """
    if held.x is None:
        return
    columns = columns_of(held.x)
    rows = await connection.fetch(_SELECT_NEAR, held.id, columns.account_id, columns.handle_key)
    waiting = [claim_of(row) for row in rows]
    same = [claim for claim in waiting if claim.account.is_same(held.x)]
    known = {None, held.x.id}  # a name alone is not yet the account with the claimed id
    own = [claim.id for claim in same if claim.member == held.member and claim.account.id in known]
    await settle_claims(connection, own, ClaimState.UPHELD, now)
    for claim in same:
        is_void = is_new_proof and claim.holder == held.id and claim.state is ClaimState.APPROVED
        if claim.member != held.member and (claim.holder is None or is_void):
            await _stand_against(connection, claim, held, now)
    gone = [claim.id for claim in waiting if claim.holder == held.id and claim not in same]
    await connection.execute("UPDATE contested_claim SET holder = NULL WHERE id = ANY($1::uuid[])", gone)


async def settle_claims(
    connection: Connection, claims: Sequence[UUID], state: ClaimState, now: datetime
) -> None:
    """Ends claims."""
    await connection.execute(
        "UPDATE contested_claim SET state = $2, settled_at = $3, next_at = NULL WHERE id = ANY($1::uuid[])",
        claims,
        state,
        now,
    )


async def release_claims_against(connection: Connection, holder: UUID) -> None:
    """Lets go the claims against an account whose proof lapsed: nobody holds it any more."""
    await connection.execute(
        f"UPDATE contested_claim SET holder = NULL WHERE holder = $1 AND {IS_WAITING}", holder
    )


async def _stand_against(connection: Connection, claim: Claim, holder: LinkedAccount, now: datetime) -> None:
    """Opens a claim against a holder. One of two claims of a member against one holder lapses."""
    if not await connection.fetchval(_STAND_AGAINST, claim.id, holder.id):
        await settle_claims(connection, [claim.id], ClaimState.LAPSED, now)


def claim_of(row: asyncpg.Record) -> Claim:
    """Reads a row of CLAIM_COLUMNS."""
    return Claim(
        id=plain_uuid(row["id"]),
        member=plain_uuid(row["member"]),
        holder=plain_uuid(row["holder"]) if row["holder"] is not None else None,
        account=read_x_account(row["account_id"], row["handle"]),
        evidence=decode_evidence(row["evidence"]),
        state=ClaimState(row["state"]),
        claimed_at=row["claimed_at"],
        proven_at=row["proven_at"],
        decided_at=row["decided_at"],
        settled_at=row["settled_at"],
        doubted_at=row["doubted_at"],
    )
