"""A server of the AT Protocol that says what a test wants, and the name server and directory around it.

Only for what a real PDS would never do; what it does is seen with a real one.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlencode

from directory.identifiers import TargetId
from directory.networks.bluesky.client import LoopbackClient
from directory.networks.bluesky.did import DidResolver
from directory.networks.bluesky.handles import HandleResolver, dns_source, well_known_source
from directory.networks.bluesky.identity import Identities
from directory.networks.bluesky.requests import DpopRequests
from directory.networks.bluesky.servers import Servers
from directory.networks.bluesky.sign_in import BlueskySignIn
from directory.networks.http import GuardedClient
from directory.networks.port import Purpose, SignInDone, SignInStart
from tests.directory.networks.grants import NotedGrants
from tests.harness.fake_mastodon.internet import FakeInternet, Request, Response, Site

REDIRECT: Final = "http://127.0.0.1:8000/auth/bluesky/callback"
ALICE: Final = "did:plc:" + "a" * 24
MALLORY: Final = "did:plc:" + "m" * 24
NOON: Final = datetime(2026, 11, 22, 12, tzinfo=UTC)


@dataclass
class FakePds:
    """A PDS that is its own authorization server. `signs_in` is whom its tokens are for."""

    host: str
    signs_in: str
    issuer: str = ""
    scope: str = "atproto"
    changed: dict[str, Any] = field(default_factory=dict)
    tokens: dict[str, Any] = field(default_factory=dict)
    broken: dict[str, Site] = field(default_factory=dict)

    @property
    def origin(self) -> str:
        return f"https://{self.host}"

    def __call__(self, request: Request) -> Response:
        if request.path in self.broken:
            return self.broken[request.path](request)
        answers = {
            "/.well-known/oauth-protected-resource": self._resource,
            "/.well-known/oauth-authorization-server": self._metadata,
            "/oauth/par": lambda: {"request_uri": "urn:ietf:params:oauth:request_uri:x", "expires_in": 300},
            "/oauth/token": self._tokens,
            "/oauth/revoke": dict,
        }
        answer = answers.get(request.path)
        return Response(404) if answer is None else Response.json(answer())

    def _resource(self) -> dict[str, Any]:
        return {"resource": self.origin, "authorization_servers": [self.issuer or self.origin]}

    def _metadata(self) -> dict[str, Any]:
        return {
            "issuer": self.origin,
            "authorization_endpoint": f"{self.origin}/oauth/authorize",
            "token_endpoint": f"{self.origin}/oauth/token",
            "pushed_authorization_request_endpoint": f"{self.origin}/oauth/par",
            "revocation_endpoint": f"{self.origin}/oauth/revoke",
            "scopes_supported": ["atproto", "transition:generic"],
            "code_challenge_methods_supported": ["S256"],
            "dpop_signing_alg_values_supported": ["ES256"],
            "authorization_response_iss_parameter_supported": True,
            "require_pushed_authorization_requests": True,
            "client_id_metadata_document_supported": True,
            **self.changed,
        }

    def _tokens(self) -> dict[str, Any]:
        return {
            "access_token": "access",
            "refresh_token": "refresh",
            "token_type": "DPoP",
            "scope": self.scope,
            "sub": self.signs_in,
            "expires_in": 3600,
            **self.tokens,
        }


class Neighbourhood:
    """Servers, the PLC directory, a name server, and our sign-in service, under production's rules."""

    def __init__(self, internet: FakeInternet, http: GuardedClient) -> None:
        self.internet = internet
        self.http = http
        self.documents: dict[str, dict[str, Any]] = {}
        self.txt: dict[str, list[str]] = {}
        self.is_dns_down = False
        internet.sites["plc.directory"] = self._plc
        identities = Identities(
            DidResolver(http), HandleResolver(dns_source(self._look_up_txt), well_known_source(http))
        )
        self.grants = NotedGrants()
        self.sign_in = BlueskySignIn(
            identities, Servers(http), DpopRequests(http), LoopbackClient(), self.grants
        )

    def server(self, host: str, signs_in: str) -> FakePds:
        """Opens a server."""
        pds = FakePds(host, signs_in)
        self.internet.sites[host] = pds
        return pds

    def person(self, did: str, handle: str, pds: str) -> None:
        """Someone whose document and name agree."""
        self.documents[did] = document(did, handle, pds)
        self.txt[f"_atproto.{handle}"] = ["v=spf1 -all", f"did={did}"]

    async def start(
        self, account: str, purpose: Purpose = Purpose.PROVE, *, expected: TargetId | None = None
    ) -> SignInStart:
        return await self.sign_in.start_sign_in(
            account, purpose=purpose, redirect_uri=REDIRECT, now=NOON, expected=expected
        )

    async def finish(self, started: SignInStart, issuer: str, **fields: str) -> SignInDone:
        """As if the person had agreed: the browser comes back with a code of that issuer."""
        query = urlencode({"state": started.state, "iss": issuer, "code": "code", **fields})
        return await self.sign_in.finish_sign_in(started.record, f"{REDIRECT}?{query}", NOON)

    async def _look_up_txt(self, name: str) -> Sequence[str]:
        await asyncio.sleep(0)
        if self.is_dns_down:
            raise OSError("the name servers are down")
        return self.txt.get(name, [])

    def _plc(self, request: Request) -> Response:
        found = self.documents.get(request.path.removeprefix("/"))
        return Response(404) if found is None else Response.json(found)


def document(did: str, handle: str, pds: str) -> dict[str, Any]:
    """A DID document as the PLC directory gives it."""
    return {
        "id": did,
        "alsoKnownAs": [f"at://{handle}"],
        "service": [
            {"id": "#atproto_pds", "type": "AtprotoPersonalDataServer", "serviceEndpoint": pds},
        ],
    }


def evil(near: Neighbourhood) -> FakePds:
    server = near.internet.sites["evil.test"]
    assert isinstance(server, FakePds)
    return server


async def both(near: Neighbourhood, started: SignInStart) -> None:
    """A start of its own, and the end of one started before."""
    await near.start("alice.test")
    await near.finish(started, "https://pds.test")
