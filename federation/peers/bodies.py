"""Asks for the bodies of all leaves that hold, and takes in what this instance wants.

While one step is stored, the next ones are fetched and judged. They are stored in order, each in one transaction with the
place up to which bodies were asked for: a round that is broken off loses what is under way, and nothing else.
"""

from dataclasses import replace
from typing import Final

from directory.store.database import Connection
from federation.peers.ahead import Ahead
from federation.peers.growth import bundles_today
from federation.peers.judging import BodyStep, Judged, find_holding
from federation.peers.missing import ask_again, mark
from federation.peers.rounds import Round
from federation.peers.taking import take_in
from federation.peers.verdicts import LeaseLost, Verdict
from federation.store.peer_bodies import count_missing
from federation.store.peer_logs import set_bodies_size
from federation.store.tailed import Progress
from federation.tlog.tiles import TILE_WIDTH

BUNDLES_A_STEP: Final = 8
STEPS_AHEAD: Final = 3
"""Steps that are fetched or judged at a time: with the one that is stored, 8,192 leaves and some 25 MB."""
MAX_MISSING: Final = 25_600
"""Leaves of one peer without a body: with more, no new ones are asked for."""


async def read_bodies(current: Round) -> Verdict:
    """Asks for the bodies of all leaves that were read, up to the daily cap or the end of the round; first again for those
    that were missing. Raises PeerFault."""
    if not current.is_over:
        await ask_again(current)
    ahead = Ahead(current)
    try:
        async with current.step() as (connection, progress):
            verdict = await _plan(connection, current, progress, ahead)
        while ahead:
            step, judged = await ahead.take()
            async with current.step() as (connection, progress):
                after = await _store(connection, current, progress, step, judged)
                verdict = await _plan(connection, current, after, ahead)
        return verdict
    finally:
        await ahead.end()


async def _plan(connection: Connection, current: Round, progress: Progress, ahead: Ahead) -> Verdict:
    """Asks for the next steps, as many as may be under way. Returns why there is none after those that are."""
    while len(ahead) < STEPS_AHEAD:
        start = ahead.end_of(progress.bodies_size)
        if progress.cosigned_at is None or start >= progress.size:
            return Verdict.READ
        # All that is under way may be taken in, or be missing.
        bundles = bundles_today(progress, current.peer) - ahead.bundles
        missing = await count_missing(connection, progress.log, MAX_MISSING) + ahead.bundles * TILE_WIDTH
        if bundles <= 0 or missing >= MAX_MISSING:
            return Verdict.STOPPED
        if current.is_over:
            return Verdict.MORE
        end = min((start // TILE_WIDTH + min(bundles, BUNDLES_A_STEP)) * TILE_WIDTH, progress.size)
        wanted = await find_holding(connection, progress.log, start, end)
        ahead.add(progress.size, BodyStep(start, end, wanted))
    return Verdict.MORE


async def _store(
    connection: Connection, current: Round, progress: Progress, step: BodyStep, judged: Judged
) -> Progress:
    """Takes in what came of a step, with the new place. Returns the progress after it."""
    # Its bodies may have been purged meanwhile: then all of them are asked for again.
    if progress.bodies_size != step.start:
        raise LeaseLost("the bodies of this log are asked for from elsewhere by now")
    await take_in(connection, current, progress, judged, range(step.start, step.end))
    await set_bodies_size(connection, progress.log, step.end)
    await mark(connection, current, progress, dict.fromkeys(judged.missing))
    return replace(progress, bodies_size=step.end, day_taken=progress.day_taken + len(judged.said))
