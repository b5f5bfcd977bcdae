"""Accounts that moved: https://docs.joinmastodon.org/user/moving/

The account's own server says where to; both hosts of the new account say who that is.
"""

from typing import Final

import msgspec

from directory.errors import InvalidIdentifier
from directory.identifiers import Acct, ActorUri
from directory.networks.http import GuardedClient
from directory.networks.mastodon.accounts import ACCOUNT_LIMITS
from directory.networks.mastodon.identity import Identity, resolve_acct, resolve_actor
from directory.networks.sign_in_errors import (
    AccountNotFound,
    ServerMisbehaved,
    ServerUnreachable,
    network_errors,
)

_GONE: Final = frozenset({404, 410})
_NOT_FOR_STRANGERS: Final = frozenset({400, 401, 403, 405, 422})
_ACTIVITY: Final = "application/activity+json"


class _Moved(msgspec.Struct):
    acct: str


class _Account(msgspec.Struct):
    moved: _Moved | None = None


class _Actor(msgspec.Struct):
    id: str
    movedTo: str | None = None


async def moved_to(http: GuardedClient, acct: Acct) -> Identity | None:
    """Where an account moved, None if it did not.

    Raises AccountNotFound when it is gone, ServerUnreachable when nobody can say.
    """
    here = await resolve_acct(http, acct)
    there = await _told_by_api(http, here)
    return None if there is None or there.actor == here.actor else there


async def _told_by_api(http: GuardedClient, here: Identity) -> Identity | None:
    host = here.actor.host
    with network_errors(host):
        answer = await http.get(
            f"https://{host}/api/v1/accounts/lookup?acct={here.acct.user}",
            headers={"accept": "application/json"},
            limits=ACCOUNT_LIMITS,
        )
        if answer.status in _GONE:
            raise AccountNotFound(host, "the server knows no such account")
        if answer.status in _NOT_FOR_STRANGERS:
            return await _told_by_actor(http, here)
        moved = answer.expect(200).parse(_Account).moved
    if moved is None:
        return None
    name = moved.acct if "@" in moved.acct else f"{moved.acct}@{here.acct.host}"
    try:
        return await resolve_acct(http, Acct.parse(name))
    except InvalidIdentifier as error:
        raise ServerMisbehaved(host, f"names a new account that is none: {error.why}") from None


async def _told_by_actor(http: GuardedClient, here: Identity) -> Identity | None:
    """The actor's own document. Servers that want a signature on each request do not give it."""
    host = here.actor.host
    with network_errors(host):
        answer = await http.get(str(here.actor), headers={"accept": _ACTIVITY}, limits=ACCOUNT_LIMITS)
        if answer.status in _GONE:
            raise AccountNotFound(host, "the server knows no such account")
        if answer.status in _NOT_FOR_STRANGERS:
            raise ServerUnreachable(host, "the server does not tell strangers whether an account moved")
        actor = answer.expect(200).parse(_Actor)
    if actor.id != str(here.actor):
        raise ServerMisbehaved(host, "answered with another actor")
    if actor.movedTo is None:
        return None
    try:
        return await resolve_actor(http, ActorUri.parse(actor.movedTo))
    except InvalidIdentifier as error:
        raise ServerMisbehaved(host, f"names a new account that is none: {error.why}") from None
