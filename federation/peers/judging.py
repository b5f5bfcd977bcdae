"""Asks for the bodies of leaves that hold, and holds each against its commitment."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from directory.courtesy import give_way
from directory.mappings import Mapping
from directory.store.database import Connection
from federation.errors import InvalidStatement
from federation.peers.rounds import Round
from federation.protocol.body_answers import Body, LeafAnswer
from federation.protocol.entry import EntryType
from federation.protocol.kept_tree import split_bundle
from federation.protocol.statement import commitment, parse_statement
from federation.store.peer_leaves import fetch_bundles, fetch_revoked
from federation.store.tailed import TailedPeer
from federation.tlog.tiles import TILE_WIDTH, Bundle, bundle_at

JUDGED_AT_ONCE: Final = 16
"""Leaves, in less than half a millisecond: lookups are answered by the same loop."""


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


async def find_holding(connection: Connection, log: int, start: int, end: int) -> dict[int, bytes]:
    """Finds the mappings among leaves that nothing revokes, with their commitments."""
    stored = await fetch_bundles(connection, log, start // TILE_WIDTH, (end - 1) // TILE_WIDTH + 1)
    revoked = await fetch_revoked(connection, log, start, end)
    return {
        leaf: entry[1:]
        for index, data in stored.items()
        for leaf, entry in enumerate(split_bundle(data), index * TILE_WIDTH)
        if start <= leaf < end and entry[0] == EntryType.MAPPING and leaf not in revoked
    }


async def ask(current: Round, size: int, step: BodyStep) -> Judged:
    """Asks for the bodies of a step, in a log that was read up to `size`, and judges them. Raises PeerFault."""
    bundles = [bundle_at(size, index) for index in step.bundles]
    judged = Judged()
    fetched = await current.client.fetch_bodies(bundles)
    async with current.judging:
        for bundle, answers in zip(bundles, fetched, strict=True):
            await _judge_bundle(judged, current.peer, bundle, answers, step)
    return judged


async def _judge_bundle(
    judged: Judged, peer: TailedPeer, bundle: Bundle, answers: Sequence[LeafAnswer], step: BodyStep
) -> None:
    for at in range(0, len(answers), JUDGED_AT_ONCE):
        judge_answers(judged, peer, bundle.start + at, answers[at : at + JUDGED_AT_ONCE], step)
        await give_way()


def judge_answers(
    judged: Judged, peer: TailedPeer, start: int, answers: Sequence[LeafAnswer], step: BodyStep
) -> None:
    """Judges what was answered for the leaves from `start` on: whatever is no body of its commitment counts as none."""
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
        if statement.strength not in peer.strengths:
            judged.skipped += 1
            continue
        judged.bodies.append((leaf, answer))
        judged.said.append((leaf, statement.to_mapping(peer.origin, leaf)))
