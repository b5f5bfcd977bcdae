"""How Bridgy Fed calls an account of one network on the other. Pure.

A bridged account is a copy that the bridge runs, for people who asked it to. It is offered only where the bridge itself names
the account that was proven: a name that fits is no proof (https://fed.brid.gy/docs; snarfed/bridgy-fed issue 1331).
"""

import re
from typing import Final

from directory.accounts import BlueskyAccount, MastodonAccount, TargetAccount
from directory.errors import InvalidIdentifier
from directory.identifiers import Acct, ActorUri, AtHandle

ON_FEDIVERSE: Final = "bsky.brid.gy"
"""The host under which Bluesky accounts stand on the fediverse: `@handle@bsky.brid.gy`."""
ON_BLUESKY: Final = "ap.brid.gy"
"""The domain under which accounts of the fediverse stand on Bluesky: `user.host.ap.brid.gy`."""
_NO_LETTER_OF_A_HOST: Final = re.compile(r"[^a-zA-Z0-9-]")


def expected_on_fediverse(account: BlueskyAccount) -> MastodonAccount:
    """Returns the bridged account of a Bluesky account. Its actor names the DID: whoever has another actor is somebody
    else, or an account that had the handle before."""
    actor = ActorUri(f"https://{ON_FEDIVERSE}/ap/{account.did}")
    return MastodonAccount(actor, Acct(str(account.handle), ON_FEDIVERSE))


def name_on_bluesky(account: MastodonAccount) -> AtHandle | None:
    """Returns the handle under which an account of the fediverse stands on Bluesky. None where its name makes no handle.

    A handle has letters, digits and dashes alone: the bridge writes a dash for anything else.
    """
    user = _NO_LETTER_OF_A_HOST.sub("-", account.acct.user).strip("-")
    try:
        return AtHandle.parse(f"{user}.{account.acct.host}.{ON_BLUESKY}")
    except InvalidIdentifier:
        return None


def is_bridged(account: TargetAccount) -> bool:
    """Whether an account is one that the bridge runs."""
    if isinstance(account, MastodonAccount):
        return account.acct.host == ON_FEDIVERSE
    return account.handle.value.endswith(f".{ON_BLUESKY}")


def present_bridge(bridged: TargetAccount, account: TargetAccount) -> TargetAccount | None:
    """Returns a bridged account under its present name. None where it is not the bridge of this account any more."""
    if not is_bridge_of(bridged, account):
        return None
    return expected_on_fediverse(account) if isinstance(account, BlueskyAccount) else bridged


def is_bridge_of(bridged: TargetAccount, account: TargetAccount) -> bool:
    """Whether a bridged account, which was seen to exist, has the name that the bridge gives to this account now."""
    if isinstance(account, BlueskyAccount):
        return isinstance(bridged, MastodonAccount) and bridged.actor == expected_on_fediverse(account).actor
    return isinstance(bridged, BlueskyAccount) and bridged.handle == name_on_bluesky(account)
