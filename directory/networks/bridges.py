"""Looks at Bridgy Fed whether an account is bridged to the other network: seen to exist, and to be that account's bridge."""

from directory.accounts import BlueskyAccount, MastodonAccount, TargetAccount
from directory.follows.bridges import ON_FEDIVERSE, expected_on_fediverse, name_on_bluesky
from directory.networks.bluesky.identity import Identities
from directory.networks.http import GuardedClient
from directory.networks.mastodon.webfinger import finger
from directory.networks.sign_in_errors import AccountNotFound, HandleMismatch


class Bridges:
    """Asks the bridge. Nothing is cached."""

    def __init__(self, http: GuardedClient, identities: Identities) -> None:
        self._http = http
        self._identities = identities

    async def find(self, account: TargetAccount) -> TargetAccount | None:
        """Finds the bridged account on the other network. Returns None where the bridge knows none, or names another
        account for it. Raises SignInError where it cannot be asked."""
        try:
            if isinstance(account, BlueskyAccount):
                return await self._on_fediverse(account)
            return await self._on_bluesky(account)
        except (AccountNotFound, HandleMismatch):
            return None

    async def _on_fediverse(self, account: BlueskyAccount) -> MastodonAccount | None:
        expected = expected_on_fediverse(account)
        found = await finger(self._http, ON_FEDIVERSE, expected.acct)
        is_same = found.subject.key == expected.acct.key and found.actor == expected.actor
        return expected if is_same else None

    async def _on_bluesky(self, account: MastodonAccount) -> BlueskyAccount | None:
        handle = name_on_bluesky(account)
        if handle is None:
            return None
        # The handle leads to the account and back, under the bridge's own domain; and the account names the actor.
        document = await self._identities.by_handle(handle)
        return BlueskyAccount(document.did, handle) if str(account.actor) in document.names else None
