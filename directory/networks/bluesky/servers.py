"""Finds the authorization server of an account's server, and reads its metadata.

https://atproto.com/specs/oauth#server-metadata, RFC 9728, RFC 8414.
"""

from typing import Final, Self
from urllib.parse import urlsplit

import msgspec

from directory.networks.answers import Answer
from directory.networks.bluesky.did import DidDocument
from directory.networks.bluesky.origins import parse_endpoint, parse_origin
from directory.networks.bluesky.repo_status import is_active
from directory.networks.errors import BadStatus
from directory.networks.http import GuardedClient
from directory.networks.limits import Limits
from directory.networks.sign_in_errors import (
    IssuerMismatch,
    NotAServer,
    ServerMisbehaved,
    is_temporary,
    network_errors,
)

METADATA_LIMITS: Final = Limits(total_s=15.0, max_body_bytes=64 * 1024)
ALGORITHM: Final = "ES256"


class _ProtectedResource(msgspec.Struct):
    authorization_servers: list[str]


class _Metadata(msgspec.Struct):
    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    pushed_authorization_request_endpoint: str
    revocation_endpoint: str | None = None
    scopes_supported: list[str] = []
    code_challenge_methods_supported: list[str] = []
    dpop_signing_alg_values_supported: list[str] = []
    authorization_response_iss_parameter_supported: bool = False
    require_pushed_authorization_requests: bool = False
    client_id_metadata_document_supported: bool = False

    def is_atproto(self) -> bool:
        """Tells whether the server supports all that the safety of a sign-in rests on."""
        return (
            "atproto" in self.scopes_supported
            and "S256" in self.code_challenge_methods_supported
            and ALGORITHM in self.dpop_signing_alg_values_supported
            and self.authorization_response_iss_parameter_supported
            and self.require_pushed_authorization_requests
            and self.client_id_metadata_document_supported
        )


class AuthorizationServer(msgspec.Struct, frozen=True):
    """The endpoints of an authorization server. `issuer` is its origin, and its name in what it signs."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    par_endpoint: str
    revocation_endpoint: str | None

    @classmethod
    def of(cls, metadata: _Metadata, *, allow_loopback: bool) -> Self:
        """Reads the endpoints from metadata. Raises ServerMisbehaved."""
        revocation = metadata.revocation_endpoint
        return cls(
            issuer=metadata.issuer,
            authorization_endpoint=parse_endpoint(
                metadata.authorization_endpoint, allow_loopback=allow_loopback
            ),
            token_endpoint=parse_endpoint(metadata.token_endpoint, allow_loopback=allow_loopback),
            par_endpoint=parse_endpoint(
                metadata.pushed_authorization_request_endpoint, allow_loopback=allow_loopback
            ),
            revocation_endpoint=None
            if revocation is None
            else parse_endpoint(revocation, allow_loopback=allow_loopback),
        )


class Servers:
    """Fetches the metadata of servers. Redirects are not followed: the specification forbids them."""

    def __init__(self, http: GuardedClient, *, allow_loopback: bool = False) -> None:
        self._http = http
        self._allow_loopback = allow_loopback

    async def issuer_for(self, pds: str) -> str:
        """Returns the origin that signs in the accounts of a PDS. Raises NotAServer and as `network_errors`."""
        answer = await self._fetch(f"{pds}/.well-known/oauth-protected-resource")
        with network_errors():
            servers = answer.parse(_ProtectedResource).authorization_servers
        if len(servers) != 1:
            raise ServerMisbehaved(answer.host, "names no authorization server, or several")
        return self._strict_origin(servers[0], answer.host)

    async def describe(self, issuer: str) -> AuthorizationServer:
        """Reads the metadata of an authorization server. Raises IssuerMismatch, NotAServer and as `network_errors`."""
        answer = await self._fetch(f"{issuer}/.well-known/oauth-authorization-server")
        with network_errors():
            metadata = answer.parse(_Metadata)
        if metadata.issuer != issuer:
            raise IssuerMismatch(answer.host, "the server calls itself by another name")
        if not metadata.is_atproto():
            raise NotAServer(answer.host, "the server lacks what a sign-in needs to be safe")
        return AuthorizationServer.of(metadata, allow_loopback=self._allow_loopback)

    async def find(self, origin: str) -> AuthorizationServer:
        """Finds the authorization server for an origin that a person named: a PDS, or the server itself."""
        try:
            issuer = await self.issuer_for(origin)
        except NotAServer:
            issuer = origin
        return await self.describe(issuer)

    async def has_account(self, document: DidDocument) -> bool:
        """Tells whether the server of an account has it. Raises as `is_active`."""
        return await is_active(self._http, document)

    async def _fetch(self, url: str) -> Answer:
        host = urlsplit(url).hostname or ""
        with network_errors(host):
            answer = await self._http.get(url, headers={"accept": "application/json"}, limits=METADATA_LIMITS)
            if is_temporary(answer.status):
                raise BadStatus(answer.host, answer.status)
        if answer.status != 200:
            raise NotAServer(host, f"answered with status {answer.status}")
        return answer

    def _strict_origin(self, text: str, host: str) -> str:
        origin = parse_origin(text, allow_loopback=self._allow_loopback)
        if origin != text:
            raise ServerMisbehaved(host, "names its authorization server by more than an origin")
        return origin
