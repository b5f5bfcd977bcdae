"""Draws each month's samples of each peer, looks at one after the other, and limits a peer that does not hold up.

Each is drawn at a secret moment of its own. A peer that knew the day would hold what is true then, and else invent.
"""

import secrets
from collections.abc import Awaitable, Callable
from collections.abc import Mapping as Mappings
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec
import structlog

from directory.accounts import AccountNetwork, BlueskyAccount, MastodonAccount, TargetAccount
from directory.clock import Clock
from directory.failures import Failing, failures_noted
from directory.identifiers import Acct, ActorUri, AtHandle, Did
from directory.mappings import Mapping
from directory.networks.port import SignIn
from directory.networks.sign_in_errors import (
    AccountNotFound,
    HandleMismatch,
    IdentityMismatch,
    SignInError,
)
from directory.origins import Authority, Standing
from directory.proofs.foreign import ForeignClaim
from directory.proofs.reasons import RefutedReason
from directory.proofs.snowflake import post_time
from directory.proofs.x_post import PostChecker
from federation.errors import StandingRefused, UnknownPeer
from federation.peers.samples import (
    LOOK_HOLDS,
    Looked,
    SampleResult,
    claim_of,
    is_to_be_limited,
    looked_at_post,
    month_after,
    month_of,
    retry_at,
)
from federation.peers.standing import PeerStandings
from federation.store.peer_samples import PeerSampleStore, SampledPeer, SampleJob

FEW: Final = 10_000
"""Up to so many mappings of a peer are read to draw from; of more, leaves are drawn until enough of them hold."""
DRAWS: Final = 5_000
MAX_ROUNDS: Final = 20

_OF_NAMES: Final = frozenset({RefutedReason.OTHER_CHALLENGE, RefutedReason.NAME_PASSED_ON})
"""Refuted by a name alone: so is an account that was renamed."""

log = structlog.get_logger(__name__)


def secret_moment(first: datetime, end: datetime) -> datetime:
    """Returns a moment between two that nobody can foresee."""
    return first + (end - first) * (secrets.randbelow(1_000_000) / 1_000_000)


@dataclass(frozen=True, slots=True)
class Sources:
    """With what evidence is looked at: X, and the networks that tell whether an account bears its name still.

    `handle_at` tells which handle an account of Bluesky's network bore at a time; None where nobody knows.
    """

    checker: PostChecker
    networks: Mappings[AccountNetwork, SignIn]
    handle_at: Callable[[Did, datetime], Awaitable[AtHandle | None]]


