"""Reads on in the log of one peer: one round, from its checkpoint to the bodies, and when the next one is due.

A round is made of steps, each of which is verified and then stored in one transaction. It can be broken off at any point:
what was stored is believed, and the next round goes on behind it.
"""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog

from directory.clock import Clock
from directory.errors import DirectoryUnavailable
from directory.networks.http import DEFAULT_LIMITS, GuardedClient
from directory.networks.limits import Limits
from directory.store.database import Connection, Database
from federation.keys.forks import record_fork
from federation.peers.believing import Opened, open_served
from federation.peers.bodies import read_bodies
from federation.peers.chains import chain_of
from federation.peers.comparing import compare
from federation.peers.entries import read_entries
from federation.peers.log_client import FetchSigned, LogClient, Patience
from federation.peers.looks import EVERY_S, counts_whole, quiet_digest
from federation.peers.renewing import renewed
from federation.peers.returning import return_to_right
from federation.peers.rounds import Round
from federation.peers.verdicts import (
    MAX_RETRY_AFTER_S,
    Forked,
    LeaseLost,
    OutOfTime,
    OwnFault,
    PeerFault,
    Unavailable,
    Verdict,
    WaitsForApproval,
    WrongAnswer,
)
from federation.protocol.peer_places import MAX_LEAVES
from federation.store.peer_logs import (
    PEER_LOGS,
    begin_day,
    fetch_documents,
    set_outcome,
    set_slow,
    set_target,
)
from federation.store.tailed import Progress, TailJob

SLOW_FROM_S: Final = 5.0
"""Who takes longer for a round is slow, or far behind."""
SLOW_FOR: Final = timedelta(minutes=10)
"""Long enough that who is slow now and then takes few of the other slots."""
MAX_BACKOFF_S: Final = 3_600
MAX_DOUBLINGS: Final = 7
WAITING: Final = "it has not approved yet that we follow it"
CAPPED: Final = "it has grown by more than its cap of today"
BODIES_CAPPED: Final = (
    "as many of its mappings were taken in today as its cap allows, or too many bodies are missing"
)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How long a round takes: it ends by itself behind a step after `read_for_s`; no request is sent after `ask_for_s`."""

    read_for_s: float
    ask_for_s: float


class Tail:
    """Reads the logs of peers."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        client: GuardedClient,
        signed: FetchSigned,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        """`signed` fetches bodies, which peers serve to whom they have approved. `limits` are those of a request."""
        self._limits = limits
        self._database = database
        self._clock = clock
        self._client = client
        self._signed = signed

    async def run(self, job: TailJob, pace: Pace) -> Verdict:
        """Reads on. Records how it ended, and when it is due again."""
        begun = asyncio.get_running_loop().time()
        patience = Patience(until=begun + pace.ask_for_s, limits=self._limits)
        client = LogClient(self._client, self._signed, job.peer.address, self._clock.now(), patience)
        current = Round(self._database, self._clock, client, job, begun + pace.read_for_s, begun)
        try:
            async with renewed(self._database, self._clock, job.lease):
                verdict, stopped, opened = await _read(current)
            await self._end(current, verdict, stopped, opened)
        except LeaseLost:
            return Verdict.LOST
        except OutOfTime as fault:
            return await self._give_time(current, fault)
        except PeerFault as fault:
            await self._fail(current, fault)
            return fault.verdict
        except DirectoryUnavailable:
            raise
        except Exception:
            # A fault of ours: it is told of, and the peer is left alone for longer each time, as for one of the peer.
            await self._fail(current, OwnFault())
            raise
        return verdict

    async def _give_time(self, current: Round, fault: OutOfTime) -> Verdict:
        """Has a round that was not done in its time go on among the slow ones; there it is a fault."""
        if current.job.is_slow:
            await self._fail(current, fault)
            return fault.verdict
        try:
            async with current.step() as (connection, progress):
                now = self._clock.now()
                await set_slow(connection, progress.log, now + SLOW_FOR)
                await PEER_LOGS.reschedule(connection, current.job.lease, now)
        except LeaseLost:
            return Verdict.LOST
        return Verdict.MORE

    async def _end(self, current: Round, verdict: Verdict, stopped: str, opened: Opened) -> None:
        now = self._clock.now()
        wait = timedelta(seconds=0 if verdict is Verdict.MORE else EVERY_S)
        quiet = quiet_digest(opened.data) if verdict is Verdict.READ and counts_whole(opened, now) else None
        async with current.step() as (connection, progress):
            await set_outcome(connection, progress.log, now, stopped=stopped, quiet_under=quiet)
            await self._note_pace(connection, current, progress)
            await PEER_LOGS.reschedule(connection, current.job.lease, now + wait)

    async def _fail(self, current: Round, fault: PeerFault) -> None:
        """Records a fault, and leaves the peer alone for a while. A fork freezes it."""
        now, origin = self._clock.now(), current.peer.origin
        log.warning(
            "the log of a peer cannot be read on", origin=origin, verdict=fault.verdict, reason=str(fault)
        )
        try:
            async with current.step() as (connection, progress):
                wait = backoff_s(progress.failures + 1, fault)
                await set_outcome(connection, progress.log, now, stopped=progress.stopped, fault=str(fault))
                await self._note_pace(connection, current, progress)
                await PEER_LOGS.reschedule(connection, current.job.lease, now + timedelta(seconds=wait))
                if isinstance(fault, Forked):
                    await record_fork(connection, origin, fault.evidence, now)
        except LeaseLost:
            log.info("a fault came too late to be recorded", origin=origin)

    async def _note_pace(self, connection: Connection, current: Round, progress: Progress) -> None:
        if current.elapsed_s > SLOW_FROM_S:
            await set_slow(connection, progress.log, self._clock.now() + SLOW_FOR)


async def _read(current: Round) -> tuple[Verdict, str, Opened]:
    """Reads on. Returns how it ended, why it stopped where it did, and under which checkpoint. Raises PeerFault."""
    now = current.clock.now()
    async with current.step() as (connection, progress):
        await begin_day(connection, progress.log, now)
        chain = chain_of(await fetch_documents(connection, progress.log))
    data = await current.client.fetch_checkpoint()
    opened = await open_served(data, chain, current.client, current.peer, now)
    if opened.size >= MAX_LEAVES:
        raise WrongAnswer("the log is larger than any can be")
    opened = await return_to_right(current, opened)
    await compare(current, await current.load(), opened)
    # After that: an old checkpoint of a copy that lags behind must not cut what was free at the confirmation.
    async with current.step() as (connection, progress):
        await set_target(connection, progress.log, opened.size)
    verdict = await read_entries(current, opened)
    stopped = CAPPED if verdict is Verdict.STOPPED else ""
    if verdict is Verdict.MORE or not current.peer.takes_bodies:
        return verdict, stopped, opened
    try:
        bodies = await read_bodies(current)
    except WaitsForApproval:
        return Verdict.STOPPED, WAITING, opened
    if bodies is Verdict.STOPPED:
        stopped = stopped or BODIES_CAPPED
    return (verdict if bodies is Verdict.READ else bodies), stopped, opened


def backoff_s(failures: int, fault: PeerFault) -> int:
    """Returns for how long a peer is left alone after so many failures in a row."""
    wait = min(EVERY_S << min(failures, MAX_DOUBLINGS), MAX_BACKOFF_S)
    asked = fault.retry_after_s if isinstance(fault, Unavailable) else 0
    return max(wait, min(asked, MAX_RETRY_AFTER_S))
