"""The caps of a peer: how far its log may grow in a day, and how many mappings of it are taken in. Pure."""

from datetime import datetime
from typing import Final

from federation.protocol.peer_places import MAX_LEAVES
from federation.store.tailed import Progress, TailedPeer
from federation.tlog.tiles import TILE_WIDTH

DEFAULT_GROWTH_CAP: Final = 50_000
"""Entries a day, where operators have set nothing else."""
MAX_BUNDLES: Final = MAX_LEAVES // TILE_WIDTH


def allowed_size(progress: Progress, peer: TailedPeer, now: datetime) -> int:
    """Returns up to which size the log may be read today. What the operators saw at the confirmation is free, and what has to
    be read again after a recovery."""
    cap = DEFAULT_GROWTH_CAP if peer.growth_cap is None else peer.growth_cap
    from_size = progress.day_size if progress.day == now.date() else max(progress.day_size, progress.size)
    return max(from_size, progress.free_size) + cap


def bundles_today(progress: Progress, peer: TailedPeer) -> int:
    """Returns how many bundles of bodies are still asked for today; 0 where the cap is reached. Whole ones are taken: up
    to 255 mappings more than the cap."""
    if peer.daily_cap is None:
        return MAX_BUNDLES
    return max(-(-(peer.daily_cap - progress.day_taken) // TILE_WIDTH), 0)
