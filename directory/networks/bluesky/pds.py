"""Sends requests to an account's own server, with the rights that a sign-in gave (XRPC).

https://atproto.com/specs/xrpc
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final
from urllib.parse import urlencode

import msgspec

from directory.networks.answers import Answer
from directory.networks.bluesky.dpop import SigningKey
from directory.networks.bluesky.requests import DpopRequests, Signed
from directory.networks.limits import Limits
from directory.networks.port import DpopBinding, TokenSet
from directory.networks.sign_in_errors import NeedsSignIn

XRPC_LIMITS: Final = Limits(max_body_bytes=1024 * 1024)


class Pds:
    """One account's server. `origin` comes from the present DID document (`Identities.document`)."""

    def __init__(self, requests: DpopRequests, origin: str, tokens: TokenSet) -> None:
        if not isinstance(tokens.binding, DpopBinding):
            raise NeedsSignIn(tokens.server, "the tokens are not of this network")
        self._requests = requests
        self._origin = origin
        self._access = tokens.access
        self._key = SigningKey.from_json(tokens.binding.key)

    async def query(self, method: str, parameters: Mapping[str, str], now: datetime) -> Answer:
        """Sends a query (GET). Returns the answer, whatever its status. Raises SignInError."""
        asked = f"?{urlencode(parameters)}" if parameters else ""
        return await self._requests.send(
            Signed(
                method="GET",
                url=f"{self._origin}/xrpc/{method}{asked}",
                key=self._key,
                now=now,
                headers={"authorization": f"DPoP {self._access}"},
                access=self._access,
                limits=XRPC_LIMITS,
            )
        )

    async def procedure(self, method: str, body: object, now: datetime) -> Answer:
        """Sends a procedure (POST of JSON), once, and again only for a nonce. Returns the answer, whatever its status."""
        content = msgspec.json.encode(body)
        return await self._requests.send(
            Signed(
                method="POST",
                url=f"{self._origin}/xrpc/{method}",
                key=self._key,
                now=now,
                headers={"authorization": f"DPoP {self._access}", "content-type": "application/json"},
                content=lambda: content,
                access=self._access,
                limits=XRPC_LIMITS,
            )
        )
