"""Fetches the log of one peer over the guarded client: checkpoint, tiles, bundles, documents, bodies.

Nothing that is fetched is believed here; sizes are bounded before anything is read, and no redirect is followed.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final, Protocol, TypeVar

from directory.networks.answers import Answer
from directory.networks.errors import BadAnswer, HeldBack, NetworkError
from directory.networks.http import DEFAULT_LIMITS, GuardedClient
from directory.networks.limits import Limits
from directory.networks.retry_after import retry_after_s
from federation.errors import InvalidBodies, InvalidTile
from federation.peers.reading import check_bundle
from federation.peers.verdicts import NotServed, PeerFault, Unavailable, WaitsForApproval, WrongAnswer
from federation.protocol.body_answers import LeafAnswer
from federation.protocol.body_wire import MAX_ANSWERS_BYTES, parse_answers
from federation.protocol.entry import STRIDE_BYTES
from federation.tlog.note import MAX_NOTE_BYTES
from federation.tlog.tiles import TILE_BYTES, TILE_WIDTH, Bundle, Tile

AT_ONCE: Final = 4
"""Requests to one peer at a time: as many as the guarded client has places for one host."""
MAX_BUNDLE_BYTES: Final = TILE_WIDTH * STRIDE_BYTES
MAX_KEPT_TILES: Final = 64
"""512 KiB: the proofs of one round share most of their tiles."""

NOTE_LIMITS: Final = replace(DEFAULT_LIMITS, max_body_bytes=MAX_NOTE_BYTES)
TILE_LIMITS: Final = replace(DEFAULT_LIMITS, max_body_bytes=TILE_BYTES)
BUNDLE_LIMITS: Final = replace(DEFAULT_LIMITS, max_body_bytes=MAX_BUNDLE_BYTES)
BODY_LIMITS: Final = replace(DEFAULT_LIMITS, max_body_bytes=MAX_ANSWERS_BYTES)

_OK: Final = 200
_FORBIDDEN: Final = 403
_NOT_FOUND: Final = 404


_Item = TypeVar("_Item")
_Got = TypeVar("_Got")


class FetchSigned(Protocol):
    """Sends a signed GET to a peer. Raises NetworkError alone."""

    async def get(self, address: str, path: str, *, limits: Limits) -> Answer: ...


class LogClient:
    """Fetches from one peer at `address`. Raises PeerFault alone."""

    def __init__(self, client: GuardedClient, signed: FetchSigned, address: str, now: datetime) -> None:
        self._client = client
        self._signed = signed
        self._address = address
        self._now = now
        self._tiles: OrderedDict[Tile, bytes] = OrderedDict()
        # Over all that is fetched at a time: more would wait for a place for this host, and not for long.
        self._places = asyncio.Semaphore(AT_ONCE)

    async def fetch_checkpoint(self) -> bytes:
        """Fetches the checkpoint as it is served."""
        return (await self._get("checkpoint", NOTE_LIMITS)).body

    async def fetch_document(self, number: int) -> bytes | None:
        """Fetches an operations document. Returns None where there is none."""
        try:
            return (await self._get(f"operations/{number}", NOTE_LIMITS)).body
        except NotServed:
            return None

    async def fetch_tile(self, tile: Tile) -> bytes:
        """Fetches the hashes of a tile; the full one where the partial one is gone. Kept for the round."""
        if tile not in self._tiles:
            data = await self._either(str(tile), str(Tile(tile.level, tile.index)), TILE_LIMITS)
            try:
                self._tiles[tile] = tile.read(data)
            except InvalidTile as error:
                raise WrongAnswer(str(error)) from error
            if len(self._tiles) > MAX_KEPT_TILES:
                self._tiles.popitem(last=False)
        return self._tiles[tile]

    async def fetch_tiles(self, tiles: Sequence[Tile]) -> dict[Tile, bytes]:
        """Fetches tiles, some at a time."""
        return dict(zip(tiles, await _gather(self.fetch_tile, tiles), strict=True))

    async def fetch_bundles(self, bundles: Sequence[Bundle]) -> list[bytes]:
        """Fetches entry bundles, some at a time: the entries of the width that is asked for."""
        return await _gather(self._fetch_bundle, bundles)

    async def fetch_bodies(self, bundles: Sequence[Bundle]) -> list[list[LeafAnswer]]:
        """Fetches what the peer answers for the leaves of bundles, some at a time. Raises WaitsForApproval."""
        return await _gather(self._fetch_bodies, bundles)

    async def _fetch_bundle(self, bundle: Bundle) -> bytes:
        data = await self._either(str(bundle), str(Bundle(bundle.index)), BUNDLE_LIMITS)
        return check_bundle(bundle, data)

    async def _fetch_bodies(self, bundle: Bundle) -> list[LeafAnswer]:
        path = f"/federation/v1/statements/{str(bundle).removeprefix('tile/entries/')}"
        try:
            async with self._places:
                answer = self._judge(await self._signed.get(self._address, path, limits=BODY_LIMITS))
            return parse_answers(answer.body, bundle.width)
        except NetworkError as error:
            raise _fault_of(error) from error
        except InvalidBodies as error:
            raise WrongAnswer(str(error)) from error

    async def _either(self, path: str, full: str, limits: Limits) -> bytes:
        try:
            return (await self._get(path, limits)).body
        except NotServed:
            if path == full:
                raise
        return (await self._get(full, limits)).body

    async def _get(self, path: str, limits: Limits) -> Answer:
        try:
            async with self._places:
                answer = await self._client.get(f"{self._address}/log/{path}", limits=limits)
        except NetworkError as error:
            raise _fault_of(error) from error
        return self._judge(answer)

    def _judge(self, answer: Answer) -> Answer:
        if answer.status == _OK:
            return answer
        if answer.status == _NOT_FOUND:
            raise NotServed(f"{answer.host} does not serve what it should")
        if answer.status == _FORBIDDEN:
            raise WaitsForApproval(f"{answer.host} has not approved us yet")
        wait = retry_after_s(answer, self._now) or 0
        raise Unavailable(f"{answer.host} answered with status {answer.status}", retry_after_s=wait)


def _fault_of(error: NetworkError) -> PeerFault:
    if isinstance(error, BadAnswer):
        return WrongAnswer(str(error))
    wait = error.retry_after_s if isinstance(error, HeldBack) else 0
    return Unavailable(str(error), retry_after_s=wait)


async def _gather(fetch: Callable[[_Item], Awaitable[_Got]], items: Sequence[_Item]) -> list[_Got]:
    """Fetches all items, `AT_ONCE` at a time, in order. After the first fault no more are asked for."""
    got: dict[int, _Got] = {}
    left = deque(enumerate(items))

    async def work() -> None:
        while left:
            at, item = left.popleft()
            try:
                got[at] = await fetch(item)
            finally:
                if at not in got:
                    left.clear()

    tasks = [asyncio.create_task(work()) for _ in range(min(AT_ONCE, len(items)))]
    # Those that are under way end by themselves, so that their connections can be used again.
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result
    return [got[at] for at in range(len(items))]
