"""Bodies that were missing: asked for again, and a breach where one stays away for too long by the clock of its log."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from directory.store.database import Connection
from federation.errors import InvariantBroken
from federation.peers.growth import bundles_today
from federation.peers.judging import BodyStep, ask, find_holding
from federation.peers.rounds import Round
from federation.peers.taking import take_in
from federation.protocol.body_answers import judge_missing
from federation.store.peer_bodies import delete_missing, fetch_missing, mark_missing
from federation.store.tailed import Progress
from federation.tlog.tiles import TILE_WIDTH

MISSING_A_ROUND: Final = 4_096
BUNDLES_A_ROUND: Final = 64
ASK_AGAIN_AFTER: Final = timedelta(seconds=30)


async def ask_again(current: Round) -> None:
    """Asks again for bodies that were missing, up to the daily cap: a peer could withhold at first what that holds up. One
    that stays away for too long, by the clock of its log, is a breach."""
    now = current.clock.now()
    async with current.step() as (connection, progress):
        if not bundles_today(progress, current.peer):
            return
        waiting = await fetch_missing(connection, progress.log, now - ASK_AGAIN_AFTER, now, MISSING_A_ROUND)
        if not waiting or progress.cosigned_at is None:
            return
        steps = await _group(connection, progress, waiting)
    for step in steps:
        is_capped = await _take_again(current, progress.size, step, waiting)
        if is_capped or current.is_over:
            return


async def _group(
    connection: Connection, progress: Progress, waiting: dict[int, datetime | None]
) -> list[BodyStep]:
    """Groups leaves by the bundles that they are asked for with, a bundle at a time."""
    steps: list[BodyStep] = []
    for index in sorted({leaf // TILE_WIDTH for leaf in waiting})[:BUNDLES_A_ROUND]:
        start, end = index * TILE_WIDTH, min((index + 1) * TILE_WIDTH, progress.size)
        holding = await find_holding(connection, progress.log, start, end)
        wanted = {leaf: entry for leaf, entry in holding.items() if leaf in waiting}
        steps.append(BodyStep(start, end, wanted))
    return steps


async def _take_again(current: Round, size: int, step: BodyStep, waiting: dict[int, datetime | None]) -> bool:
    """Asks for the bodies of one bundle that were missing, and takes in those that came. Returns whether the daily cap is
    reached."""
    judged = await ask(current, size, step)
    missing = {leaf: waiting.get(leaf) for leaf in judged.missing}
    came = [leaf for leaf in step.wanted if leaf not in missing]
    async with current.step() as (connection, progress):
        if came:
            await take_in(connection, current, progress, judged, range(min(came), max(came) + 1))
            await delete_missing(connection, progress.log, came)
        await mark(connection, current, progress, missing)
    after = replace(progress, day_taken=progress.day_taken + len(judged.said))
    return not bundles_today(after, current.peer)


async def mark(
    connection: Connection, current: Round, progress: Progress, missing: dict[int, datetime | None]
) -> None:
    """Records leaves without a body, with the time of the log since which each is missed. It is known: nothing is asked for
    before."""
    if progress.cosigned_at is not None:
        breaches = {leaf: _is_breach(since, progress.cosigned_at) for leaf, since in missing.items()}
        await mark_missing(connection, progress.log, breaches, progress.cosigned_at, current.clock.now())


def _is_breach(missing_at: datetime | None, cosigned_at: datetime) -> bool:
    since = None if missing_at is None else int(missing_at.timestamp())
    try:
        judge_missing(None, since, int(cosigned_at.timestamp()))
    except InvariantBroken:
        return True
    return False
