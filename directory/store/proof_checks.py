"""Checks of proof posts: submitted, claimed for an attempt, and their results."""

from datetime import datetime
from uuid import UUID, uuid4

from directory.accounts import LinkedAccount, ProvenAccount
from directory.members.challenges import ChallengeState, CheckState, ProofCheck
from directory.members.errors import ChallengeClosed
from directory.store.accounts import lock_member, lock_x_parties
from directory.store.challenges import IS_OPEN
from directory.store.database import Connection, Database
from directory.store.proof_check_rows import (
    CHECK_COLUMNS,
    PROOF_CHECKS,
    CheckRow,
    accept_proof,
    check_of,
    lock_confirmable_check,
    lock_waiting_check,
    with_challenges,
)


class ProofCheckStore:
    """Trusted: whoever can write results can prove anything."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def submit_check(self, member: UUID, challenge: UUID, post_id: int, now: datetime) -> ProofCheck:
        """Submits a check of a post, due now.

        Another post replaces one that still waits; the same post again changes nothing. Raises MemberGone,
        ChallengeClosed, TooManyAttempts.
        """
        async with self._database.transaction() as connection:
            await lock_member(connection, member)
            await _require_open(connection, member, challenge, now)
            waiting = await lock_waiting_check(connection, challenge)
            if waiting is not None and waiting.post_id == post_id:
                return waiting
            await PROOF_CHECKS.require_room(connection, member, now)
            if waiting is not None:
                await PROOF_CHECKS.finish(connection, waiting, CheckState.CLOSED, None, now)
            row = await connection.fetchrow(
                "INSERT INTO proof_check (id, challenge, member, post_id, state, created, next_at)"
                f" VALUES ($1, $2, $3, $4, $5, $6, $6) RETURNING {CHECK_COLUMNS}",
                uuid4(),
                challenge,
                member,
                post_id,
                CheckState.WAITING,
                now,
            )
        if row is None:
            raise ChallengeClosed
        return check_of(row)

    async def find_latest_check(self, member: UUID) -> ProofCheck | None:
        """Finds the member's newest check, in whatever state."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(
                f"SELECT {CHECK_COLUMNS} FROM proof_check WHERE member = $1"
                " ORDER BY created DESC, id LIMIT 1",
                member,
            )
        return check_of(row) if row is not None else None

    async def find_check(self, member: UUID, check: UUID) -> ProofCheck | None:
        """Finds one of the member's own checks."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(
                f"SELECT {CHECK_COLUMNS} FROM proof_check WHERE member = $1 AND id = $2", member, check
            )
        return check_of(row) if row is not None else None

    async def claim_due_checks(self, now: datetime, limit: int) -> list[CheckRow]:
        """Claims checks to attempt now, each for five minutes."""
        async with self._database.transaction() as connection:
            rows = await PROOF_CHECKS.rows.claim(connection, now, limit, CHECK_COLUMNS)
            return await with_challenges(connection, [check_of(row) for row in rows])

    async def record_verified(
        self, check: ProofCheck, proven: ProvenAccount, now: datetime
    ) -> LinkedAccount | None:
        """Links the X account that a post proves and marks its challenge as used, in one step.

        Returns None where another member holds the account (the claim is stored), or the check no longer
        counts: the member was erased, another attempt counts, or the challenge was used or replaced meanwhile.
        """
        async with self._database.transaction() as connection:
            if proven.x is not None:
                await lock_x_parties(connection, [check.member], proven.x)
            if not await PROOF_CHECKS.lock(connection, check):
                return None
            accepted = await accept_proof(connection, check, proven, now)
            await PROOF_CHECKS.finish(connection, check, accepted.state, accepted.reason, now)
        return accepted.account

    async def record_refuted(self, check: ProofCheck, reason: str, now: datetime) -> bool:
        """Finishes a check whose post does not hold; the challenge stays open for another post. Returns False
        if the check is gone or finished."""
        async with self._database.transaction() as connection:
            return await PROOF_CHECKS.refute(connection, check, reason, now)

    async def record_unreachable(
        self, check: ProofCheck, reason: str, now: datetime, retry_after_s: int | None = None
    ) -> bool:
        """Reschedules a check whose post no source shows; gives up after 24 h. Returns False if the check is
        gone or was given up."""
        async with self._database.transaction() as connection:
            return await PROOF_CHECKS.reschedule(connection, check, reason, now, retry_after_s)

    async def release_check(self, check: ProofCheck, now: datetime) -> None:
        """Releases a check whose attempt was broken off: it is due again now."""
        async with self._database.connection() as connection:
            await PROOF_CHECKS.release(connection, check, now)

    async def list_unreachable_checks(self, limit: int) -> list[CheckRow]:
        """Lists the checks that a moderator may confirm: given up, their challenge unused and not replaced; the
        oldest first."""
        async with self._database.transaction() as connection:
            rows = await connection.fetch(
                f"SELECT {CHECK_COLUMNS} FROM proof_check WHERE state = $1 AND EXISTS (SELECT FROM challenge"
                " WHERE challenge.id = proof_check.challenge AND challenge.state = ANY($2::smallint[]))"
                " ORDER BY created, id LIMIT $3",
                CheckState.GAVE_UP,
                (ChallengeState.OPEN, ChallengeState.EXPIRED),
                limit,
            )
            return await with_challenges(connection, [check_of(row) for row in rows])

    async def confirm_check(self, check: UUID, proven: ProvenAccount, now: datetime) -> LinkedAccount | None:
        """Links the X account of a post that a moderator saw, though no source shows it.

        Returns None as `record_verified` does; only a check that waits or was given up can be confirmed.
        """
        async with self._database.transaction() as connection:
            member = await connection.fetchval("SELECT member FROM proof_check WHERE id = $1", check)
            if member is None:
                return None
            if proven.x is not None:
                await lock_x_parties(connection, [member], proven.x)
            found = await lock_confirmable_check(connection, check)
            if found is None:
                return None
            accepted = await accept_proof(connection, found, proven, now)
            await connection.execute(
                "UPDATE proof_check SET state = $2, reason = $3, finished_at = $4 WHERE id = $1",
                check,
                accepted.state,
                accepted.reason,
                now,
            )
        return accepted.account


async def _require_open(connection: Connection, member: UUID, challenge: UUID, now: datetime) -> None:
    if not await connection.fetchval(
        f"SELECT true FROM challenge WHERE id = $1 AND member = $2 AND {IS_OPEN} AND expires > $3",
        challenge,
        member,
        now,
    ):
        raise ChallengeClosed
