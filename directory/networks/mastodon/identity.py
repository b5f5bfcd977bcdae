"""Resolves accounts: an actor URI and an address on which two hosts agree.

The host of an actor URI decides about the URI, the domain of an address (`user@domain`) about the
address. Each could name what belongs to the other, so both are asked, and both must agree. A host
that has no part in an account is never asked about it.
"""

from directory.accounts import MastodonAccount
from directory.identifiers import Acct, ActorUri
from directory.networks.http import GuardedClient
from directory.networks.mastodon.accounts import Credentials
from directory.networks.mastodon.pages import choose_page
from directory.networks.mastodon.webfinger import Finger, finger
from directory.networks.sign_in_errors import AccountNotFound, IdentityMismatch, ServerMisbehaved


async def resolve_acct(http: GuardedClient, acct: Acct) -> MastodonAccount:
    """Resolves an address to its account. Raises AccountNotFound, IdentityMismatch, and as `finger`.

    An alias leads to its account: the address in the answer is the canonical one.
    """
    found = await finger(http, acct.host, acct)
    if found.subject.key == acct.key:
        return await _agreed(http, found, {acct.host})
    return await _agreed(http, found, set())


async def resolve_actor(http: GuardedClient, actor: ActorUri, last: Acct | None = None) -> MastodonAccount:
    """Resolves an actor URI to its account.

    Some servers answer for addresses only: `last` is then looked up, and must lead to the same URI.
    """
    try:
        found = await finger(http, actor.host, actor)
    except (AccountNotFound, ServerMisbehaved):
        if last is None:
            raise
        found = await finger(http, actor.host, last)
    if found.actor != actor:
        raise IdentityMismatch(actor.host, "the server names another actor for its own")
    return await _agreed(http, found, {actor.host})


async def resolve_page(http: GuardedClient, page: ActorUri) -> MastodonAccount:
    """Resolves any address that a server has for an account: its page, its URI in another case, a number.

    Raises as `resolve_acct`.
    """
    return await _agreed(http, await finger(http, page.host, page), set())


async def resolve_signed_in(
    http: GuardedClient, host: str, who: Credentials
) -> tuple[MastodonAccount, str | None]:
    """Resolves the account that signed in at `host`, and its profile page, starting from the host's own answer.

    A host signs in its own accounts: the URI must be on it. On one with several domains two people
    can have the same user name, so the account's own URI or address must be among those WebFinger names.
    """
    found = await finger(http, host, who.local_acct(host))
    if found.actor.host != host:
        raise IdentityMismatch(host, "the server signed in an account of another server")
    if not who.is_among(found.actor, found.urls):
        raise IdentityMismatch(host, "the server signed in an account of another domain of its own")
    account = await _agreed(http, found, {host})
    return account, choose_page((who.url, found.page), account)


async def find_page(http: GuardedClient, account: MastodonAccount) -> str | None:
    """Returns the address that the account's server gives its profile; None where that may not be one. Raises as
    `finger`."""
    found = await finger(http, account.actor.host, account.acct)
    return choose_page((found.page,), account) if found.actor == account.actor else None


async def _agreed(http: GuardedClient, found: Finger, asked: set[str]) -> MastodonAccount:
    """Returns the account, once the domain of the address and the host of the URI both confirm it."""
    for host in (found.subject.host, found.actor.host):
        if host in asked:
            continue
        other = await finger(http, host, found.subject)
        asked.add(host)
        if other.actor != found.actor or other.subject.key != found.subject.key:
            raise IdentityMismatch(host, "the hosts of the account do not agree on who it is")
    return MastodonAccount(found.actor, found.subject)
