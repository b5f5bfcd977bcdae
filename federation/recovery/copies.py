"""What a peer has kept of our own log, and how it is asked for it. Nothing that it says is believed as it stands."""

import asyncio
from hashlib import sha256
from typing import Final, Protocol

from directory.networks.answers import Answer
from directory.networks.errors import NetworkError
from directory.networks.http import GuardedClient
from directory.networks.limits import Limits
from federation.errors import FederationError, InvalidBodies
from federation.protocol.body_answers import LeafAnswer
from federation.protocol.body_wire import MAX_ANSWERS_BYTES, parse_answers
from federation.protocol.entry import STRIDE_BYTES
from federation.tlog.note import MAX_NOTE_BYTES
from federation.tlog.tiles import TILE_WIDTH, Bundle

PREFIX: Final = "/federation/v1"
FOUND: Final = 200
NOT_FOUND: Final = 404
FORBIDDEN: Final = frozenset({401, 403})
CHECKPOINT_LIMITS: Final = Limits(total_s=10.0, first_byte_s=8.0, max_body_bytes=MAX_NOTE_BYTES)


class PeerFailed(FederationError):
    """A peer could not be asked, or does not answer as it should."""


class Copy(Protocol):
    """A peer's copy of our own log."""

    @property
    def address(self) -> str:
        """The address of the peer."""

    async def checkpoints(self) -> tuple[bytes, ...]:
        """Fetches the newest checkpoints of our log that the peer has: the one that it has cosigned, and the one that it
        has read."""

    async def entries(self, bundle: Bundle) -> bytes | None:
        """Fetches an entry bundle. Returns None where the peer has not read so far."""

    async def answers(self, bundle: Bundle) -> list[LeafAnswer] | None:
        """Fetches salts and bodies. Returns None where the peer has not read so far."""

    async def document(self, number: int) -> bytes | None:
        """Fetches a signed operations document. Returns None where the peer has none of this number."""


class SignedGet(Protocol):
    """Sends a GET that our peer key has signed. Raises NetworkError."""

    async def get(self, address: str, path: str) -> Answer: ...


class HttpCopy:
    """The copy of a peer at its address. Each method raises PeerFailed."""

    def __init__(self, address: str, origin: str, client: GuardedClient, signed: SignedGet) -> None:
        self._address = address.rstrip("/")
        self._origin = origin
        self._client = client
        self._signed = signed

    @property
    def address(self) -> str:
        return self._address

    async def checkpoints(self) -> tuple[bytes, ...]:
        """It cosigns every ten minutes and reads more often; where it does not know us by our key, it still shows what it
        has cosigned."""
        asked = await asyncio.gather(self._cosigned(), self._get("own/checkpoint"), return_exceptions=True)
        found = tuple(each for each in asked if isinstance(each, bytes))
        for each in asked:
            if isinstance(each, BaseException) and not (found and isinstance(each, PeerFailed)):
                raise each
        return found

    async def _cosigned(self) -> bytes | None:
        path = f"{PREFIX}/{sha256(self._origin.encode()).hexdigest()}/checkpoint"
        try:
            answer = await self._client.get(self._address + path, limits=CHECKPOINT_LIMITS)
        except NetworkError as error:
            raise PeerFailed(f"it could not be asked: {error.why}") from error
        return _content(answer)

    async def entries(self, bundle: Bundle) -> bytes | None:
        found = await self._get(f"own/entries/{_name(bundle)}")
        if found is not None and len(found) != bundle.width * STRIDE_BYTES:
            raise PeerFailed("an entry bundle that it has served has another length than was asked for")
        return found

    async def answers(self, bundle: Bundle) -> list[LeafAnswer] | None:
        found = await self._get(f"own/statements/{_name(bundle)}")
        if found is None:
            return None
        try:
            return parse_answers(found, bundle.width)
        except InvalidBodies as error:
            raise PeerFailed(str(error)) from error

    async def document(self, number: int) -> bytes | None:
        return await self._get(f"own/documents/{number}")

    async def _get(self, path: str) -> bytes | None:
        try:
            answer = await self._signed.get(self._address, f"{PREFIX}/{path}")
        except NetworkError as error:
            raise PeerFailed(f"it could not be asked: {error.why}") from error
        return _content(answer)


def _content(answer: Answer) -> bytes | None:
    if answer.status == FOUND:
        return answer.body
    if answer.status == NOT_FOUND:
        return None
    if answer.status in FORBIDDEN:
        raise PeerFailed("it does not let us read what it has kept of our log")
    raise PeerFailed(f"it answers with status {answer.status}")


def _name(bundle: Bundle) -> str:
    return str(bundle).removeprefix("tile/entries/")


MAX_STATEMENT_BYTES: Final = MAX_ANSWERS_BYTES
"""The longest answer of a peer: a signed client needs room for it."""
MAX_BUNDLE_BYTES: Final = TILE_WIDTH * STRIDE_BYTES
