"""Looks at the logs of peers that had nothing new, many at a time: is the same checkpoint still served?

While it is, there is nothing to read, and nothing to verify: it was verified, with its cosignatures, in the round before.
Whatever else is answered, or nothing, takes a round of its own, which judges it.
"""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from directory.clock import Clock
from directory.mappings import MAX_AHEAD
from directory.networks.contacts import contacts_told_to
from directory.networks.errors import NetworkError
from directory.networks.http import DEFAULT_LIMITS, GuardedClient
from federation.peers.believing import Opened
from federation.store.quiet_logs import QuietLog, QuietLogStore
from federation.tlog.cosignature import parse_time
from federation.tlog.note import MAX_NOTE_BYTES

EVERY_S: Final = 40
"""Between two looks at a healthy peer."""
WITHIN_S: Final = 5.0
"""A peer that answers more slowly holds up no other: it takes a round of its own."""
AT_ONCE: Final = 8
NOTE_LIMITS: Final = replace(DEFAULT_LIMITS, max_body_bytes=MAX_NOTE_BYTES)

_OK: Final = 200


def quiet_digest(data: bytes) -> bytes:
    """Returns what a checkpoint as it was served is known by."""
    return hashlib.sha256(data).digest()


def counts_whole(opened: Opened, now: datetime) -> bool:
    """Whether all that a checkpoint says counts by now: it is cosigned, and no cosignature is of a time to come."""
    latest = int((now + MAX_AHEAD).timestamp())
    times = [parse_time(line.payload) for line in opened.signed.cosignatures]
    return bool(times) and max(times) <= latest


class Looks:
    """Looks at logs. `client` asks strangers."""

    def __init__(
        self, logs: QuietLogStore, clock: Clock, client: GuardedClient, within_s: float = WITHIN_S
    ) -> None:
        self._within_s = within_s
        self._logs = logs
        self._clock = clock
        self._client = client

    async def claim(self) -> list[QuietLog]:
        """Claims logs that are due."""
        return await self._logs.claim_due(self._clock.now())

    async def release(self, logs: Sequence[QuietLog]) -> None:
        """Releases logs, the look at which was broken off."""
        await self._logs.release(logs, self._clock.now())

    async def run(self, logs: Sequence[QuietLog]) -> None:
        """Looks at logs for at most `within_s`. Those with the same checkpoint are left alone, all others are read on."""
        places = asyncio.Semaphore(AT_ONCE)
        # A host that fails is told of in the round that follows.
        with contacts_told_to(None):
            looks = {asyncio.create_task(self._is_same(log, places)): log for log in logs}
        try:
            done, _ = await asyncio.wait(looks, timeout=self._within_s)
            same = {looks[look].lease for look in done if look.result()}
        finally:
            for look in looks:
                look.cancel()
            await asyncio.gather(*looks, return_exceptions=True)
        now = self._clock.now()
        quiet = [log for log in logs if log.lease in same]
        await self._logs.leave(quiet, now + timedelta(seconds=EVERY_S), now)
        await self._logs.wake([log for log in logs if log.lease not in same], now)

    async def _is_same(self, log: QuietLog, places: asyncio.Semaphore) -> bool:
        async with places:
            try:
                answer = await self._client.get(f"{log.address}/log/checkpoint", limits=NOTE_LIMITS)
            except NetworkError:
                return False
        return answer.status == _OK and quiet_digest(answer.body) == log.digest
