"""The transport of atproto's client: every byte goes through the guarded client.

httpx follows redirects, reads proxies from the environment and connects to whatever a name leads to. Nothing of
that is used: this transport hands each request to `GuardedClient`, and refuses an answer that redirects.

httpx and what it loads are 2 MB of each process, so this is loaded with atproto, by `sdk.py`.
"""

from typing import Final

import httpx

from directory.networks.bluesky.wire import LIMITS, XRPC_LIMITS, Note, Send
from directory.networks.errors import BadAnswer

# What atproto may say of a request; the rest of a head is ours.
_SENT: Final = frozenset({"accept", "content-type", "atproto-accept-labelers"})
# The body comes unpacked and whole.
_NOT_HANDED_ON: Final = frozenset({"content-encoding", "content-length", "transfer-encoding"})


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
