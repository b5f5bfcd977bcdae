"""Asks a host about an account, by WebFinger (RFC 7033).

Trusted only for what that host decides about: see `identity`.
"""

from typing import Final
from urllib.parse import urlencode

import msgspec

from directory.errors import InvalidIdentifier
from directory.identifiers import Acct, ActorUri
from directory.networks.http import GuardedClient
from directory.networks.limits import Limits
from directory.networks.mastodon.shown import parse_shown_acct
from directory.networks.sign_in_errors import AccountNotFound, ServerMisbehaved, network_errors

WEBFINGER_LIMITS: Final = Limits(total_s=15.0, max_body_bytes=64 * 1024)
# A domain that has accounts and no server of its own redirects to their server.
MAX_REDIRECTS: Final = 3
_GONE: Final = frozenset({404, 410})
_PROFILE_PAGE: Final = "http://webfinger.net/rel/profile-page"
_ACTIVITY: Final = "application/activity+json"
_LINKED_DATA: Final = "application/ld+json"


class _Link(msgspec.Struct):
    rel: str = ""
    type: str | None = None
    href: str | None = None


class _Descriptor(msgspec.Struct):
    subject: str
    aliases: list[str] = []
    links: list[_Link] = []


class Finger(msgspec.Struct, frozen=True):
    """One answer. `urls` are all the addresses that it names for the account, `page` that of its profile."""

    subject: Acct
    actor: ActorUri
    urls: frozenset[str]
    page: str | None = None


async def finger(http: GuardedClient, host: str, resource: Acct | ActorUri) -> Finger:
    """Asks `host` about an account.

    Raises AccountNotFound, ServerUnreachable, ServerNotAllowed, ServerMisbehaved.
    """
    name = f"acct:{resource}" if isinstance(resource, Acct) else str(resource)
    url = f"https://{host}/.well-known/webfinger?{urlencode({'resource': name})}"
    with network_errors(host):
        answer = await http.get(
            url,
            headers={"accept": "application/jrd+json, application/json"},
            limits=WEBFINGER_LIMITS,
            redirects=MAX_REDIRECTS,
        )
        if answer.status in _GONE:
            raise AccountNotFound(host, "the server knows no such account")
        descriptor = answer.expect(200).parse(_Descriptor)
    return _finger(descriptor, host)


def _finger(descriptor: _Descriptor, host: str) -> Finger:
    actors = {link.href for link in descriptor.links if link.rel == "self" and _is_activity(link.type)}
    if len(actors) != 1:
        raise ServerMisbehaved(host, "names no actor for the account, or several")
    try:
        subject, actor = parse_shown_acct(descriptor.subject), ActorUri.parse(actors.pop())
    except InvalidIdentifier as error:
        raise ServerMisbehaved(host, f"names an account that is none: {error.why}") from None
    named = [*descriptor.aliases, *(link.href for link in descriptor.links if link.href is not None)]
    page = next((link.href for link in descriptor.links if link.rel == _PROFILE_PAGE), None)
    return Finger(subject, actor, frozenset(named), page)


def _is_activity(type_: str | None) -> bool:
    return type_ is not None and (type_ == _ACTIVITY or type_.startswith(_LINKED_DATA))
