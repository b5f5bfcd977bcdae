"""Permissions that networks gave members' accounts: kept sealed, renewed by one process at a time, revoked."""

from collections.abc import Awaitable, Callable, Collection
from datetime import datetime
from uuid import UUID, uuid4

import structlog

from directory.accounts import AccountNetwork
from directory.clock import Clock
from directory.members.tokens import KEEP_WITHIN, Revocation, Token, token_context, token_hash
from directory.networks.port import Purpose, TokenSet
from directory.networks.sign_in_errors import NeedsSignIn, PermissionSealed
from directory.store.revocations import RevocationStore
from directory.store.tokens import TokenStore
from directory.vault import BrokenSeal, Secret, Vault
from directory.vault_keys import UnknownKey, VaultError

Refresh = Callable[[TokenSet, datetime], Awaitable[TokenSet]]

log = structlog.get_logger(__name__)


class Permissions:
    """What members let this instance do at the networks. It is the `Grants` of the sign-ins."""

    def __init__(self, tokens: TokenStore, revocations: RevocationStore, vault: Vault, clock: Clock) -> None:
        self._tokens = tokens
        self._revocations = revocations
        self._vault = vault
        self._clock = clock

    async def keep(self, account: UUID, purpose: Purpose, tokens: TokenSet) -> None:
        """Keeps the tokens of a sign-in, which are not revoked then. The permission they replace is revoked, unless
        the network gave the same token again.

        Raises UnknownAccount, and ValueError for tokens that only prove: nothing uses them, and they never end.
        """
        if purpose is Purpose.PROVE:
            raise ValueError("tokens that only prove an account are never kept")
        now = self._clock.now()
        row = Token(uuid4(), account, purpose, tokens.server, tokens.scope, now, now, tokens.expires_at)
        sealed = self._vault.seal(Secret(tokens.to_bytes()), token_context(row.id))
        await self._tokens.add_token(row, token_hash(tokens), sealed, now)

    async def note_grant(self, tokens: TokenSet, purpose: Purpose) -> None:
        """Has tokens revoked that a network has just granted: those that only prove at once, others unless they are
        kept within two minutes. Durable once it returns."""
        now = self._clock.now()
        await self._revoke(tokens, now, now if purpose is Purpose.PROVE else now + KEEP_WITHIN)

    async def _revoke(self, tokens: TokenSet, now: datetime, due: datetime) -> None:
        row = uuid4()
        sealed = self._vault.seal(Secret(tokens.to_bytes()), token_context(row))
        network = AccountNetwork(tokens.network.value)
        revocation = Revocation(row, network, tokens.server, token_hash(tokens), sealed, 0, now, ())
        await self._revocations.add_revocation(revocation, due)

    async def list_of(self, member: UUID) -> list[Token]:
        """Lists a member's permissions."""
        return await self._tokens.list_tokens(member)

    async def read(self, account: UUID, purpose: Purpose) -> TokenSet:
        """Reads the tokens as they are kept; they may have expired. Raises NeedsSignIn, and PermissionSealed of that."""
        row, sealed = await self._tokens.read_token(account, purpose)
        return self._open(row.id, sealed)

    async def fresh(self, account: UUID, purpose: Purpose, refresh: Refresh) -> TokenSet:
        """Returns tokens that can be used now, renewed with `refresh` where they expired.

        One renewal runs at a time over all processes: who waited for it gets its result. Where the network asks
        for a new sign-in, the tokens are given back. Where the permission was given back or replaced meanwhile, the
        renewed tokens are revoked. Raises NeedsSignIn, PermissionSealed of that, whatever else `refresh` raises, and
        TimeoutError.
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
                await held.give_back(now)
                raise
            sealed = self._vault.seal(Secret(renewed.to_bytes()), token_context(held.token.id))
            if not await held.replace(token_hash(renewed), sealed, now, renewed.expires_at):
                await self._revoke(renewed, now, now)
                raise NeedsSignIn("", "the permission was given back or replaced while it was renewed")
        return renewed

    async def give_back(self, account: UUID, purpose: Purpose) -> bool:
        """Deletes a permission and has it revoked at the network; returns whether there was one."""
        return await self._tokens.hand_over_token(account, purpose, self._clock.now())

    async def claim_revocations(
        self, limit: int, busy: Collection[str] = ()
    ) -> list[tuple[Revocation, TokenSet | None]]:
        """Claims tokens to revoke now, none at a `busy` host.

        A revocation comes with None where its token never opens again: it is to be finished. One whose key is missing is
        rescheduled as if its network were unreachable: the key may come back, and the others need not wait for it.
        """
        while claimed := await self._revocations.claim_due_revocations(self._clock.now(), limit, busy):
            opened: list[tuple[Revocation, TokenSet | None]] = []
            for revocation in claimed:
                try:
                    opened.append((revocation, self._try_open(revocation)))
                except VaultError as error:
                    log.warning("a permission to give back waits for its key", reason=str(error))
                    await self.reschedule_revocation(revocation)
            if opened:
                return opened
        return []

    async def begin_revocation(self, revocation: Revocation) -> bool:
        """Marks that a revocation goes to its network now. Returns False where it must not: somebody keeps the
        token, or another attempt counts by now."""
        return await self._revocations.begin_revocation(revocation, self._clock.now())

    async def release_revocation(self, revocation: Revocation) -> None:
        """Releases a revocation whose attempt was broken off: it is due again now."""
        await self._revocations.release_revocation(revocation, self._clock.now())

    async def finish_revocation(self, revocation: Revocation) -> None:
        """Deletes a token that is revoked, or that cannot be revoked. No copy of it is left."""
        await self._revocations.finish_revocation(revocation)

    async def reschedule_revocation(self, revocation: Revocation) -> bool:
        """Reschedules a revocation whose network was unreachable. Returns False if it was given up after 30
        days, and is deleted."""
        return await self._revocations.reschedule_revocation(revocation, self._clock.now())

    def _open(self, row: UUID, sealed: bytes) -> TokenSet:
        try:
            opened = self._vault.unseal(sealed, token_context(row))
        except (BrokenSeal, UnknownKey) as error:
            raise PermissionSealed("", str(error)) from error
        return TokenSet.from_bytes(opened.reveal())

    def _try_open(self, revocation: Revocation) -> TokenSet | None:
        """Opens the tokens of a revocation. Returns None where nothing ever opens them; raises VaultError where a key
        that the vault lacks does."""
        try:
            opened = self._vault.unseal(revocation.sealed, token_context(revocation.id))
            return TokenSet.from_bytes(opened.reveal())
        except (BrokenSeal, NeedsSignIn):
            return None
