"""Sends the requests of atproto's client through the guarded client, with a proof where they act for somebody."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from directory.clock import Clock
from directory.networks.answers import Answer
from directory.networks.bluesky.dpop import SigningKey
from directory.networks.bluesky.requests import DpopRequests, Signed
from directory.networks.http import GuardedClient
from directory.networks.limits import Limits
from directory.networks.port import DpopBinding, TokenSet
from directory.networks.sign_in_errors import NeedsSignIn

XRPC_LIMITS: Final = Limits(max_body_bytes=1024 * 1024)
LIMITS: Final = "limits"
"""The extension of a request that names other limits."""

Send = Callable[[str, str, Mapping[str, str], bytes | None, Limits], Awaitable[Answer]]
Note = Callable[[Answer], None]


def anonymous(http: GuardedClient) -> Send:
    """Sends requests in nobody's name."""

    async def send(
        method: str, url: str, headers: Mapping[str, str], content: bytes | None, limits: Limits
    ) -> Answer:
        return await http.request(method, url, headers=headers, content=content, limits=limits)

    return send


def acting_as(requests: DpopRequests, tokens: TokenSet, clock: Clock) -> Send:
    """Sends requests with an account's tokens and a proof of their key. Raises NeedsSignIn for tokens of another
    network."""
    if not isinstance(tokens.binding, DpopBinding):
        raise NeedsSignIn(tokens.server, "the tokens are not of this network")
    key = SigningKey.from_json(tokens.binding.key)
    authorization = {"authorization": f"DPoP {tokens.access}"}

    async def send(
        method: str, url: str, headers: Mapping[str, str], content: bytes | None, limits: Limits
    ) -> Answer:
        return await requests.send(
            Signed(
                method=method,
                url=url,
                key=key,
                now=clock.now(),
                headers={**headers, **authorization},
                content=lambda: content,
                access=tokens.access,
                limits=limits,
            )
        )

    return send
