"""Permissions to follow, which a member gives at their network: the real way there and back, and kept."""

from urllib.parse import urlencode
from uuid import UUID

from directory.accounts import AccountNetwork
from directory.networks.bluesky.client import SCOPES
from directory.networks.port import Purpose, SignInStart, TokenSet
from tests.harness.fake_mastodon.internet import FakeInternet
from tests.harness.fake_mastodon.visitor import agree
from tests.peers.consent import consent
from tests.peers.pds import Account, Pds
from tests.web.members.instance import MemberInstance
from tests.web.members.worlds import fetch
from web.auth.journey import CALLBACKS


def permit_at_bluesky(instance: MemberInstance, pds: Pds, account: Account) -> TokenSet:
    """Has the member of the account permit following there."""
    started = _start(instance, AccountNetwork.BLUESKY, account.handle)
    back = consent(pds, started.authorize_url, account, SCOPES[Purpose.FOLLOW][0])
    address = instance.settings.base_url + CALLBACKS[AccountNetwork.BLUESKY]
    return _keep(instance, AccountNetwork.BLUESKY, started, f"{address}?{urlencode(back)}", account.handle)


def permit_at_mastodon(instance: MemberInstance, internet: FakeInternet, acct: str) -> TokenSet:
    """Has the member of the account permit following there."""
    started = _start(instance, AccountNetwork.MASTODON, acct)
    back = agree(internet, started.authorize_url, acct)
    return _keep(instance, AccountNetwork.MASTODON, started, back, acct)


def kept_tokens(instance: MemberInstance, handle: str) -> TokenSet:
    """Reads what is kept for the account."""
    account = _account(instance, handle)
    return instance.call(lambda: instance.members.permissions.read(account, Purpose.FOLLOW))


def _start(instance: MemberInstance, network: AccountNetwork, typed: str) -> SignInStart:
    return instance.call(
        lambda: instance.members.networks[network].start_sign_in(
            typed,
            purpose=Purpose.FOLLOW,
            redirect_uri=instance.settings.base_url + CALLBACKS[network],
            now=instance.clock.now(),
        )
    )


def _keep(
    instance: MemberInstance, network: AccountNetwork, started: SignInStart, back: str, handle: str
) -> TokenSet:
    account = _account(instance, handle)

    async def keep() -> TokenSet:
        signing_in = instance.members.networks[network]
        done = await signing_in.finish_sign_in(started.record, back, instance.clock.now())
        await instance.members.permissions.keep(account, Purpose.FOLLOW, done.tokens)
        return done.tokens

    return instance.call(keep)


def _account(instance: MemberInstance, handle: str) -> UUID:
    ((account,),) = fetch(instance, "SELECT id FROM linked_account WHERE handle = $1", handle)
    return UUID(int=account.int)
