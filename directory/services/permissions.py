"""Permissions that networks gave us: kept sealed, renewed by one at a time, handed back."""

from collections.abc import Awaitable, Callable, Collection
from datetime import datetime
from uuid import UUID, uuid4

from directory.clock import Clock
from directory.members.tokens import Revocation, Token, token_context
from directory.networks.port import Purpose, TokenSet
from directory.networks.sign_in_errors import NeedsSignIn
from directory.store.revocations import RevocationStore
from directory.store.tokens import TokenStore
from directory.vault import Secret, Vault
from directory.vault_keys import VaultError

Refresh = Callable[[TokenSet, datetime], Awaitable[TokenSet]]


class Permissions:
    """What members let us do at the networks."""

    def __init__(self, tokens: TokenStore, revocations: RevocationStore, vault: Vault, clock: Clock) -> None:
        self._tokens = tokens
        self._revocations = revocations
        self._vault = vault
        self._clock = clock

    async def keep(self, account: UUID, purpose: Purpose, tokens: TokenSet) -> None:
        """Keeps what a sign-in brought. The permission it replaces is revoked, unless the network gave the
        same one again. Raises UnknownAccount."""
        now = self._clock.now()
        row = Token(uuid4(), account, purpose, tokens.server, tokens.scope, now, now, tokens.expires_at)
        sealed = self._vault.seal(Secret(tokens.to_bytes()), token_context(row.id))
        is_same = await self._is_kept(account, purpose, tokens)
        await self._tokens.add_token(row, sealed, now, revoke_former=not is_same)

    async def list_of(self, member: UUID) -> list[Token]:
        """What a member let us do."""
        return await self._tokens.list_tokens(member)

    async def read(self, account: UUID, purpose: Purpose) -> TokenSet:
        """The tokens as they are kept, perhaps run out. Raises NeedsSignIn."""
        row, sealed = await self._tokens.read_token(account, purpose)
        return self._open(row.id, sealed)

    async def fresh(self, account: UUID, purpose: Purpose, refresh: Refresh) -> TokenSet:
        """Tokens that can be used now, renewed with `refresh` where they ran out.

        One renewal at a time over all processes: who waited takes what the one before got. A network
        that wants a person is remembered: the tokens are forgotten. Raises NeedsSignIn, whatever else
        `refresh` raises, and TimeoutError.
        """
        tokens = await self.read(account, purpose)
        if tokens.is_fresh(self._clock.now()):
            return tokens
        async with self._tokens.hold_token(account, purpose) as held:
            now = self._clock.now()
            tokens = self._open(held.token.id, held.sealed)
            if tokens.is_fresh(now):
                return tokens
            try:
                renewed = await refresh(tokens, now)
            except NeedsSignIn:
                await held.drop()
                raise
            sealed = self._vault.seal(Secret(renewed.to_bytes()), token_context(held.token.id))
            await held.replace(sealed, now, renewed.expires_at)
        return renewed

    async def give_back(self, account: UUID, purpose: Purpose) -> bool:
        """Forgets a permission and has it revoked at the network; returns whether there was one."""
        return await self._tokens.hand_over_token(account, purpose, self._clock.now())

    async def claim_revocations(
        self, limit: int, busy: Collection[str] = ()
    ) -> list[tuple[Revocation, TokenSet | None]]:
        """Claims tokens to revoke now, none at a `busy` host. With None instead of one that cannot be opened any
        more: that is to be finished."""
        claimed = await self._revocations.claim_due_revocations(self._clock.now(), limit, busy)
        return [(revocation, self._try_open(revocation)) for revocation in claimed]

    async def release_revocation(self, revocation: Revocation) -> None:
        """Gives a revocation back whose attempt was broken off: it is due again now."""
        await self._revocations.release_revocation(revocation, self._clock.now())

    async def finish_revocation(self, revocation: Revocation) -> None:
        """Deletes a token that is revoked, or for which nothing can be done: the last copy goes."""
        await self._revocations.finish_revocation(revocation)

    async def reschedule_revocation(self, revocation: Revocation) -> bool:
        """Reschedules a revocation whose network did not answer. Returns False where it never did in 30 days, and
        the last copy is gone."""
        return await self._revocations.reschedule_revocation(revocation, self._clock.now())

    async def _is_kept(self, account: UUID, purpose: Purpose, tokens: TokenSet) -> bool:
        """Some servers give the same token for the same app and person: revoking it would end the new one."""
        try:
            return (await self.read(account, purpose)).access == tokens.access
        except (NeedsSignIn, VaultError):
            return False

    def _open(self, row: UUID, sealed: bytes) -> TokenSet:
        return TokenSet.from_bytes(self._vault.unseal(sealed, token_context(row)).reveal())

    def _try_open(self, revocation: Revocation) -> TokenSet | None:
        try:
            return self._open(revocation.id, revocation.sealed)
        except (VaultError, NeedsSignIn):
            return None
