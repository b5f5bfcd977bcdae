"""Checks of proof posts as rows: read, and accepted. The caller holds a transaction."""

from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg
import msgspec

from directory.accounts import LinkedAccount, ProvenAccount
from directory.members.challenges import ChallengeState, CheckState, ProofCheck
from directory.members.errors import TooManyAccounts
from directory.store.account_columns import TARGETS_ARE_LINKED
from directory.store.account_linking import Contested, link_account
from directory.store.accounts import plain_uuid
from directory.store.challenges import ChallengeRow, challenge_row_of
from directory.store.check_table import CheckTable
from directory.store.database import Connection

PROOF_CHECKS: Final = CheckTable("proof_check")
CHECK_COLUMNS: Final = (
    "id, challenge, member, post_id, state, attempts, created, next_at, finished_at, reason"
)


class CheckRow(msgspec.Struct, frozen=True):
    """One attempt at a check, with the challenge that the post has to answer."""

    check: ProofCheck
    challenge: ChallengeRow


async def fetch_checks(connection: Connection, member: UUID) -> list[ProofCheck]:
    """All checks of a member, the oldest first."""
    rows = await connection.fetch(
        f"SELECT {CHECK_COLUMNS} FROM proof_check WHERE member = $1 ORDER BY created, id", member
    )
    return [check_of(row) for row in rows]


async def accept_proof(
    connection: Connection, check: ProofCheck, proven: ProvenAccount, now: datetime
) -> LinkedAccount | None:
    """Uses the challenge up, and links the account that the post proves; None where either cannot be."""
    # Accounts that the post names must still be theirs: it was posted for those, and for no others.
    used = await connection.fetchval(
        "UPDATE challenge SET state = $2, closed_at = $3 WHERE id = $1 AND state IN (0, $4)"
        f" AND {TARGETS_ARE_LINKED} RETURNING true",
        check.challenge,
        ChallengeState.USED,
        now,
        ChallengeState.EXPIRED,  # while the check was under way: the post was handed in before
    )
    if not used:
        await PROOF_CHECKS.finish(connection, check.id, CheckState.CLOSED, None, now)
        return None
    try:
        linked = await link_account(connection, check.member, proven, now)
    except TooManyAccounts as error:
        await PROOF_CHECKS.finish(connection, check.id, CheckState.CLOSED, error.code, now)
        return None
    is_contested = isinstance(linked, Contested)
    await PROOF_CHECKS.finish(
        connection, check.id, CheckState.CONTESTED if is_contested else CheckState.VERIFIED, None, now
    )
    return linked if isinstance(linked, LinkedAccount) else None


async def fetch_check(connection: Connection, condition: str, *values: object) -> ProofCheck | None:
    """The check that meets a condition."""
    row = await connection.fetchrow(f"SELECT {CHECK_COLUMNS} FROM proof_check WHERE {condition}", *values)
    return check_of(row) if row is not None else None


def check_of(row: asyncpg.Record) -> ProofCheck:
    """A row of CHECK_COLUMNS."""
    return ProofCheck(
        plain_uuid(row["id"]),
        plain_uuid(row["challenge"]),
        plain_uuid(row["member"]),
        row["post_id"],
        CheckState(row["state"]),
        row["attempts"],
        row["created"],
        row["next_at"],
        row["finished_at"],
        row["reason"],
    )


def check_row_of(row: asyncpg.Record) -> CheckRow:
    """A check and its challenge, whose columns of the same name are the check's with `check_` before them."""
    check = ProofCheck(
        plain_uuid(row["check_id"]),
        plain_uuid(row["challenge"]),
        plain_uuid(row["member"]),
        row["post_id"],
        CheckState(row["check_state"]),
        row["attempts"],
        row["check_created"],
        row["next_at"],
        row["finished_at"],
        row["reason"],
    )
    return CheckRow(check, challenge_row_of(row))
