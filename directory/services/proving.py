"""Proves an X account by a post: the sentence, the check, and its result."""

import hashlib
from collections.abc import Collection, Sequence
from contextlib import suppress
from datetime import datetime
from uuid import UUID, uuid4

import structlog

from directory.accounts import LinkedAccount, ProvenAccount, TargetAccount
from directory.clock import Clock
from directory.members.challenges import (
    ChallengeState,
    KeptChallenge,
    ProofCheck,
    ProofJob,
    challenge_context,
)
from directory.members.errors import NamesTooLong
from directory.members.naming import choose_targets
from directory.proofs.challenge import Challenge, new_challenge
from directory.proofs.nonce import Nonce
from directory.proofs.post_url import parse_pasted_post
from directory.proofs.reasons import UnreachableReason
from directory.proofs.results import Refuted, Unreachable, Verified
from directory.proofs.sentence import SentenceTooLong
from directory.store.challenges import ChallengeRow, ChallengeStore
from directory.store.members import MemberStore
from directory.store.proof_check_rows import CheckRow
from directory.store.proof_checks import ProofCheckStore
from directory.vault import Secret, Vault
from directory.vault_keys import VaultError

log = structlog.get_logger(__name__)


class Proving:
    """Challenges of this instance's members, and the checks of their posts."""

    def __init__(
        self,
        members: MemberStore,
        challenges: ChallengeStore,
        checks: ProofCheckStore,
        vault: Vault,
        clock: Clock,
    ) -> None:
        self._members = members
        self._challenges = challenges
        self._checks = checks
        self._vault = vault
        self._clock = clock

    async def open_challenge(self, member: UUID) -> KeptChallenge | None:
        """Finds the challenge that a member is to answer, in whatever language it was made. Changes nothing.

        Returns None where none is open, or its sentence was sealed under a lost key.
        """
        row = await self._challenges.find_open_challenge(member, self._clock.now())
        try:
            return self._kept(row) if row is not None else None
        except VaultError:
            return None

    async def new_challenge(
        self, member: UUID, instance: str, language: str, chosen: Collection[UUID] = ()
    ) -> KeptChallenge:
        """Opens a new challenge in place of the open one, whose check ends. It names the chosen accounts; without a
        choice the first of each network.

        Raises MemberGone, UnknownAccount (no such account to name), NamesTooLong, TooManyAttempts.
        """
        kept, _ = await self._open(member, instance, language, chosen, replaces=True)
        return kept

    async def first_challenge(self, member: UUID, instance: str, language: str) -> KeptChallenge | None:
        """Opens a challenge where none is open and no post is being checked. Replaces and ends nothing.

        Returns None where there is one. Raises as `new_challenge`.
        """
        kept, is_opened = await self._open(member, instance, language, (), replaces=False)
        return kept if is_opened else None

    async def submit(self, member: UUID, challenge: UUID, post_url: str) -> ProofCheck:
        """Submits a check of a post. Raises InvalidIdentifier, MemberGone, ChallengeClosed, TooManyAttempts."""
        return await self._checks.submit_check(
            member, challenge, parse_pasted_post(post_url).value, self._clock.now()
        )

    async def latest_check(self, member: UUID) -> ProofCheck | None:
        """Finds the member's newest check."""
        return await self._checks.find_latest_check(member)

    async def find_check(self, member: UUID, check: UUID) -> ProofCheck | None:
        return await self._checks.find_check(member, check)

    async def claim_due(self, limit: int) -> list[ProofJob]:
        """Claims posts to check now, each for five minutes.

        A check whose sentence cannot be opened is rescheduled as if its post were unreachable: the key may come
        back, and the other checks need not wait for it.
        """
        while rows := await self._checks.claim_due_checks(self._clock.now(), limit):
            jobs = [(row, self._try_job(row)) for row in rows]
            for row, job in jobs:
                if job is None:
                    reason = UnreachableReason.SEALED
                    await self._checks.record_unreachable(row.check, reason, self._clock.now())
            if openable := [job for _, job in jobs if job is not None]:
                return openable
        return []

    async def release(self, job: ProofJob) -> None:
        """Releases a check whose attempt was broken off: it is due again now, the attempt not counted."""
        await self._checks.release_check(job.check, self._clock.now())

    async def record(self, job: ProofJob, result: Verified | Refuted | Unreachable) -> ProofCheck | None:
        """Records the result of a check. Returns the check as it then is, None where it is gone.

        Repeated, late, or for an erased member, it changes nothing.
        """
        now = self._clock.now()
        if isinstance(result, Verified):
            proven = ProvenAccount(result.account, result.evidence)
            await self._checks.record_verified(job.check, proven, now)
        elif isinstance(result, Refuted):
            await self._checks.record_refuted(job.check, result.reason, now)
        else:
            await self._checks.record_unreachable(job.check, result.reason, now, result.retry_after_s)
        return await self._checks.find_check(job.check.member, job.check.id)

    async def list_unreachable(self, limit: int) -> list[ProofJob]:
        """Lists, for a moderator, posts that no source showed for a day and whose sentence can be opened."""
        rows = await self._checks.list_unreachable_checks(limit)
        return [job for job in map(self._try_job, rows) if job is not None]

    async def confirm(self, check: UUID, verified: Verified) -> LinkedAccount | None:
        """Links the X account of a post that a moderator saw, with evidence that names it.

        Returns None where the check cannot be confirmed, or the account is contested.
        """
        proven = ProvenAccount(verified.account, verified.evidence)
        return await self._checks.confirm_check(check, proven, self._clock.now())

    async def _open(
        self, member: UUID, instance: str, language: str, chosen: Collection[UUID], *, replaces: bool
    ) -> tuple[KeptChallenge, bool]:
        choices = choose_targets(await self._members.list_accounts(member), chosen)
        challenge = _fitting_challenge(choices, str(member), instance, language, self._clock.now())
        number = uuid4()
        nonce = str(challenge.nonce).encode()
        row = ChallengeRow(
            id=number,
            member=member,
            sealed=self._vault.seal(Secret(nonce), challenge_context(number)),
            instance=challenge.instance,
            language=challenge.language,
            targets=challenge.targets,
            state=ChallengeState.OPEN,
            created=challenge.created,
            expires=challenge.expires,
            closed_at=None,
        )
        digest = hashlib.sha256(nonce).digest()
        is_opened = await self._challenges.open_challenge(row, digest, replaces=replaces)
        return KeptChallenge(number, ChallengeState.OPEN, challenge), is_opened

    def _try_job(self, row: CheckRow) -> ProofJob | None:
        try:
            return ProofJob(row.check, self._kept(row.challenge))
        except VaultError as error:
            log.warning("a sentence cannot be opened", check=str(row.check.id), reason=str(error))
            return None

    def _kept(self, row: ChallengeRow) -> KeptChallenge:
        nonce = self._vault.unseal(row.sealed, challenge_context(row.id)).reveal().decode()
        challenge = Challenge(
            nonce=Nonce.parse(nonce),
            member=str(row.member),
            targets=row.targets,
            instance=row.instance,
            language=row.language,
            created=row.created,
            expires=row.expires,
            used=row.closed_at if row.state is ChallengeState.USED else None,
            superseded=row.closed_at if row.state is ChallengeState.SUPERSEDED else None,
        )
        return KeptChallenge(row.id, row.state, challenge)


def _fitting_challenge(
    choices: Sequence[tuple[TargetAccount, ...]], member: str, instance: str, language: str, now: datetime
) -> Challenge:
    """Makes a challenge of the first choice whose names fit into one post. Raises NamesTooLong where none do."""
    for targets in choices:
        with suppress(SentenceTooLong):
            return new_challenge(member, targets, instance, language, now)
    raise NamesTooLong
