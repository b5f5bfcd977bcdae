"""Takes the published leaves of our own log into the answers, and erases those that it has revoked.

What answers comes from the bodies in the log, as at a peer, and not from what the members' rows held before.
"""

from collections import deque
from collections.abc import Mapping as Leaves
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol

import structlog

from directory.answers import let_go_leaves, lock_staged_leaves, take_in_leaves
from directory.mappings import Mapping
from directory.store.database import Connection
from directory.store.mapping_rows import settle_leaves
from directory.store.staged_leaves import fetch_staged_leaves, keep_staged_leaves
from federation.aside import run_aside
from federation.errors import InvalidStatement
from federation.protocol.statement import Statement, parse_statement
from federation.store.log_rows import delete_revoked, fetch_bodies
from federation.store.own_mappings import end_replaced_wordings, fetch_ended

MAX_TAKEN_IN: Final = 10_000
"""Bodies that are taken in at a time. Bounds the memory while catching up."""
PIECE: Final = 2_000
"""Of them, parsed and taken in with one statement."""

log = structlog.get_logger(__name__)


Worded = Leaves[int, tuple[bytes, Statement]]
"""Bodies that this process has encoded, and what each says, by leaf."""


class Meanwhile(Protocol):
    """What else is read, a piece after each one that is taken in, and worked upon in the thread while the next one is."""

    async def read_piece(self, connection: Connection) -> None: ...


@dataclass(frozen=True, slots=True)
class Beside:
    """What whoever staged the leaves has beside them. Nothing has to be there: a process that goes on after another one has
    none of it."""

    worded: Worded = field(default_factory=dict)
    meanwhile: Meanwhile | None = None


_NOTHING_BESIDE: Final = Beside()


async def ingest_own_leaves(
    connection: Connection, origin: str, leaves: range, now: datetime, beside: Beside = _NOTHING_BESIDE
) -> int:
    """Takes in these leaves of our own log, up to the published size; then erases what the log has revoked. Can be
    repeated. The caller holds a transaction.

    Returns the leaf up to which nothing is left to do, which may be less than that size.
    """
    taking = _Taking(connection, origin, now, beside)
    done = await taking.take_in(leaves) if leaves else leaves.stop
    erased = await delete_revoked(connection, leaves.stop)
    ended = await fetch_ended(connection, origin, leaves.stop)
    await let_go_leaves(connection, origin, sorted({*erased, *ended}))
    return done


@dataclass(frozen=True, slots=True)
class _Taking:
    connection: Connection
    origin: str
    now: datetime
    beside: Beside

    async def take_in(self, leaves: range) -> int:
        connection = self.connection
        bodies = await fetch_bodies(connection, leaves.start, leaves.stop, MAX_TAKEN_IN + 1)
        end = bodies[MAX_TAKEN_IN][0] if len(bodies) > MAX_TAKEN_IN else leaves.stop
        staged = await fetch_staged_leaves(connection)
        read, postponed = await self._take_in_pieces(bodies[:MAX_TAKEN_IN], staged)
        if staged:
            left = {leaf: number for leaf, number in staged.items() if leaf >= end or leaf in postponed}
            # What cannot be read keeps its leaf, and waits for no other one.
            unread = [number for leaf, number in staged.items() if leaf not in left and leaf not in read]
            if unread:
                await settle_leaves(connection, unread)
            await keep_staged_leaves(connection, left)
        is_ended = await end_replaced_wordings(connection, self.origin, leaves.start, end)
        return end if is_ended and not postponed else leaves.start

    async def _take_in_pieces(
        self, bodies: list[tuple[int, bytes]], staged: Leaves[int, int]
    ) -> tuple[set[int], set[int]]:
        """Takes bodies in, a piece at a time: while the database is at work on one, the next is parsed in a thread, so that
        nobody who asks the same process for a page waits for all of them. Returns the leaves whose body could be read, and
        of these the ones to try again."""
        pieces = [bodies[at : at + PIECE] for at in range(0, len(bodies), PIECE)]
        parsing = deque(run_aside(_read, self.origin, piece, self.beside.worded) for piece in pieces[:1])
        # All at once, while the first piece is parsed: each answer waits for the thread, and the database for us.
        numbers = {leaf: staged[leaf] for leaf, _ in bodies if leaf in staged}
        locked = await lock_staged_leaves(self.connection, self.origin, numbers) if numbers else None
        read: set[int] = set()
        postponed: set[int] = set()
        for after in range(1, len(pieces) + 1):
            said = await parsing.popleft()
            parsing += [
                run_aside(_read, self.origin, piece, self.beside.worded)
                for piece in pieces[after : after + 1]
            ]
            postponed |= await take_in_leaves(self.connection, self.origin, said, self.now, locked)
            read.update(leaf for leaf, _ in said)
            if self.beside.meanwhile is not None:
                await self.beside.meanwhile.read_piece(self.connection)
        return read, postponed


def _read(origin: str, bodies: list[tuple[int, bytes]], worded: Worded) -> list[tuple[int, Mapping]]:
    """Reads bodies. What was encoded here, and is the same to the byte, was read back before it was signed."""
    said: list[tuple[int, Mapping]] = []
    for leaf, body in bodies:
        encoded, statement = worded.get(leaf, _NOT_WORDED)
        try:
            if statement is None or encoded != body:
                statement = parse_statement(body)
            said.append((leaf, statement.to_mapping(origin, leaf)))
        except InvalidStatement as error:
            # Ignored, as by every reader of the log. `passerelle fsck` reports a damaged body.
            log.error("a body of our own log cannot be read", leaf=leaf, reason=str(error))  # noqa: TRY400 - foreseen
    return said


_NOT_WORDED: Final = (b"", None)
