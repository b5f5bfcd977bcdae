"""Checks of proof posts as rows: read, and accepted. The caller holds a transaction."""

from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg
import msgspec

from directory.accounts import LinkedAccount, ProvenAccount
from directory.members.challenges import ChallengeState, CheckState, ProofCheck
from directory.members.errors import ClaimPaused, TooManyAccounts
from directory.proofs.post_url import parse_post_url
from directory.store.account_columns import TARGETS_ARE_LINKED
from directory.store.account_linking import Contested, link_account
from directory.store.accounts import plain_uuid
from directory.store.challenges import ChallengeRow, fetch_challenges_by_id
from directory.store.check_table import IS_WAITING, CheckTable
from directory.store.database import Connection

PROOF_CHECKS: Final = CheckTable("proof_check")
CHECK_COLUMNS: Final = (
    "id, challenge, member, post_id, state, attempts, created, next_at, finished_at, reason"
)
_ANSWERABLE: Final = (ChallengeState.OPEN, ChallengeState.EXPIRED)
"""Expired ones too: the challenge was open when the post was handed in."""


class CheckRow(msgspec.Struct, frozen=True):
    """One attempt at a check, with the challenge that the post has to answer."""

    check: ProofCheck
    challenge: ChallengeRow


class Accepted(msgspec.Struct, frozen=True):
    """The result of a post that holds: how its check ends, and the account, if it was linked."""

    state: CheckState
    reason: str | None = None
    account: LinkedAccount | None = None


async def accept_proof(
    connection: Connection, check: ProofCheck, proven: ProvenAccount, now: datetime
) -> Accepted:
    """Marks the challenge as used and links the account that the post proves.

    Does neither where the challenge was used or replaced, an account that it names was unlinked, or the moderators
    left the X account with another member not long ago.
    """
    try:
        async with connection.transaction():
            return await _accept(connection, check, proven, now)
    except ClaimPaused as error:
        return Accepted(CheckState.REFUTED, error.code)


async def _accept(
    connection: Connection, check: ProofCheck, proven: ProvenAccount, now: datetime
) -> Accepted:
    # The accounts that the post names must still be the member's: it was posted for those, and for no others.
    used = await connection.fetchval(
        "UPDATE challenge SET state = $2, closed_at = $3, post_id = $5"
        " WHERE id = $1 AND state = ANY($4::smallint[])"
        f" AND {TARGETS_ARE_LINKED} RETURNING true",
        check.challenge,
        ChallengeState.USED,
        now,
        _ANSWERABLE,
        _post_of(proven, check),
    )
    if not used:
        return Accepted(CheckState.CLOSED)
    try:
        linked = await link_account(connection, check.member, proven, now)
    except TooManyAccounts as error:
        return Accepted(CheckState.CLOSED, error.code)
    if isinstance(linked, Contested):
        return Accepted(CheckState.CONTESTED)
    return Accepted(CheckState.VERIFIED, account=linked)


def _post_of(proven: ProvenAccount, check: ProofCheck) -> int:
    """Returns the post that the evidence names: the latest version of the one that was submitted."""
    ref = proven.evidence.ref
    return parse_post_url(ref).value if ref is not None else check.post_id


async def fetch_checks(connection: Connection, member: UUID) -> list[ProofCheck]:
    """Reads all checks of a member, the oldest first."""
    rows = await connection.fetch(
        f"SELECT {CHECK_COLUMNS} FROM proof_check WHERE member = $1 ORDER BY created, id", member
    )
    return [check_of(row) for row in rows]


async def lock_waiting_check(connection: Connection, challenge: UUID) -> ProofCheck | None:
    """Locks the waiting check of a challenge against claims until the transaction ends. Returns None where none
    waits."""
    row = await connection.fetchrow(
        f"SELECT {CHECK_COLUMNS} FROM proof_check WHERE challenge = $1 AND {IS_WAITING} FOR UPDATE", challenge
    )
    return check_of(row) if row is not None else None


async def lock_confirmable_check(connection: Connection, check: UUID) -> ProofCheck | None:
    """Locks a check that a moderator may confirm. Returns None unless it waits or was given up."""
    row = await connection.fetchrow(
        f"SELECT {CHECK_COLUMNS} FROM proof_check WHERE id = $1 AND state = ANY($2::smallint[]) FOR UPDATE",
        check,
        (CheckState.WAITING, CheckState.GAVE_UP),
    )
    return check_of(row) if row is not None else None


async def with_challenges(connection: Connection, checks: list[ProofCheck]) -> list[CheckRow]:
    """Reads the challenge of each check; a check whose challenge is gone is left out."""
    challenges = await fetch_challenges_by_id(connection, [check.challenge for check in checks])
    return [CheckRow(check, challenges[check.challenge]) for check in checks if check.challenge in challenges]


def check_of(row: asyncpg.Record) -> ProofCheck:
    """Reads a row of CHECK_COLUMNS."""
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
