"""Finds the new accounts of those that moved: https://docs.joinmastodon.org/user/moving/

The account's own server names the new one; both hosts of the new account confirm its identity.
"""

from typing import Final

import msgspec

from directory.accounts import MastodonAccount
from directory.errors import InvalidIdentifier
from directory.identifiers import ActorUri
from directory.networks.http import GuardedClient
from directory.networks.mastodon.accounts import ACCOUNT_LIMITS
from directory.networks.mastodon.entities import ApiAccount
from directory.networks.mastodon.identity import resolve_acct, resolve_actor
from directory.networks.mastodon.wire import Wire
from directory.networks.sign_in_errors import (
    AccountNotFound,
    ServerMisbehaved,
    ServerUnreachable,
    network_errors,
)

_GONE: Final = frozenset({404, 410})
_NOT_FOR_STRANGERS: Final = frozenset({400, 401, 403, 405, 422})
_ACTIVITY: Final = "application/activity+json"


class NotForStrangers(ServerUnreachable):
    """The server tells only other servers whether an account moved: a retry does not help."""


class _Actor(msgspec.Struct):
    id: str
    movedTo: str | None = None
    alsoKnownAs: list[str] | str = []


async def moved_to(http: GuardedClient, here: MastodonAccount) -> MastodonAccount | None:
    """Returns the account that `here` names as its new one, None where it did not move. `here` has its present address.

    By its URI, never by its address alone: an address can have passed to somebody else, who then moves.
    Raises AccountNotFound where it is gone, NotForStrangers, ServerUnreachable where no server answers.
    """
    there = await _told_by_api(http, here)
    return None if there is None or there.actor == here.actor else there


async def names_back(http: GuardedClient, there: MastodonAccount, former: str) -> bool:
    """Tells whether an account names `former` as its own too, so that no account can claim to have moved to a stranger.

    Raises NotForStrangers (the member can still sign in there), and SignInError.
    """
    actor = await _actor(http, there.actor)
    aliases = [actor.alsoKnownAs] if isinstance(actor.alsoKnownAs, str) else actor.alsoKnownAs
    return former in aliases


async def _told_by_api(http: GuardedClient, here: MastodonAccount) -> MastodonAccount | None:
    host = here.actor.host
    with network_errors(host):
        said = await Wire(http, host).call(lambda api: api.account_lookup(here.acct.user), ACCOUNT_LIMITS)
        if said.status in _GONE:
            raise AccountNotFound(host, "the server knows no such account")
        if said.status in _NOT_FOR_STRANGERS:
            return await _told_by_actor(http, here)
        said.answer.expect(200)
        account = ApiAccount.read(said.found())
    if account.moved is None:
        return None
    if account.uri != str(here.actor):
        # On a server of several domains the name alone may be that of another account.
        return await _told_by_actor(http, here)
    there = account.moved_acct(here.acct)
    if there is None:
        raise ServerMisbehaved(host, "names a new account that is none")
    return await resolve_acct(http, there)


async def _told_by_actor(http: GuardedClient, here: MastodonAccount) -> MastodonAccount | None:
    actor = await _actor(http, here.actor)
    if actor.movedTo is None:
        return None
    try:
        return await resolve_actor(http, ActorUri.parse(actor.movedTo))
    except InvalidIdentifier as error:
        raise ServerMisbehaved(here.actor.host, f"names a new account that is none: {error.why}") from None


async def _actor(http: GuardedClient, actor: ActorUri) -> _Actor:
    """Fetches the actor's own document. Servers that require signed requests refuse it: NotForStrangers."""
    host = actor.host
    with network_errors(host):
        answer = await http.get(str(actor), headers={"accept": _ACTIVITY}, limits=ACCOUNT_LIMITS)
        if answer.status in _GONE:
            raise AccountNotFound(host, "the server knows no such account")
        if answer.status in _NOT_FOR_STRANGERS:
            raise NotForStrangers(host, "the server does not tell strangers whether an account moved")
        found = answer.expect(200).parse(_Actor)
    if found.id != str(actor):
        raise ServerMisbehaved(host, "answered with another actor")
    return found
