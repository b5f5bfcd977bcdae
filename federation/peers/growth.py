"""The caps of a peer: how far its log may grow in a day, and how many mappings of it are taken in. Pure."""

from datetime import datetime
from typing import Final

from federation.store.tailed import Progress, TailedPeer

DEFAULT_GROWTH_CAP: Final = 50_000
"""Entries a day, where operators have set nothing else."""


def allowed_size(progress: Progress, peer: TailedPeer, now: datetime) -> int:
    """Returns up to which size the log may be read today. What the operators saw at the confirmation is free."""
    cap = DEFAULT_GROWTH_CAP if peer.growth_cap is None else peer.growth_cap
    from_size = progress.day_size if progress.day == now.date() else max(progress.day_size, progress.size)
    return from_size + cap


def may_take(progress: Progress, peer: TailedPeer) -> bool:
    """Whether mappings are still taken in today. Whole bundles are taken: up to 255 more than the cap."""
    return peer.daily_cap is None or progress.day_taken < peer.daily_cap
