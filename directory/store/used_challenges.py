"""Reads the challenges that proofs were made with: a re-check compares the post with them."""

from uuid import UUID

from directory.members.challenges import ChallengeState, challenge_context
from directory.proofs.challenge import Challenge
from directory.proofs.nonce import Nonce
from directory.store.challenges import CHALLENGE_COLUMNS, challenge_row_of
from directory.store.database import Database
from directory.vault import Vault
from directory.vault_keys import VaultError


class UsedChallengeStore:
    """Reads only."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    async def find_used_challenge(self, member: UUID, post_id: int) -> Challenge | None:
        """Finds the challenge that a member's post met.

        Returns None where there is none, or its seal cannot be opened.
        """
        async with self._database.connection() as connection:
            row = await connection.fetchrow(
                f"SELECT {CHALLENGE_COLUMNS} FROM challenge WHERE member = $1 AND post_id = $2 AND state = $3",
                member,
                post_id,
                ChallengeState.USED,
            )
        if row is None:
            return None
        kept = challenge_row_of(row)
        try:
            nonce = self._vault.unseal(kept.sealed, challenge_context(kept.id)).reveal().decode()
        except VaultError:
            return None
        return Challenge(
            nonce=Nonce.parse(nonce),
            member=str(kept.member),
            targets=kept.targets,
            instance=kept.instance,
            language=kept.language,
            created=kept.created,
            expires=kept.expires,
            used=kept.closed_at,
        )
