"""The single writer of our own log, in three steps (the order of Sunlight, with one database for all).

1. *Stage*: entries, tiles, salts, bodies and the new tree go into the database in one transaction, with the leaf of each
   mapping (`directory.store.staged_leaves`). Readers see none of it.
2. *Sign*: the mark beside the keys is raised to the staged tree, then the checkpoint is signed and replaces the
   last one by compare-and-swap. A tree is durable before it is signed, and extends the tree of the mark: after a
   crash in between, or with a second process or database, only the same tree can be signed again.
3. *Publish*: readers see the checkpoint, its mappings get their leaves and answer, and what it revokes is erased, in one
   transaction.

Each step finishes what an earlier run of it began, so that recovery is the same function. While a full batch is published,
the next one is read and encoded (`federation.own_log.ahead`); it is staged after that, and only what is unchanged by then.
"""

from datetime import datetime
from typing import Final

import structlog

from directory.clock import Clock
from directory.store.database import Connection
from directory.store.staged_leaves import stage_leaves
from federation.aside import run_aside
from federation.errors import LogRefused, LogWaits, MissingKeys, OtherName
from federation.ingest import Beside, Worded, ingest_own_leaves
from federation.keys.documents import find_signers, load_documents
from federation.keys.instance import RECOVER, InstanceKeys, KeyFolder
from federation.keys.operations import Operations
from federation.own_log.ahead import Ahead
from federation.own_log.batch import Batch, LogEdge, Pending, compose_batch
from federation.own_log.cosigning import CosigningWaits, cosign_published, needs_cosigning
from federation.own_log.encoding import Encoded, encode_pending
from federation.own_log.genesis import make_genesis
from federation.own_log.guard import Guard, NoGuard
from federation.own_log.high_water import SignedMark, check_size
from federation.own_log.known import check_known
from federation.own_log.preconditions import (
    check_clock,
    check_mark,
    check_signed,
    check_staged,
    load_edge,
    load_state,
)
from federation.protocol.log_state import LogState, read_own_checkpoint
from federation.store import log_rows, own_mappings
from federation.store.known import fetch_known
from federation.tlog.checkpoint import Checkpoint, sign_checkpoint
from federation.tlog.keys import PrivateKey
from federation.tlog.merkle import EMPTY_ROOT

MAX_BATCH: Final = 10_000
"""Mappings, and as many revokes, in a batch: bounds its memory to some 50 MB and its time to about a second."""

log = structlog.get_logger(__name__)


