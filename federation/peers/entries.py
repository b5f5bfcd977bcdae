"""Reads the entries of a log in steps. Each step is verified against the signed root before it is stored, in one
transaction: whatever is stored is believed, and is not fetched again."""

import asyncio
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

import structlog

from directory.answers import let_go_peer_leaves
from directory.mappings import MAX_AHEAD
from directory.store.database import Connection
from directory.store.origins import hear_origin
from federation.aside import run_aside
from federation.errors import UntrustedNote
from federation.keys.operations import Operations
from federation.peers.believing import Opened, find_next
from federation.peers.chains import Chain, open_under
from federation.peers.comparing import derive, kept_checkpoint, prove_goes_on
from federation.peers.cross_checking import is_newest
from federation.peers.growth import allowed_size
from federation.peers.reading import BUNDLES_A_STEP, ReadStep, Step, plan_step, read_step
from federation.peers.returning import cut_to
from federation.peers.rounds import Round, load_tree
from federation.peers.verdicts import DamagedCopy, LeaseLost, PeerFault, Verdict, WrongAnswer
from federation.protocol.entry import EntryType
from federation.store.peer_bodies import delete_statements, mark_unasked
from federation.store.peer_leaves import fetch_bundles, find_entry, insert_revokes, store_bundles
from federation.store.peer_logs import (
    allow_growth,
    delete_documents_from,
    set_cosigned,
    set_note,
    set_tree,
    set_unread_document,
    store_documents,
)
from federation.store.tailed import Progress
from federation.tlog.checkpoint import SignedCheckpoint
from federation.tlog.cosignature import parse_time
from federation.tlog.note import Note
from federation.tlog.tiles import TILE_WIDTH

