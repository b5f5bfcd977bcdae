"""The lease of what a peer's log said: stale after a day of silence, hidden after 7, purged after 30.

Stale and hidden are read from the time of the origin at each lookup, and end by themselves when it is heard again. A
purge cannot be taken back, so it does not rest on our clock alone: the silence must also have been seen on
`DAYS_SEEN` different days on which this instance ran, with no word in between. A clock that stepped years ahead for an
hour, or an instance that was off for a month, purges nobody.
"""

from datetime import datetime, timedelta
from typing import Final

import msgspec
import structlog

from directory.clock import Clock
from directory.origins import HIDDEN_AFTER
from federation.store.peer_leases import PeerLeaseStore, Silence, SilentPeer

PURGED_AFTER: Final = timedelta(days=30)
"""Without a fresh checkpoint for this long, what a peer said is deleted (DESIGN, 5)."""
DAYS_SEEN: Final = 7
"""Days on which the silence must have been seen. Somebody who left a peer that is gone is deleted here at most this
much later where this instance was off meanwhile; running all the time it is never later, as hiding begins earlier."""
SEEN_APART: Final = timedelta(hours=20)
"""Two looks count as two days from here on."""
STEP: Final = 5_000
"""Rows of a table that one transaction deletes."""
MAX_STEPS: Final = 200
"""Steps of one run; the next one goes on."""

log = structlog.get_logger(__name__)


def see_silence(before: Silence | None, heard_at: datetime, now: datetime) -> Silence:
    """Returns what is known of a silence after one more look. Pure.

    A word in between begins it anew. A look that was made in what is now the future was made by a wrong clock: the time
    since then counts for nothing.
    """
    if before is None or before.heard_at != heard_at:
        return Silence(heard_at=heard_at, seen_at=now, days=1)
    if now < before.seen_at:
        return msgspec.structs.replace(before, seen_at=now)
    if now - before.seen_at >= SEEN_APART:
        return msgspec.structs.replace(before, seen_at=now, days=before.days + 1)
    return before


def has_lapsed(silence: Silence, now: datetime) -> bool:
    """Returns whether what the peer said is to be purged. Pure."""
    return silence.days >= DAYS_SEEN and now - silence.heard_at >= PURGED_AFTER


class PeerLeases:
    """Sees which peers are silent, and purges what lapsed. Any number of processes may run it."""

    def __init__(self, leases: PeerLeaseStore, clock: Clock) -> None:
        self._leases = leases
        self._clock = clock

    async def run(self) -> int:
        """Looks at all silent peers, and purges what lapsed, in steps. Returns how many mappings and bodies went.

        Withdraws nothing of ours, and can be broken off at any point: the next run goes on.
        """
        now = self._clock.now()
        await self._leases.hide_unheard()
        await self._leases.correct_ahead(now)
        purged = 0
        for peer in await self._leases.find_silent(now - HIDDEN_AFTER):
            silence = see_silence(peer.silence, peer.heard_at, now)
            await self._leases.record_silence(peer.origin, silence)
            if has_lapsed(silence, now):
                purged += await self._purge(peer)
        return purged

    async def _purge(self, peer: SilentPeer) -> int:
        purged = 0
        for _ in range(MAX_STEPS):
            gone = await self._leases.purge_step(peer, STEP)
            purged += gone
            if not gone:
                break
        if purged:
            log.warning("what a silent peer said was deleted", origin=peer.origin, rows=purged)
        return purged
