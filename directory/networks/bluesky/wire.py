"""The wire of atproto's client: every byte goes through the guarded client, with a proof where it acts for somebody.

httpx follows redirects, reads proxies from the environment and connects to whatever a name leads to. Nothing of
that is used: this transport hands each request to `GuardedClient`, and refuses an answer that redirects.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import httpx

from directory.clock import Clock
from directory.networks.answers import Answer
from directory.networks.bluesky.dpop import SigningKey
from directory.networks.bluesky.requests import DpopRequests, Signed
from directory.networks.errors import BadAnswer
from directory.networks.http import GuardedClient
from directory.networks.limits import Limits
from directory.networks.port import DpopBinding, TokenSet
from directory.networks.sign_in_errors import NeedsSignIn

XRPC_LIMITS: Final = Limits(max_body_bytes=1024 * 1024)
LIMITS: Final = "limits"
"""The extension of a request that names other limits."""
# What atproto may say of a request; the rest of a head is ours.
_SENT: Final = frozenset({"accept", "content-type", "atproto-accept-labelers"})
# The body comes unpacked and whole.
_NOT_HANDED_ON: Final = frozenset({"content-encoding", "content-length", "transfer-encoding"})

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


class Wire(httpx.AsyncBaseTransport):
    """The transport. Every answer is shown to `note` first: atproto keeps the headers of refusals alone."""

    def __init__(self, send: Send, note: Note) -> None:
        self._send = send
        self._note = note

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Sends one request. Raises NetworkError, which httpx and atproto let through."""
        headers = {name: value for name, value in request.headers.items() if name.lower() in _SENT}
        content = await request.aread() or None
        limits = request.extensions.get(LIMITS, XRPC_LIMITS)
        if request.method == "POST":
            content = content or b""
        answer = await self._send(request.method, str(request.url), headers, content, limits)
        self._note(answer)
        if answer.status in range(300, 400):
            raise BadAnswer(answer.host, "redirects, where an API has no reason to", may_have_arrived=True)
        kept = [pair for pair in answer.headers if pair[0] not in _NOT_HANDED_ON]
        return httpx.Response(answer.status, headers=kept, content=answer.body)