QUICK_STEP_S: Final = 5.0
"""Of a slow peer little is read at first, so that a step is done in the time of its round; then more, as it goes."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Planned:
    """A step from what was read. `kept` are the entries of the bundle in which that ends."""

    progress: Progress
    step: Step
    kept: bytes


async def read_entries(current: Round, opened: Opened) -> Verdict:
    """Reads the entries up to the signed size, the growth cap, or the end of the round. Raises PeerFault."""
    chain = await _find_read_before(current, opened.chain)
    bundles = BUNDLES_A_STEP // 8 if current.job.is_slow else BUNDLES_A_STEP
    while True:
        async with current.step() as (connection, progress):
            allowed = allowed_size(progress, current.peer, current.clock.now())
            step = plan_step(progress.size, opened.size, allowed, bundles)
            if step is None:
                if progress.size < opened.size:
                    return Verdict.STOPPED
                await _reach(connection, current, progress, replace(opened, chain=chain), has_grown=False)
                return Verdict.READ
            planned = Planned(progress, step, await _fetch_last(connection, progress))
        if current.is_over:
            return Verdict.MORE
        before = current.elapsed_s
        chain = await _read_on(current, opened, chain, planned)
        if current.elapsed_s - before < QUICK_STEP_S:
            bundles = min(2 * bundles, BUNDLES_A_STEP)


async def _fetch_last(connection: Connection, progress: Progress) -> bytes:
    """Fetches the entries of the bundle in which the tree ends; nothing where that is full."""
    if progress.size % TILE_WIDTH == 0:
        return b""
    last = progress.size // TILE_WIDTH
    return (await fetch_bundles(connection, progress.log, last, last + 1))[last]


async def _read_on(current: Round, opened: Opened, chain: Chain, planned: Planned) -> Chain:
    """Fetches, verifies and stores one step. Returns the documents as they are known then."""
    step = planned.step
    served = await current.client.fetch_bundles(step.bundles)
    try:
        # 16,384 hashes take some 30 ms, and lookups are answered by this thread.
        read = await run_aside(read_step, planned.progress.range, planned.kept, step, served)
        await _check_root(current, read, opened)
    except WrongAnswer:
        await _explain(current, planned.progress, opened)
        raise
    chain, unread = await _find_documents(current, chain, read, opened)
    try:
        async with current.step() as (connection, now):
            if now.size != step.start:
                raise LeaseLost("this log is read from elsewhere by now")
            await _store(connection, current, now, read, chain)
            if unread is not None:
                await set_unread_document(connection, now.log, unread)
            if step.end == opened.size:
                reached = replace(now, size=step.end)
                await _reach(connection, current, reached, replace(opened, chain=chain), has_grown=True)
            elif _opens(current, opened, chain.confirmed) is not None:
                await set_note(connection, now.log, _own_note(opened.signed))
    except WrongAnswer:
        await _give_up_unsigned(current)
        raise
    await asyncio.sleep(0)
    return chain


async def _check_root(current: Round, read: ReadStep, opened: Opened) -> None:
    """Checks that the signed tree begins with the one that was read. Raises WrongAnswer."""
    root, size = read.edge.root(), read.edge.size
    expected = opened.root
    if size < opened.size:
        _, expected = await derive(current.client, size, opened.size, opened.root)
    if root != expected:
        raise WrongAnswer("the entries that were served do not lead to the signed root")


async def _explain(current: Round, progress: Progress, opened: Opened) -> None:
    """Finds why entries do not lead to the signed root. Raises Forked where the log does not go on from what is believed,
    DamagedCopy where it does."""
    kept = kept_checkpoint(progress)
    if progress.size == 0:
        return
    if kept is not None and kept.size < opened.size:
        await prove_goes_on(current.client, progress, opened)
    if kept is None or kept.size < progress.size:
        await _give_up_unsigned(current)
    raise DamagedCopy("entries were served that are not those of the log, which goes on from what was read")


async def _give_up_unsigned(current: Round) -> None:
    """Goes back to the checkpoint that is believed, from what was read under one that was not believed in the end."""
    async with current.step() as (connection, progress):
        kept = kept_checkpoint(progress)
        size = kept.size if kept else 0
        if progress.size > size:
            await cut_to(connection, current.peer.origin, progress, size)


async def _find_read_before(current: Round, chain: Chain) -> Chain:
    """Finds the entries of provisional documents in what was read before, as where one could not be fetched then. That is
    asked for again: no key need ever change after it, and it may say where the log has moved."""
    chain, unread = await _find_entries(current, chain)
    while unread is not None and chain.count_confirmed() == len(chain.known):
        try:
            longer = await find_next(current.client, chain)
        except PeerFault:
            break  # whatever else is asked for tells it, or goes on without
        found, unread = await _find_entries(current, longer)
        if found.count_confirmed() == chain.count_confirmed():
            break  # where one was served, its entry is still to come, and may name another one
        chain = found
    return chain


async def _find_entries(current: Round, chain: Chain) -> tuple[Chain, int | None]:
    """Finds the entries of provisional documents in what was read before. Returns also the last leaf whose document is still
    to be had, None where there is none."""
    async with current.step() as (connection, progress):
        while progress.size and (at := chain.count_confirmed()) < len(chain.known):
            document = chain.known[at].document
            entry = bytes([EntryType.OPERATIONS]) + document.digest
            first = (chain.known[at - 1].leaf or 0) // TILE_WIDTH if at else 0
            leaf = await find_entry(connection, progress.log, entry, first)
            if leaf is None or not _is_named(document, leaf, document.digest):
                break
            if not await _is_right_here(connection, progress, document):
                break
            chain = chain.found_at(leaf)
            await _store_chain(connection, progress.log, chain, at)
        unread = progress.unread_document
        if unread is not None and unread <= max((each.leaf or 0 for each in chain.known), default=-1):
            await set_unread_document(connection, progress.log, None)
            unread = None
    return chain, unread


async def _find_documents(
    current: Round, chain: Chain, read: ReadStep, opened: Opened
) -> tuple[Chain, int | None]:
    """Finds the documents that the entries of a step name. One that cannot be had changes nothing, and is asked for again.

    Of each number one document is asked for, however many entries there are. Returns also the last leaf whose document
    could not be had, None where all could.
    """
    asked, unknown = -1, list[int]()
    for leaf, digest in read.documents:
        at = chain.count_confirmed()
        if at == len(chain.known) and asked != at:
            asked = at
            chain = await find_next(current.client, chain)
        document = chain.known[at].document if at < len(chain.known) else None
        if (
            document is not None
            and _is_named(document, leaf, digest)
            and await _is_right(current, document, opened)
        ):
            chain = chain.found_at(leaf)
        else:
            unknown.append(leaf)
    if unknown:
        log.warning(
            "operations documents are not served, or not valid",
            origin=current.peer.origin,
            count=len(unknown),
        )
    return chain, unknown[-1] if unknown else None


def _is_named(document: Operations, leaf: int, digest: bytes) -> bool:
    """Whether the entry at `leaf` names this document, and it may stand there."""
    return document.digest == digest and (document.right_tree is None or document.right_tree.size <= leaf)


async def _is_right(current: Round, document: Operations, opened: Opened) -> bool:
    """Whether the signed tree begins with the one that a recovery says to be right; True for any other document."""
    right = document.right_tree
    if right is None:
        return True
    _, root = await derive(current.client, right.size, opened.size, opened.root)
    return root == right.root


async def _is_right_here(connection: Connection, progress: Progress, document: Operations) -> bool:
    """As _is_right, of a document whose entry was read before."""
    right = document.right_tree
    if right is None:
        return True
    return (await load_tree(connection, progress, right.size)).root_at(right.size) == right.root


async def _store(
    connection: Connection, current: Round, progress: Progress, read: ReadStep, chain: Chain
) -> None:
    """Stores a verified step, and erases what it revokes."""
    await store_bundles(connection, progress.log, read.rows)
    targets = await insert_revokes(connection, progress.log, read.revokes)
    if targets:
        await allow_growth(connection, progress.log, len(targets), read.edge.size)
        await delete_statements(connection, progress.log, targets)
        again = await let_go_peer_leaves(connection, current.peer.origin, targets)
        await mark_unasked(connection, progress.log, again)
    await set_tree(connection, progress.log, read.edge)
    if read.documents:
        await _store_chain(connection, progress.log, chain, 0)


async def _store_chain(connection: Connection, number: int, chain: Chain, first: int) -> None:
    known = chain.confirmed.known[first:]
    await delete_documents_from(connection, number, first)
    await store_documents(
        connection, number, [(each.document.number, each.note, each.leaf) for each in known]
    )


async def _reach(
    connection: Connection, current: Round, progress: Progress, opened: Opened, *, has_grown: bool
) -> None:
    """Believes a checkpoint whose tree was read: keeps its note, and the time of the log where nothing newer is known of
    it. Raises WrongAnswer where a document that names its key is not in the log, Forked where our witness has cosigned
    another tree."""
    chain = opened.chain.confirmed
    signed = _opens(current, opened, chain)
    if signed is None:
        raise WrongAnswer("the documents that name the key of the checkpoint are not in the log")
    await set_note(connection, progress.log, _own_note(signed))
    believed = Opened(opened.data, signed, chain)
    newest = await is_newest(connection, current, progress, believed, has_grown=has_grown)
    at = time_of(signed, current.clock.now())
    if at is not None and newest:
        await set_cosigned(connection, progress.log, at, current.clock.now())
        await hear_origin(connection, current.peer.origin, at, current.clock.now())


def _opens(current: Round, opened: Opened, chain: Chain) -> SignedCheckpoint | None:
    try:
        return open_under(opened.data, current.peer.origin, chain, current.clock.now())
    except (UntrustedNote, PeerFault):
        return None


def _own_note(signed: SignedCheckpoint) -> bytes:
    return bytes(Note(str(signed.checkpoint), signed.log_signatures))


def time_of(signed: SignedCheckpoint, now: datetime) -> datetime | None:
    """Returns the newest time at which the log's own witness has cosigned. None where it has not, or only in the future."""
    latest = int((now + MAX_AHEAD).timestamp())
    times = [time for line in signed.cosignatures if (time := parse_time(line.payload)) <= latest]
    return datetime.fromtimestamp(max(times), UTC) if times else None
