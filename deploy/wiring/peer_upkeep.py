"""Builds the jobs that keep what peers have said in order: the lease."""

from collections.abc import Awaitable, Callable, Collection
from typing import Final

from deploy.wiring.ground import Ground
from directory.jobs.kinds import Kind, Work
from directory.members.job_kinds import JobKind
from federation.peers.lease import PeerLeases
from federation.store.peer_leases import PeerLeaseStore

LEASES_EVERY_S: Final = 600.0
LEASES_LIMIT_S: Final = 600.0


def build_upkeep(ground: Ground) -> tuple[Kind, ...]:
    """Builds the kinds of jobs."""
    leases = PeerLeases(PeerLeaseStore(ground.database), ground.clock)
    return (
        Kind(
            name=JobKind.LEASES,
            claim=_always(leases.run),
            slots=1,
            limit_s=LEASES_LIMIT_S,
            every_s=LEASES_EVERY_S,
            is_refilled=False,
        ),
    )


def _always(run: Callable[[], Awaitable[object]]) -> Callable[[Collection[str]], Awaitable[Work | None]]:
    """Makes the claim of a job that has no row of its own: any number of processes may run it."""

    async def claim(_busy: Collection[str]) -> Work | None:
        return Work(run=run, release=_nothing)

    return claim


async def _nothing() -> None:
    """Releases nothing: no row was claimed."""
