"""Builds the jobs between witnesses: cosignatures are gathered, and evidence of forks is sent."""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final

from deploy.wiring.log import key_folder
from deploy.wiring.members import MemberParts
from deploy.wiring.peers import build_signed_client
from directory.jobs.kinds import Kind, Work
from directory.members.job_kinds import JobKind
from federation.keys.instance import log_origin
from federation.store.deliveries import DELIVERY_LEASE, DeliveryStore
from federation.store.witness_rounds import ROUND_LEASE
from federation.witness.delivering import EvidenceDelivery
from federation.witness.gathering import Gathering

EVERY_S: Final = 5.0
SLOTS: Final = 4

Claim = Callable[[Collection[str]], Awaitable[Work | None]]


@dataclass(frozen=True, slots=True)
class WitnessJobs:
    """Each `claim_` method claims one due row. Returns None where none is due."""

    gathering: Gathering
    delivery: EvidenceDelivery

    def kinds(self) -> tuple[Kind, ...]:
        """Returns both kinds of jobs."""
        return (
            _kind(JobKind.WITNESSES, self.claim_round, ROUND_LEASE),
            _kind(JobKind.EVIDENCE, self.claim_delivery, DELIVERY_LEASE),
        )

    async def claim_round(self, busy: Collection[str]) -> Work | None:
        """Claims a peer that is due to cosign our log."""
        claimed = await self.gathering.claim(busy)
        if claimed is None:
            return None
        return Work(
            run=partial(self.gathering.gather, claimed),
            release=partial(self.gathering.release, claimed),
            hosts=claimed.hosts,
        )

    async def claim_delivery(self, busy: Collection[str]) -> Work | None:
        """Claims evidence that is due to be sent."""
        claimed = await self.delivery.claim(busy)
        if claimed is None:
            return None
        return Work(
            run=partial(self.delivery.deliver, claimed),
            release=partial(self.delivery.release, claimed),
            hosts=claimed.hosts,
        )


def build_witness_jobs(members: MemberParts) -> WitnessJobs:
    """Builds the jobs over the client that strangers are asked with."""
    ground, http = members.ground, members.networks.http
    settings, database, clock = ground.settings, ground.database, ground.clock
    signed = build_signed_client(settings, clock, http)
    return WitnessJobs(
        Gathering(database, http, key_folder(settings), log_origin(settings), clock),
        EvidenceDelivery(DeliveryStore(database), signed.post, clock),
    )


def _kind(name: JobKind, claim: Claim, lease: timedelta) -> Kind:
    return Kind(name=name, claim=claim, slots=SLOTS, limit_s=lease.total_seconds() / 2, every_s=EVERY_S)
