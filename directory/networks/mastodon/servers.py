"""Finds the host with an account's API, and what its sign-in supports."""

import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

import msgspec

from directory.errors import InvalidIdentifier
from directory.identifiers import Acct, ActorUri
from directory.networks.http import GuardedClient
from directory.networks.limits import Limits
from directory.networks.mastodon.names import Host, parse_host
from directory.networks.mastodon.webfinger import MAX_REDIRECTS, finger
from directory.networks.port import Purpose
from directory.networks.sign_in_errors import ServerMisbehaved, ServerUnreachable, SignInError, network_errors

METADATA_LIMITS: Final = Limits(total_s=10.0, max_body_bytes=64 * 1024)
SCOPE_PROFILE: Final = "profile"
# https://docs.joinmastodon.org/api/oauth-scopes/
SCOPE_ACCOUNTS: Final = "read:accounts"
SCOPE_FOLLOW: Final = "read:accounts read:follows write:follows"
SCOPE_ARRANGE: Final = f"{SCOPE_FOLLOW} read:blocks read:mutes write:blocks write:mutes"
_MAY_FOLLOW: Final = frozenset({"write:follows", "write", "follow"})
_TEMPLATE = re.compile(rb"""template\s*=\s*["']https://([^/"'<>\s]{1,253})/""")


class Server(msgspec.Struct, frozen=True):
    """A host with the API, and what its OAuth metadata states; older servers have none."""

    host: str
    has_profile_scope: bool = False
    has_pkce: bool = False
    names_issuer: bool = False
    """Whether it names itself when it redirects the browser back (RFC 9207)."""

    def scope(self, purpose: Purpose) -> str:
        """Returns the narrowest scope that serves the purpose."""
        if purpose is Purpose.FOLLOW:
            return SCOPE_FOLLOW
        if purpose is Purpose.ARRANGE:
            return SCOPE_ARRANGE
        return SCOPE_PROFILE if self.has_profile_scope else SCOPE_ACCOUNTS


def may_follow(granted: str) -> bool:
    """Tells whether a granted scope suffices to follow."""
    return not _MAY_FOLLOW.isdisjoint(granted.split())


class _Metadata(msgspec.Struct):
    issuer: str
    scopes_supported: Sequence[str] = ()
    code_challenge_methods_supported: Sequence[str] = ()
    authorization_response_iss_parameter_supported: bool = False


async def find_server(http: GuardedClient, named: Acct | ActorUri | Host) -> Server:
    """Finds the server of what a person typed. Raises SignInError.

    Where the account's address is on another domain than its server, WebFinger names the server;
    for a bare domain, host-meta does.
    """
    if isinstance(named, Host):
        return await _server_of_domain(http, named.name)
    host = (await finger(http, named.host, named)).actor.host if isinstance(named, Acct) else named.host
    return await describe(http, host) or Server(host)


async def _server_of_domain(http: GuardedClient, domain: str) -> Server:
    described = await describe(http, domain)
    if described is not None:
        return described
    host = await _host_meta(http, domain)
    if host != domain:
        return await describe(http, host) or Server(host)
    return Server(domain)


async def describe(http: GuardedClient, host: str) -> Server | None:
    """Reads the host's OAuth metadata (RFC 8414). Returns None where it has none that can be used.

    Only its abilities are read there; the endpoints are those of the API. A document that could name
    another host's endpoints would let one server collect another's codes.
    """
    try:
        with network_errors(host):
            answer = await http.get(
                f"https://{host}/.well-known/oauth-authorization-server",
                headers={"accept": "application/json"},
                limits=METADATA_LIMITS,
            )
            metadata = answer.expect(200).parse(_Metadata)
    except ServerMisbehaved:
        return None
    if (urlsplit(metadata.issuer).hostname or "") != host:
        return None
    return Server(
        host,
        has_profile_scope=SCOPE_PROFILE in metadata.scopes_supported,
        has_pkce="S256" in metadata.code_challenge_methods_supported,
        names_issuer=metadata.authorization_response_iss_parameter_supported,
    )


async def _host_meta(http: GuardedClient, domain: str) -> str:
    """Returns the host that serves a domain's accounts (RFC 6415); the domain itself where it names none."""
    try:
        with network_errors(domain):
            answer = await http.get(
                f"https://{domain}/.well-known/host-meta", limits=METADATA_LIMITS, redirects=MAX_REDIRECTS
            )
            body = answer.expect(200).body
    except ServerUnreachable:
        raise
    except SignInError:
        return domain
    found = _TEMPLATE.search(body)
    if found is None:
        return domain
    try:
        return parse_host(found.group(1).decode("ascii", "replace")).name
    except InvalidIdentifier:
        return domain