class Sequencer:
    """Appends what is pending to the log `origin`. Give it one connection at a time.

    It needs no lock for safety: the state row, the staged tree and the mark beside the keys already keep two
    sequencers from signing different trees. Leadership only spares them from waiting for each other.
    """

    def __init__(
        self,
        keys: KeyFolder,
        origin: str,
        clock: Clock,
        *,
        guard: Guard | None = None,
        max_batch: int = MAX_BATCH,
    ) -> None:
        """`guard` asks others before anything is signed; None for a log that nobody else can know."""
        self._key_folder = keys
        self._mark = SignedMark(keys.path)
        self.origin = origin
        self._clock = clock
        self._guard = guard or NoGuard()
        self.max_batch = max_batch
        self._edge: LogEdge | None = None
        self._ahead: Ahead | None = None
        self._worded: Worded = {}
        self._cosigning_waits = ""

    def now(self) -> datetime:
        """Returns the time of its clock."""
        return self._clock.now()

    async def check(self, connection: Connection) -> None:
        """Checks everything that must hold before signing, and asks the guard, which may take seconds. Whoever leads calls
        it first. Raises LogRefused, MissingKeys, UnsafeKeys."""
        keys = self._key_folder.read()
        if keys.origin != self.origin:
            raise OtherName(keys.origin, self.origin)
        self._edge = self._ahead = None
        self._worded = {}
        await self._guard.check(connection, keys)
        await check_known(connection, self.origin, [key.vkey for key in keys.logs], self._clock.now())
        async with connection.transaction():
            state = await load_state(connection, self.origin, lock=True)
            if state is None:
                check_size(self._mark.read(), self.origin, 0)
                return
            await check_mark(connection, self._mark.read(), state)
            await check_clock(connection, state, self._clock.now())
            _ = state.is_signed
            check_signed(state, await load_documents(connection), keys)
            self._edge = await load_edge(connection, state)

    async def follow(self, connection: Connection) -> None:
        """Raises the mark to what another process has signed, while this one stands by: a database that is exchanged for an
        older one is then found out here, too. Raises LogRefused, LogWaits, MissingKeys, UnsafeKeys."""
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            state, mark = await load_state(connection, self.origin), self._mark.read()
            if state is None or mark is None or not state.is_signed or mark.size >= state.staged.size:
                return  # without a mark nothing is signed here, whatever the database says
            await self._raised_mark(connection, state, self._key_folder.read())

    async def run_once(self, connection: Connection) -> int:
        """Finishes what an earlier run began, then stages, signs and publishes one batch.

        Returns the number of its entries; they are durable and published once it returns. Raises LogRefused,
        LogWaits, MissingKeys, UnsafeKeys, and what the database raises; it can be called again after that.
        """
        # For this batch alone; `check` forgets it too, as another database may answer whoever leads anew.
        ahead, self._ahead = self._ahead, None
        await self._check_known(connection)
        await self._finish(connection)
        count = 0
        if await own_mappings.has_work(connection, self.origin, self._clock.now()):
            count = await self._stage(connection, ahead)
        if count:
            await self._finish(connection)
        await self._cosign(connection)
        return count

    async def _check_known(self, connection: Connection) -> None:
        """Checks what peers have shown of this log. The keys are read only where there is something."""
        if await fetch_known(connection) is not None:
            held = [key.vkey for key in self._key_folder.read_logs()]
            await check_known(connection, self.origin, held, self._clock.now())

    async def _finish(self, connection: Connection) -> None:
        state = await load_state(connection, self.origin)
        if state is None:
            return
        if not state.is_signed:
            await self._sign(connection, await self._with_recovery(connection, state))
        elif state.is_published:
            return
        await self._publish(connection)

    async def _with_recovery(self, connection: Connection, state: LogState) -> LogState:
        """Stages a pending recovery document on top of what is staged and unsigned, as its key is lost. The tree only
        grows, and the new key signs all of it. Returns the state to sign."""
        documents = await load_documents(connection)
        if not any(leaf is None and document.recovered_by for document, leaf in documents):
            return state
        await self._stage(connection, on_top=True)
        return await load_state(connection, self.origin) or state

    async def _stage(
        self, connection: Connection, ahead: Ahead | None = None, *, on_top: bool = False
    ) -> int:
        now = self._clock.now()
        async with connection.transaction():
            state = await self._begun_state(connection, now)
            if not state.is_signed and not on_top:
                return 0  # another process has staged; it, or our next run, goes on from there
            await check_clock(connection, state, now)
            await check_mark(connection, self._mark.read(), state)
            pending, encoded = await self._gather(connection, now, ahead)
            if not pending:
                return 0
            batch = await run_aside(compose_batch, await self._current_edge(connection, state), pending)
            newest = max((statement.issued for statement in encoded.said), default=now)
            await _write(connection, state, batch, now, newest)
        self._edge = batch.edge
        self._worded = _worded(batch, encoded)
        if len(pending.bodies) == self.max_batch:
            # More may wait, and is then staged at once.
            self._ahead = Ahead(self.origin, now, self.max_batch, after=pending.bodies[-1][0])
        return len(pending)

    async def _begun_state(self, connection: Connection, now: datetime) -> LogState:
        """Loads and locks the state. Where there is none, it begins the log with its first operations document."""
        state = await load_state(connection, self.origin, lock=True)
        if state is not None:
            return state
        empty = Checkpoint(self.origin, 0, EMPTY_ROOT)
        check_size(self._mark.read(), self.origin, 0)
        await log_rows.insert_state(connection, empty, now)
        note = make_genesis(self._key_folder.read(), now)
        await log_rows.insert_operations(connection, 0, bytes(note))
        begun = await load_state(connection, self.origin, lock=True)
        if begun is None:
            raise LogRefused("the log could not be begun")
        return begun

    async def _gather(
        self, connection: Connection, now: datetime, ahead: Ahead | None
    ) -> tuple[Pending, Encoded]:
        """Gathers what waits, and what its bodies say."""
        documents = [document for document, leaf in await load_documents(connection) if leaf is None]
        if ahead is None:
            encoded = await encode_pending(connection, self.origin, now, self.max_batch)
        else:
            encoded = await ahead.encode_pending(connection, now, self.max_batch)
        if encoded.unsayable:
            log.error("mappings cannot be encoded as statements, and were withdrawn", rows=encoded.unsayable)
            await own_mappings.drop_unpublishable_mappings(connection, encoded.unsayable)
        revokes = await own_mappings.fetch_revocable(connection, self.origin, now, self.max_batch)
        return Pending(documents, encoded.bodies, revokes), encoded

    async def _current_edge(self, connection: Connection, state: LogState) -> LogEdge:
        edge = self._edge
        if edge is None or edge.size != state.staged.size or edge.tree.root() != state.staged.root:
            edge = await load_edge(connection, state)
        return edge

    async def _sign(self, connection: Connection, state: LogState) -> None:
        keys = self._key_folder.read()
        signers = await self._signers(connection, state, keys)
        mark = self._mark.read()
        try:
            await check_mark(connection, mark, state)
        except LogRefused as error:
            if await load_state(connection, self.origin) != state:
                raise LogWaits("another process has gone on meanwhile") from error
            raise
        await check_staged(connection, state)
        self._mark.swap(mark, state.staged)
        note = bytes(sign_checkpoint(state.staged, signers))
        if await log_rows.swap_signed(connection, state.signed, state.staged, note):
            return
        now = await load_state(connection, self.origin)
        if now is None or now.signed is None or now.signed_size < state.staged.size:
            raise LogWaits("the state of the log changed while it was signed")

    async def _signers(self, connection: Connection, state: LogState, keys: InstanceKeys) -> list[PrivateKey]:
        """Returns the keys of the documents in force and still to come, and the outgoing one where this checkpoint
        brings the newest document."""
        documents = [each for each in await load_documents(connection) if each[1] is not None]
        if not documents:
            raise LogRefused("the log has no operations document")
        chain = [document for document, _ in documents]
        required, optional = find_signers(chain, int(self._clock.now().timestamp()))
        signers = keys.require(required)
        leaf = documents[-1][1]
        if len(documents) > 1 and leaf is not None and leaf >= state.signed_size:
            signers += _keys_that_go(chain[-2], chain[-1], keys)
        signers += filter(None, map(keys.find, optional))
        return list(dict.fromkeys(signers))

    async def _cosign(self, connection: Connection) -> None:
        """Renews the cosignature of our own witness where that is due."""
        state = await load_state(connection, self.origin)
        if state is None or not await needs_cosigning(connection, state, self._clock.now()):
            return
        async with connection.transaction():
            state = await load_state(connection, self.origin, lock=True)
            if state is None or not (state.is_signed and state.is_published):
                return
            keys = self._key_folder.read()
            mark = await self._raised_mark(connection, state, keys)
            try:
                await cosign_published(connection, keys, mark, state, self._clock.now())
            except CosigningWaits as error:
                self._tell_cosigning(str(error))

    async def _raised_mark(self, connection: Connection, state: LogState, keys: InstanceKeys) -> Checkpoint:
        """Raises the mark to what is signed: on another machine it may be older than what this one has taken over.

        The state row is not believed: whoever changed it would have the mark say for ever that more was signed.
        """
        mark = self._mark.read()
        await check_mark(connection, mark, state)
        if mark != state.staged:
            check_signed(state, await load_documents(connection), keys)
            await check_staged(connection, state)
            self._mark.swap(mark, state.staged)
        return state.staged

    def _tell_cosigning(self, why: str) -> None:
        """Tells once why no cosignature is made. Publishing goes on meanwhile."""
        if why != self._cosigning_waits:
            log.warning("the next cosignature waits", reason=why)
        self._cosigning_waits = why

    async def _publish(self, connection: Connection) -> None:
        async with connection.transaction():
            state = await load_state(connection, self.origin, lock=True)
            if state is None or state.signed is None:
                return
            size = read_own_checkpoint(state.signed).size
            if state.published != state.signed:
                await log_rows.update_published(connection, state.signed, size)
            now = self._clock.now()
            leaves = range(state.ingested_size, size)
            done = await ingest_own_leaves(
                connection, self.origin, leaves, now, Beside(self._worded, self._ahead)
            )
            if done != state.ingested_size:
                await log_rows.update_ingested(connection, done)
        # Members may withdraw what it says: it is not kept for longer than it is needed.
        self._worded = {}


