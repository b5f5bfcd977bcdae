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
from directory.networks.sign_in_errors import (
    AccountNotFound,
    NotAServer,
    ServerMisbehaved,
    ServerUnreachable,
    SignInError,
    network_errors,
)

METADATA_LIMITS: Final = Limits(total_s=10.0, max_body_bytes=64 * 1024)
NODEINFO_LIMITS: Final = Limits(total_s=4.0, max_body_bytes=64 * 1024)
"""A person waits, and the sign-in goes on without it."""
SCOPE_PROFILE: Final = "profile"
# https://docs.joinmastodon.org/api/oauth-scopes/
SCOPE_ACCOUNTS: Final = "read:accounts"
SCOPE_FOLLOW: Final = "read:accounts read:follows write:follows"
_ARRANGING: Final = "write:blocks write:mutes"
"""Whom an account blocks or mutes is told by the relationships: no more is read."""
SCOPE_ARRANGE: Final = f"{SCOPE_FOLLOW} {_ARRANGING}"
GOTOSOCIAL: Final = "gotosocial"
TAKAHE: Final = "takahe"
_SCOPES: Final = {
    # It has no use for `read:follows`: relationships want `read:accounts` there.
    GOTOSOCIAL: {
        Purpose.PROVE: SCOPE_ACCOUNTS,
        Purpose.FOLLOW: "read:accounts write:follows",
        Purpose.ARRANGE: f"read:accounts write:follows {_ARRANGING}",
    },
    # With `read:accounts` it does not even tell who has signed in.
    TAKAHE: {
        Purpose.PROVE: "read",
        Purpose.FOLLOW: "read write:follows",
        Purpose.ARRANGE: f"read write:follows {_ARRANGING}",
    },
}
"""The least that works where a server differs from Mastodon."""
_NODEINFO: Final = "http://nodeinfo.diaspora.software/ns/schema/2."
_MAY_FOLLOW: Final = frozenset({"write:follows", "write", "follow"})
_MAY_BLOCK: Final = frozenset({"write:blocks", "write", "follow"})
_MAY_MUTE: Final = frozenset({"write:mutes", "write", "follow"})
_SOFTWARE = re.compile(r"[a-z0-9-]{1,64}")
"""https://nodeinfo.diaspora.software/protocol: the form of the name."""
_TEMPLATE = re.compile(rb"""template\s*=\s*["']https://([^/"'<>\s]{1,253})/""")


class Server(msgspec.Struct, frozen=True):
    """A host with the API, and what its OAuth metadata states; older servers have none."""

    host: str
    has_profile_scope: bool = False
    has_pkce: bool = False
    names_issuer: bool = False
    """Whether it names itself when it redirects the browser back (RFC 9207)."""
    software: str = ""
    """As its NodeInfo says; empty where that was not asked for, or says nothing."""

    def scope(self, purpose: Purpose) -> str:
        """Returns the narrowest scope that serves the purpose."""
        if self.software in _SCOPES:
            return _SCOPES[self.software][purpose]
        if purpose is Purpose.FOLLOW:
            return SCOPE_FOLLOW
        if purpose is Purpose.ARRANGE:
            return SCOPE_ARRANGE
        return SCOPE_PROFILE if self.has_profile_scope else SCOPE_ACCOUNTS


def may_follow(granted: str) -> bool:
    """Tells whether a granted scope suffices to follow."""
    return not _MAY_FOLLOW.isdisjoint(granted.split())


def may_arrange(granted: str) -> bool:
    """Tells whether a granted scope suffices to follow, to block and to mute."""
    scopes = granted.split()
    return not any(each.isdisjoint(scopes) for each in (_MAY_FOLLOW, _MAY_BLOCK, _MAY_MUTE))


class _Link(msgspec.Struct):
    rel: str = ""
    href: str = ""


class _NodeInfoLinks(msgspec.Struct):
    links: list[_Link] = []


class _Software(msgspec.Struct):
    name: str = ""


class _NodeInfo(msgspec.Struct):
    software: _Software


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
    host = await _host_of(http, named) if isinstance(named, Acct) else named.host
    return await _described(http, host) or await _undescribed(http, host)


async def _host_of(http: GuardedClient, named: Acct) -> str:
    """Returns the host of an account's server. Raises NotAServer where it is on no such server at all."""
    try:
        return (await finger(http, named.host, named)).actor.host
    except (AccountNotFound, ServerMisbehaved):
        if not await _is_server(http, named.host):
            raise NotAServer(named.host, "is no server of this network") from None
        raise


async def _is_server(http: GuardedClient, host: str) -> bool:
    """Tells whether anything at a host says that it is a server: its NodeInfo, its metadata, or its host-meta. True
    also where it does not answer now."""
    try:
        if (await _undescribed(http, host)).software or await describe(http, host) is not None:
            return True
        return await _host_meta(http, host) is not None
    except SignInError:
        return True


async def _server_of_domain(http: GuardedClient, domain: str) -> Server:
    described = await _described(http, domain)
    if described is not None:
        return described
    host = await _host_meta(http, domain)
    if host is not None and host != domain:
        return await _described(http, host) or await _undescribed(http, host)
    return await _undescribed(http, domain)


async def _described(http: GuardedClient, host: str) -> Server | None:
    """Returns a server with metadata, and its software: not all look at the links of profiles."""
    described = await describe(http, host)
    if described is None:
        return None
    return msgspec.structs.replace(described, software=(await _undescribed(http, host)).software)


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


async def _undescribed(http: GuardedClient, host: str) -> Server:
    """Returns a server without metadata, with the software that it says it runs: some want other scopes."""
    try:
        with network_errors(host):
            return Server(host, software=await _software(http, host))
    except SignInError:
        return Server(host)


async def _software(http: GuardedClient, host: str) -> str:
    """Reads the software's name from NodeInfo. Raises NetworkError.

    Asked at the host itself, whichever it names: one of several domains may name another of them.
    """
    found = await http.get(f"https://{host}/.well-known/nodeinfo", limits=NODEINFO_LIMITS)
    links = found.expect(200).parse(_NodeInfoLinks).links
    paths = (_path_of(one.href) for one in links if one.rel.startswith(_NODEINFO))
    if not (path := next(paths, "")):
        return ""
    answer = await http.get(f"https://{host}{path}", limits=NODEINFO_LIMITS)
    name = answer.expect(200).parse(_NodeInfo).software.name.lower()
    return name if _SOFTWARE.fullmatch(name) else ""


def _path_of(url: str) -> str:
    """Returns the path of an address, empty where it has none."""
    try:
        return urlsplit(url).path
    except ValueError:
        return ""


async def _host_meta(http: GuardedClient, domain: str) -> str | None:
    """Returns the host that serves a domain's accounts (RFC 6415); None where it names none."""
    try:
        with network_errors(domain):
            answer = await http.get(
                f"https://{domain}/.well-known/host-meta", limits=METADATA_LIMITS, redirects=MAX_REDIRECTS
            )
            body = answer.expect(200).body
    except ServerUnreachable:
        raise
    except SignInError:
        return None
    found = _TEMPLATE.search(body)
    if found is None:
        return None
    try:
        return parse_host(found.group(1).decode("ascii", "replace")).name
    except InvalidIdentifier:
        return None