class Sampling:
    """Any number of processes may run it: each sample is one row, looked at by one of them."""

    def __init__(
        self,
        samples: PeerSampleStore,
        standings: PeerStandings,
        sources: Sources,
        clock: Clock,
        choose_moment: Callable[[datetime, datetime], datetime] = secret_moment,
    ) -> None:
        self._samples = samples
        self._standings = standings
        self._sources = sources
        self._clock = clock
        self.choose_moment = choose_moment

    async def claim(self) -> SampleJob | None:
        """Plans what is not planned yet, and claims a sample that is due, drawn by now. Returns None where none is."""
        now = self._clock.now()
        for peer in await self._samples.find_unplanned(month_of(now)):
            await self._samples.record_planned(peer.origin, month_of(now), self._plan(peer, now))
        while (job := await self._samples.claim_due(now)) is not None:
            if job.leaf is not None:
                return job
            leaf = await self._draw(job)
            if leaf is not None and await self._samples.record_drawn(job, leaf):
                return msgspec.structs.replace(job, leaf=leaf)
            # All that this peer has said was drawn this month: there is nothing to look at.
            await self._samples.drop(job)
        return None

    async def release(self, job: SampleJob) -> None:
        """Releases a sample whose attempt was broken off."""
        await self._samples.release(job, self._clock.now())

    async def look(self, job: SampleJob) -> None:
        """Looks at one sample, and records what it has shown. Limits the peer where too much is refuted."""
        mapping = await self._samples.find_mapping(job)
        if mapping is None:
            # Revoked or replaced since it was drawn: there is nothing to hold against anybody.
            await self._samples.drop(job)
            return
        former = await self._samples.find_former(job.origin)
        looked, now = await self._look_at(mapping, former), self._clock.now()
        if looked.result is SampleResult.UNREACHABLE and (due := retry_at(job.attempt, now)) is not None:
            await self._samples.reschedule(job, due)
            return
        until = now + LOOK_HOLDS if looked.result is SampleResult.HOLDS else None
        is_refuted = looked.result is SampleResult.REFUTED
        if await self._samples.record(job, looked.result, looked.reason, until, is_refuted=is_refuted):
            await self._judge_peer(job)

    def _plan(self, peer: SampledPeer, now: datetime) -> list[datetime]:
        return [self.choose_moment(now, month_after(now)) for _ in range(peer.count)]

    async def _draw(self, job: SampleJob) -> int | None:
        """Draws a leaf among all that hold now. Returns None where there is none."""
        peer = await self._samples.find_sampled(job.origin)
        if peer is None:
            return None
        few = await self._samples.find_leaves(peer, job.month, FEW + 1)
        if len(few) <= FEW:
            return secrets.choice(few) if few else None
        for _ in range(MAX_ROUNDS):
            leaves = [secrets.randbelow(peer.size) for _ in range(DRAWS)]
            alive = await self._samples.keep_alive(peer, job.month, leaves)
            if alive:
                return next(leaf for leaf in leaves if leaf in alive)
        return None

    async def _look_at(self, mapping: Mapping, former: list[str]) -> Looked:
        looked = await self._look_at_names(mapping, former)
        if looked.result is SampleResult.REFUTED and looked.reason in _OF_NAMES:
            return await self._look_at_former_name(mapping, former, looked)
        return looked

    async def _look_at_former_name(self, mapping: Mapping, former: list[str], looked: Looked) -> Looked:
        """Tells an account that was renamed from another one: at the time of the post it bore the name that the post shows.

        That counts for nothing either way, since an account can claim any name.
        """
        claim = claim_of(mapping, former)
        if not isinstance(claim, ForeignClaim) or not isinstance(mapping.target_id, Did):
            return looked
        try:
            name = await self._sources.handle_at(mapping.target_id, post_time(claim.post))
        except AccountNotFound as error:
            return Looked(SampleResult.GONE, error.code)
        except SignInError as error:
            return Looked(SampleResult.UNREACHABLE, error.code)
        if name is None:
            return looked
        then = msgspec.structs.replace(claim, mapping=msgspec.structs.replace(mapping, target_handle=name))
        seen = looked_at_post(then, await self._sources.checker.check_foreign(then))
        if seen.result is SampleResult.REFUTED:
            return looked
        return Looked(SampleResult.UNSEEABLE, "renamed") if seen.result is SampleResult.HOLDS else seen

    async def _look_at_names(self, mapping: Mapping, former: list[str]) -> Looked:
        claim = claim_of(mapping, former)
        if not isinstance(claim, ForeignClaim):
            return claim
        looked = looked_at_post(claim, await self._sources.checker.check_foreign(claim))
        return await self._look_at_target(mapping) if looked.result is SampleResult.HOLDS else looked

    async def _look_at_target(self, mapping: Mapping) -> Looked:
        """Asks the network whether the account still bears the name that the sentence shows."""
        target = _target_of(mapping)
        network = self._sources.networks.get(target.network)
        if network is None:
            return Looked(SampleResult.UNREACHABLE, "no-network")
        try:
            with failures_noted(Failing.POST_CHECK, SignInError):
                there = await network.current_account(target)
        except (AccountNotFound, HandleMismatch) as error:
            return Looked(SampleResult.GONE, error.code)
        except IdentityMismatch as error:
            return Looked(SampleResult.REFUTED, error.code)
        except SignInError as error:
            return Looked(SampleResult.UNREACHABLE, error.code)
        is_same = there.id == target.id and there.handle.key == target.handle.key
        return (
            Looked(SampleResult.HOLDS)
            if is_same
            else Looked(SampleResult.REFUTED, RefutedReason.NAME_PASSED_ON)
        )

    async def _judge_peer(self, job: SampleJob) -> None:
        counts = await self._samples.count_results(job.origin, job.month)
        if not is_to_be_limited({SampleResult(number): count for number, count in counts.items()}):
            return
        try:
            if await self._standings.standing_of(job.origin) is not Standing.FOLLOWING:
                return
            await self._standings.change(job.origin, Standing.LIMITED, Authority.SOFTWARE)
        except (StandingRefused, UnknownPeer):
            return
        log.warning(
            "a peer was limited: too much of what it says did not hold up to our own look; `passerelle peers show`"
            " tells more",
            origin=job.origin,
        )


def _target_of(mapping: Mapping) -> TargetAccount:
    match mapping.target_id, mapping.target_handle:
        case Did() as did, AtHandle() as handle:
            return BlueskyAccount(did, handle)
        case ActorUri() as actor, Acct() as acct:
            return MastodonAccount(actor, acct)
    raise ValueError("a target has the id and the label of one network")
