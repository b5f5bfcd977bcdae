"""An instance's side of a sign-in with a real PDS, for tests."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlencode

from directory.identifiers import AtHandle, TargetId
from directory.networks.bluesky.client import SCOPES, LoopbackClient, OAuthClient
from directory.networks.bluesky.did import DidResolver
from directory.networks.bluesky.handles import HandleResolver, dns_source
from directory.networks.bluesky.identity import Identities
from directory.networks.bluesky.requests import DpopRequests
from directory.networks.bluesky.servers import Servers
from directory.networks.bluesky.sign_in import BlueskySignIn
from directory.networks.http import GuardedClient
from directory.networks.port import Purpose, SignInDone, SignInStart
from tests.directory.networks.grants import NotedGrants
from tests.peers.consent import consent
from tests.peers.pds import Account, Pds, XrpcError

REDIRECT: Final = "http://127.0.0.1:8000/auth/bluesky/callback"


def now() -> datetime:
    """The real time: a server compares it with its own."""
    return datetime.now(UTC)


class Instance:
    """A sign-in service over the real parts. Its name server knows what the PDS knows."""

    def __init__(self, pds: Pds, http: GuardedClient, client: OAuthClient | None = None) -> None:
        self.pds = pds
        self.http = http
        self.requests = DpopRequests(http)
        self.servers = Servers(http, allow_loopback=True)
        self.identities = Identities(
            DidResolver(http, plc_url=pds.plc_url, allow_loopback=True),
            HandleResolver(dns_source(self.look_up_txt)),
        )
        self.grants = NotedGrants()
        self.sign_in = BlueskySignIn(
            self.identities,
            self.servers,
            self.requests,
            client or LoopbackClient(),
            self.grants,
            allow_loopback=True,
        )
        self.redirect_uri = REDIRECT
        # What the name server says instead, for names that a test takes over.
        self.names: dict[AtHandle, str] = {}

    def now(self) -> datetime:
        return now()

    async def look_up_txt(self, name: str) -> Sequence[str]:
        """No name server answers for `.test`."""
        handle = AtHandle.parse(name.removeprefix("_atproto."))
        if handle in self.names:
            return [f"did={self.names[handle]}"]
        try:
            return [f"did={await asyncio.to_thread(self.pds.resolve_handle, str(handle))}"]
        except XrpcError:
            return []

    async def start(
        self, account: str, purpose: Purpose = Purpose.PROVE, *, expected: TargetId | None = None
    ) -> SignInStart:
        return await self.sign_in.start_sign_in(
            account, purpose=purpose, redirect_uri=self.redirect_uri, now=self.now(), expected=expected
        )

    async def visit(self, started: SignInStart, account: Account, scope: str = "atproto") -> str:
        """The address at which the browser comes back, after the person agreed."""
        back = await asyncio.to_thread(consent, self.pds, started.authorize_url, account, scope)
        return f"{self.redirect_uri}?{urlencode(back)}"

    async def signed_in(self, account: Account, purpose: Purpose = Purpose.PROVE) -> SignInDone:
        """The whole way."""
        started = await self.start(account.handle, purpose)
        returned = await self.visit(started, account, SCOPES[purpose][0])
        return await self.sign_in.finish_sign_in(started.record, returned, self.now())
