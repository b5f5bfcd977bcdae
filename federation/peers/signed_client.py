"""Asks peers, with requests that are signed with this instance's peer key."""

from collections.abc import Callable
from typing import Final

from directory.clock import Clock
from directory.networks.answers import Answer
from directory.networks.http import GuardedClient
from directory.networks.limits import Limits
from directory.public_address import PublicAddress
from federation.peers.signing import Request, make_nonce, sign_request
from federation.tlog.ed25519 import Seed

DEFAULT_LIMITS: Final = Limits()


class SignedClient:
    """Sends signed requests to peers, which are never redirected.

    A GET over a kept connection that has just closed is sent once more. Where the first one had arrived, the second is
    refused as a replay (401): the caller asks again later, as after any failure.
    """

    def __init__(self, http: GuardedClient, origin: str, read_key: Callable[[], Seed], clock: Clock) -> None:
        """`read_key` reads the peer key, at each request, and raises MissingKeys or UnsafeKeys where it cannot: a process that
        asks no peers needs none, and one that runs on signs with the key of now after a recovery has made another."""
        self._http = http
        self._origin = origin
        self._read_key = read_key
        self._clock = clock

    async def get(self, peer_address: str, path: str, *, limits: Limits = DEFAULT_LIMITS) -> Answer:
        """Asks a peer, whose address is its base URL. Raises NetworkError, MissingKeys, UnsafeKeys."""
        request = self._request("GET", peer_address, path, b"")
        return await self._http.request(
            "GET", peer_address + path, headers=self._sign(request), limits=limits
        )

    async def post(
        self,
        peer_address: str,
        path: str,
        content: bytes,
        media_type: str,
        *,
        limits: Limits = DEFAULT_LIMITS,
    ) -> Answer:
        """Sends content to a peer. Raises NetworkError, MissingKeys, UnsafeKeys."""
        request = self._request("POST", peer_address, path, content)
        headers = {"content-type": media_type, **self._sign(request)}
        return await self._http.request(
            "POST", peer_address + path, headers=headers, content=content, limits=limits
        )

    def _request(self, method: str, peer_address: str, path: str, content: bytes) -> Request:
        return Request(method, PublicAddress.parse(peer_address).netloc, path, (), content)

    def _sign(self, request: Request) -> dict[str, str]:
        created = int(self._clock.now().timestamp())
        return sign_request(request, self._origin, self._read_key(), created, make_nonce())
