"""Checks of proof posts: handed in, claimed for an attempt, and what came of it."""

from datetime import datetime
from uuid import UUID, uuid4

from directory.accounts import LinkedAccount, ProvenAccount
from directory.members.challenges import (
    CHECK_LEASE,
    ChallengeState,
    CheckState,
    ProofCheck,
)
from directory.members.errors import ChallengeClosed
from directory.store.accounts import lock_member
from directory.store.challenges import CHALLENGE_COLUMNS
from directory.store.database import Connection, Database
from directory.store.proof_check_rows import (
    CHECK_COLUMNS,
    PROOF_CHECKS,
    CheckRow,
    accept_proof,
    check_of,
    check_row_of,
    fetch_check,
)


class ProofCheckStore:
    """Trusted: whoever can write results can prove anything."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def submit(self, member: UUID, challenge: UUID, post_id: int, now: datetime) -> ProofCheck:
        """Asks for a check of a post, due now. Another post takes the place of one that still waits;
        the same one again changes nothing. Raises MemberGone, ChallengeClosed."""
        async with self._database.transaction() as connection:
            await lock_member(connection, member)
            await _require_open(connection, member, challenge, now)
            waiting = await fetch_check(connection, "challenge = $1 AND state = 0", challenge)
            if waiting is not None and waiting.post_id == post_id:
                return waiting
            await PROOF_CHECKS.require_room(connection, member, now)
            if waiting is not None:
                await PROOF_CHECKS.finish(connection, waiting.id, CheckState.CLOSED, None, now)
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

    async def latest(self, member: UUID) -> ProofCheck | None:
        """The member's newest check, in whatever state."""
        async with self._database.connection() as connection:
            return await fetch_check(connection, "member = $1 ORDER BY created DESC, id LIMIT 1", member)

    async def find(self, member: UUID, check: UUID) -> ProofCheck | None:
        """One of the member's own checks."""
        async with self._database.connection() as connection:
            return await fetch_check(connection, "member = $1 AND id = $2", member, check)

    async def claim_due_proof_checks(self, now: datetime, limit: int) -> list[CheckRow]:
        """Checks to attempt now, each for five minutes nobody else's."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                "WITH due AS (UPDATE proof_check SET attempts = attempts + 1, next_at = $2 WHERE id IN"
                " (SELECT id FROM proof_check WHERE state = 0 AND next_at <= $1 ORDER BY next_at LIMIT $3"
                f" FOR UPDATE SKIP LOCKED) RETURNING {CHECK_COLUMNS}) SELECT due.id AS check_id, due.challenge,"
                " due.post_id, due.state AS check_state, due.attempts, due.created AS check_created, due.next_at,"
                f" due.finished_at, due.reason, {CHALLENGE_COLUMNS}"
                " FROM due JOIN challenge ON challenge.id = due.challenge",
                now,
                now + CHECK_LEASE,
                limit,
            )
        return [check_row_of(row) for row in rows]

    async def record_verified(
        self, check: ProofCheck, proven: ProvenAccount, now: datetime
    ) -> LinkedAccount | None:
        """The post holds: the X account is linked and the challenge used, in one step.

        None where another member holds the account (the claim is written down), or nobody waits for this
        any more: erased, answered by another attempt, or the challenge was used or replaced meanwhile.
        """
        async with self._database.transaction() as connection:
            if not await PROOF_CHECKS.lock(connection, check):
                return None
            return await accept_proof(connection, check, proven, now)

    async def record_refuted(self, check: ProofCheck, reason: str, now: datetime) -> bool:
        """The post was seen and does not hold; the challenge stays open for another. False: nobody waits."""
        async with self._database.transaction() as connection:
            return await PROOF_CHECKS.refute(connection, check, reason, now)

    async def record_unreachable(
        self, check: ProofCheck, reason: str, now: datetime, retry_after_s: int | None = None
    ) -> bool:
        """Nobody could show the post: it is tried again later, for a day. False: nobody waits, or it was
        given up and the member is asked."""
        async with self._database.transaction() as connection:
            return await PROOF_CHECKS.put_off(connection, check, reason, now, retry_after_s)

    async def release(self, check: ProofCheck, now: datetime) -> None:
        """An attempt that was broken off counts for nothing: the check is due again now."""
        async with self._database.connection() as connection:
            await PROOF_CHECKS.release(connection, check, now)

    async def list_unreachable(self, limit: int) -> list[CheckRow]:
        """Posts that a moderator may look at: given up, their challenge not yet answered; the oldest first."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                "SELECT due.id AS check_id, due.challenge, due.post_id, due.state AS check_state, due.attempts,"
                f" due.created AS check_created, due.next_at, due.finished_at, due.reason, {CHALLENGE_COLUMNS}"
                " FROM proof_check due JOIN challenge ON challenge.id = due.challenge"
                " WHERE due.state = $1 AND challenge.state IN (0, $2) ORDER BY due.created, due.id LIMIT $3",
                CheckState.GAVE_UP,
                ChallengeState.EXPIRED,
                limit,
            )
        return [check_row_of(row) for row in rows]

    async def confirm(self, check: UUID, proven: ProvenAccount, now: datetime) -> LinkedAccount | None:
        """A moderator saw the post with their own eyes, though no source shows it to us.

        None as for `record_verified`; only a check that waits or was given up can be confirmed.
        """
        async with self._database.transaction() as connection:
            member = await connection.fetchval("SELECT member FROM proof_check WHERE id = $1", check)
            if member is None:
                return None
            await connection.execute("SELECT FROM member WHERE id = $1 FOR NO KEY UPDATE", member)
            found = await fetch_check(connection, "id = $1 AND state IN (0, 3) FOR UPDATE", check)
            return await accept_proof(connection, found, proven, now) if found is not None else None


async def _require_open(connection: Connection, member: UUID, challenge: UUID, now: datetime) -> None:
    if not await connection.fetchval(
        "SELECT true FROM challenge WHERE id = $1 AND member = $2 AND state = 0 AND expires > $3",
        challenge,
        member,
        now,
    ):
        raise ChallengeClosed
