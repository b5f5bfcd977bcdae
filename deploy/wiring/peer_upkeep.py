"""Builds the jobs that keep what peers have said in order: the lease, and our own looks at samples of it."""

from collections.abc import Awaitable, Callable, Collection
from functools import partial
from typing import Final

from deploy.wiring.ground import Ground
from deploy.wiring.networks import Networks, build_post_checker
from directory.jobs.kinds import Kind, Work
from directory.members.job_kinds import JobKind
from directory.store.origins import OriginStore
from federation.keys.instance import log_origin
from federation.peers.lease import PeerLeases
from federation.peers.sampling import Sampling, Sources
from federation.peers.standing import PeerStandings
from federation.store.peer_leases import PeerLeaseStore
from federation.store.peer_samples import SAMPLE_LEASE, PeerSampleStore

SAMPLES_EVERY_S: Final = 60.0
"""One look a minute: X limits how often strangers ask, and members come first."""
LEASES_EVERY_S: Final = 600.0
LEASES_LIMIT_S: Final = 600.0


def build_upkeep(ground: Ground, networks: Networks) -> tuple[Kind, ...]:
    """Builds the kinds of jobs."""
    leases = PeerLeases(PeerLeaseStore(ground.database), ground.clock)
    sampling = _sampling(ground, networks)
    return (
        Kind(
            name=JobKind.SAMPLES,
            claim=partial(_claim_sample, sampling),
            slots=1,
            limit_s=SAMPLE_LEASE.total_seconds() / 2,
            every_s=SAMPLES_EVERY_S,
            is_refilled=False,
        ),
        Kind(
            name=JobKind.LEASES,
            claim=_always(leases.run),
            slots=1,
            limit_s=LEASES_LIMIT_S,
            every_s=LEASES_EVERY_S,
            is_refilled=False,
        ),
    )


def _sampling(ground: Ground, networks: Networks) -> Sampling:
    settings = ground.settings
    standings = PeerStandings(
        OriginStore(ground.database), log_origin(settings), allow_loopback=settings.allow_loopback
    )
    sources = Sources(build_post_checker(ground, networks.http), networks.sign_in, networks.dids.handle_at)
    return Sampling(PeerSampleStore(ground.database), standings, sources, ground.clock)


async def _claim_sample(sampling: Sampling, _busy: Collection[str]) -> Work | None:
    job = await sampling.claim()
    if job is None:
        return None
    return Work(run=partial(sampling.look, job), release=partial(sampling.release, job))


def _always(run: Callable[[], Awaitable[object]]) -> Callable[[Collection[str]], Awaitable[Work | None]]:
    """Makes the claim of a job that has no row of its own: any number of processes may run it."""

    async def claim(_busy: Collection[str]) -> Work | None:
        return Work(run=run, release=_nothing)

    return claim


async def _nothing() -> None:
    """Releases nothing: no row was claimed."""
