"""Asks for the bodies of leaves that hold, holds each against its commitment, and takes in what this instance wants."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from directory.answers import take_in_peer_leaves
from directory.mappings import Mapping
from directory.store.database import Connection
from federation.errors import InvalidStatement, InvariantBroken
from federation.peers.growth import bundles_today
from federation.peers.kept_tree import split_bundle
from federation.peers.rounds import Round
from federation.peers.verdicts import LeaseLost, Verdict
from federation.protocol.body_answers import Body, LeafAnswer, judge_missing
from federation.protocol.entry import EntryType
from federation.protocol.statement import commitment, parse_statement
from federation.store.peer_bodies import (
    copy_statements,
    count_missing,
    delete_missing,
    fetch_missing,
    mark_missing,
)
from federation.store.peer_leaves import fetch_bundles, fetch_revoked
from federation.store.peer_logs import count_bodies, set_bodies_size
from federation.store.tailed import Progress
from federation.tlog.tiles import TILE_WIDTH, bundle_at

BUNDLES_A_STEP: Final = 16
MAX_MISSING: Final = 25_600
"""Leaves of one peer without a body: with more, no new ones are asked for."""
MISSING_A_ROUND: Final = 4_096
ASK_AGAIN_AFTER: Final = timedelta(seconds=30)


@dataclass(slots=True)
class Judged:
    """What came of the bodies of some leaves."""

    bodies: list[tuple[int, Body]] = field(default_factory=list)
    said: list[tuple[int, Mapping]] = field(default_factory=list)
    missing: list[int] = field(default_factory=list)
    skipped: int = 0
    """Bodies of a strength that we do not take from this peer."""
    invalid: int = 0
    """Bodies that are what their leaf commits to, and say nothing."""


@dataclass(frozen=True, slots=True)
class BodyStep:
    """Leaves from `start` up to `end`; those that hold a mapping, with their commitments."""

    start: int
    end: int
    wanted: dict[int, bytes]

    @property
    def bundles(self) -> list[int]:
        """The numbers of the bundles that are asked for."""
        return sorted({leaf // TILE_WIDTH for leaf in self.wanted})


async def read_bodies(current: Round) -> Verdict:
    """Asks for the bodies of all leaves that were read, up to the daily cap or the end of the round; first again for those
    that were missing. Raises PeerFault."""
    if not current.is_over:
        await _ask_again(current)
    while True:
        async with current.step() as (connection, progress):
            if progress.cosigned_at is None or progress.bodies_size >= progress.size:
                return Verdict.READ
            if not bundles_today(progress, current.peer):
                return Verdict.STOPPED
            if await count_missing(connection, progress.log, MAX_MISSING) >= MAX_MISSING:
                return Verdict.STOPPED
            step = await _plan(connection, progress, bundles_today(progress, current.peer))
        if current.is_over:
            return Verdict.MORE
        await _take(current, progress, step)


async def _plan(connection: Connection, progress: Progress, bundles: int) -> BodyStep:
    start = progress.bodies_size
    end = min((start // TILE_WIDTH + min(bundles, BUNDLES_A_STEP)) * TILE_WIDTH, progress.size)
    return BodyStep(start, end, await _find_holding(connection, progress.log, start, end))


async def _find_holding(connection: Connection, log: int, start: int, end: int) -> dict[int, bytes]:
    """Finds the mappings among leaves that nothing revokes, with their commitments."""
    stored = await fetch_bundles(connection, log, start // TILE_WIDTH, (end - 1) // TILE_WIDTH + 1)
    revoked = await fetch_revoked(connection, log, start, end)
    return {
        leaf: entry[1:]
        for index, data in stored.items()
        for leaf, entry in enumerate(split_bundle(data), index * TILE_WIDTH)
        if start <= leaf < end and entry[0] == EntryType.MAPPING and leaf not in revoked
    }


async def _take(current: Round, progress: Progress, step: BodyStep) -> None:
    """Asks for the bodies of a step, and takes in what they say, with the new place in one transaction."""
    judged = await _ask(current, progress.size, step)
    async with current.step() as (connection, now):
        # Its bodies may have been purged meanwhile: then all of them are asked for again.
        if now.bodies_size != step.start:
            raise LeaseLost("the bodies of this log are asked for from elsewhere by now")
        await _store(connection, current, now, judged, range(step.start, step.end))
        await set_bodies_size(connection, now.log, step.end)
        await _mark(connection, current, now, dict.fromkeys(judged.missing))


async def _ask(current: Round, size: int, step: BodyStep) -> Judged:
    judged = Judged()
    bundles = [bundle_at(size, index) for index in step.bundles]
    for bundle, answers in zip(bundles, await current.client.fetch_bodies(bundles), strict=True):
        judge_answers(judged, current, bundle.start, answers, step)
        await asyncio.sleep(0)  # lookups are answered by the same loop
    return judged


def judge_answers(
    judged: Judged, current: Round, start: int, answers: Sequence[LeafAnswer], step: BodyStep
) -> None:
    """Judges what was answered for the leaves of a bundle: whatever is no body of its commitment counts as none."""
    peer = current.peer
    for leaf, answer in enumerate(answers, start):
        committed = step.wanted.get(leaf)
        if committed is None:
            continue
        if not isinstance(answer, Body) or commitment(answer.salt, answer.body) != committed:
            judged.missing.append(leaf)
            continue
        try:
            statement = parse_statement(answer.body)
        except InvalidStatement:
            judged.invalid += 1
            continue
        if statement.strength.value not in peer.strengths:
            judged.skipped += 1
            continue
        judged.bodies.append((leaf, answer))
        judged.said.append((leaf, statement.to_mapping(peer.origin, leaf)))


async def _store(
    connection: Connection, current: Round, progress: Progress, judged: Judged, leaves: range
) -> None:
    await copy_statements(connection, progress.log, judged.bodies)
    await count_bodies(connection, progress.log, len(judged.said), judged.skipped, judged.invalid)
    await take_in_peer_leaves(connection, current.peer.origin, leaves, judged.said, current.clock.now())


async def _ask_again(current: Round) -> None:
    """Asks again for bodies that were missing. One that stays away for too long, by the clock of its log, is a breach."""
    now = current.clock.now()
    async with current.step() as (connection, progress):
        waiting = await fetch_missing(connection, progress.log, now - ASK_AGAIN_AFTER, now, MISSING_A_ROUND)
        if not waiting or progress.cosigned_at is None:
            return
        steps = await _group(connection, progress, waiting)
    for step in steps:
        await _take_again(current, progress.size, step, waiting)
        if current.is_over:
            return


async def _group(
    connection: Connection, progress: Progress, waiting: dict[int, datetime | None]
) -> list[BodyStep]:
    """Groups leaves by the bundles that they are asked for with, a bundle at a time."""
    steps: list[BodyStep] = []
    for index in sorted({leaf // TILE_WIDTH for leaf in waiting})[: BUNDLES_A_STEP * 4]:
        start, end = index * TILE_WIDTH, min((index + 1) * TILE_WIDTH, progress.size)
        holding = await _find_holding(connection, progress.log, start, end)
        wanted = {leaf: entry for leaf, entry in holding.items() if leaf in waiting}
        steps.append(BodyStep(start, end, wanted))
    return steps


async def _take_again(current: Round, size: int, step: BodyStep, waiting: dict[int, datetime | None]) -> None:
    """Asks for the bodies of one bundle that were missing, and takes in those that came."""
    judged = await _ask(current, size, step)
    missing = {leaf: waiting.get(leaf) for leaf in judged.missing}
    came = [leaf for leaf in step.wanted if leaf not in missing]
    async with current.step() as (connection, progress):
        if came:
            await _store(connection, current, progress, judged, range(min(came), max(came) + 1))
            await delete_missing(connection, progress.log, came)
        await _mark(connection, current, progress, missing)


async def _mark(
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
