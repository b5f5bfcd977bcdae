"""Calls to an account's own server with the rights of a sign-in, as the instance makes them: any answer will do."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

import msgspec

from directory.networks.answers import Answer
from directory.networks.bluesky.requests import DpopRequests
from directory.networks.bluesky.wire import XRPC_LIMITS, acting_as
from directory.networks.port import TokenSet


@dataclass(frozen=True)
class At:
    """A clock that stands still."""

    time: datetime

    def now(self) -> datetime:
        return self.time


class Calls:
    """One account's server."""

    def __init__(self, requests: DpopRequests, origin: str, tokens: TokenSet) -> None:
        self._requests = requests
        self._origin = origin
        self._tokens = tokens

    async def query(self, method: str, parameters: Mapping[str, str], now: datetime) -> Answer:
        """Sends a query. Returns the answer, whatever its status."""
        send = acting_as(self._requests, self._tokens, At(now))
        asked = f"?{urlencode(parameters)}" if parameters else ""
        return await send("GET", f"{self._origin}/xrpc/{method}{asked}", {}, None, XRPC_LIMITS)

    async def procedure(self, method: str, body: object, now: datetime) -> Answer:
        """Sends a procedure. Returns the answer, whatever its status."""
        send, headers = acting_as(self._requests, self._tokens, At(now)), {"content-type": "application/json"}
        content = msgspec.json.encode(body)
        return await send("POST", f"{self._origin}/xrpc/{method}", headers, content, XRPC_LIMITS)
