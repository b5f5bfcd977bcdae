"""Grants of sign-ins in tests without a database."""

from dataclasses import dataclass, field
from datetime import datetime

from directory.networks.port import Purpose, SignIn, TokenSet


@dataclass
class NotedGrants:
    """Notes every grant, in memory."""

    noted: list[tuple[TokenSet, Purpose]] = field(default_factory=list)

    async def note_grant(self, tokens: TokenSet, purpose: Purpose) -> None:
        self.noted.append((tokens, purpose))

    async def revoke_all(self, sign_in: SignIn, now: datetime) -> None:
        """Revokes what was noted, as the job does."""
        for tokens, _ in self.noted:
            await sign_in.revoke(tokens, now)