def _keys_that_go(before: Operations, after: Operations, keys: InstanceKeys) -> list[PrivateKey]:
    """Returns the outgoing keys, which sign a switch as well. Empty after a recovery: the former key is lost or
    stolen."""
    if after.recovered_by is not None:
        return []
    going = [vkey for vkey in before.checkpoint_keys if vkey not in after.checkpoint_keys]
    try:
        return keys.require(going)
    except MissingKeys as error:
        raise LogRefused(f"the key that goes must sign once more: {error.seen}", mend=RECOVER) from error


def _worded(batch: Batch, encoded: Encoded) -> Worded:
    """Returns what the bodies of a batch say, by leaf."""
    said = {body[0]: statement for body, statement in zip(encoded.bodies, encoded.said, strict=True)}
    bodies = zip(batch.mappings, batch.statements, strict=True)
    return {leaf: (body, said[number]) for (number, leaf), (_, _, body) in bodies}


async def _write(
    connection: Connection, state: LogState, batch: Batch, now: datetime, newest: datetime
) -> None:
    tree = batch.edge.tree
    staged = Checkpoint(state.origin, tree.size, tree.root())
    await log_rows.update_staged(connection, state.staged, staged, now, newest)
    await log_rows.upsert_tiles(connection, batch.tiles)
    await log_rows.copy_statements(connection, batch.statements)
    await stage_leaves(connection, batch.mappings)
    await log_rows.set_revoked(connection, batch.revokes)
    for number, leaf in batch.operations:
        await log_rows.set_operations_leaf(connection, number, leaf)
