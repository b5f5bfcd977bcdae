"""Makes what was brought back a part of our log: everything in one transaction, or nothing.

Nothing is signed here. The checkpoint that the log has after it is one that our own key has signed before, so no size gets
a second root, whenever the process is killed.
"""

from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Final

from directory.store.database import Connection
from directory.store.instance_identity import lock_identity
from directory.store.mapping_rows import (
    ensure_origin,
    settle_all_leaves,
    store_lost,
    take_back_leaves,
)
from federation.errors import FederationError, LogRefused, LogWaits
from federation.ingest import ingest_own_leaves
from federation.keys.chain import parse_operations_note
from federation.keys.instance import KeyFolder
from federation.keys.operations import Operations
from federation.keys.own_keys import check_keys, record_keys
from federation.own_log.high_water import SignedMark
from federation.own_log.preconditions import check_mark, load_state
from federation.own_log.silence import speak_again
from federation.protocol.entry import RevokeReason
from federation.protocol.statement import commitment
from federation.recovery.believing import check_signers
from federation.recovery.gathering import base_edge
from federation.recovery.outlook import Outlook
from federation.recovery.regrowth import Regrown, Regrowth
from federation.recovery.replay import replay
from federation.store import recovering
from federation.store.log_rows import fetch_operation_notes, fetch_state, set_revoked, update_ingested
from federation.store.reclaiming import Reclaimed, hold_publications, reclaim_publications

LEAVES_AT_ONCE: Final = 10_000
CHANGED: Final = "the database has changed meanwhile: run this again"


@dataclass(frozen=True, slots=True)
class BroughtBack:
    """What a recovery has changed."""

    entries: int
    lost: int
    """Leaves whose body nobody has: the next batch revokes them."""
    reclaimed: Reclaimed


@dataclass(slots=True)
class _Added:
    """What the entries add beside tiles and revokes."""

    matched: list[int] = field(default_factory=list)
    """Leaves whose salt and body were staged here before, and are what the log says."""
    digests: dict[bytes, int] = field(default_factory=dict)


async def bring_back(
    connection: Connection, folder: KeyFolder, outlook: Outlook, now: datetime
) -> BroughtBack:
    """Writes what was gathered into the log, publishes it, and takes it into the answers. Durable once it returns.

    Raises LogWaits where the database has changed, WrongEntries, LogRefused.
    """
    target = outlook.target
    if target is None or not outlook.is_behind:
        return BroughtBack(0, 0, Reclaimed(0, 0))
    async with connection.transaction():
        await lock_identity(connection)
        await check_keys(connection, folder)
        await hold_publications(connection)
        if await fetch_state(connection, lock=True) != outlook.state:
            raise LogWaits(CHANGED)
        await settle_all_leaves(connection)
        begun = await recovering.fetch_begun(connection)
        if begun is None or (begun.base_size, begun.note) != (outlook.base, target.note):
            raise LogWaits(CHANGED)
        origin = await ensure_origin(connection, outlook.held.origin)
        grown = await _write_log(connection, outlook, origin, now)
        await _check_against_mark(connection, folder, outlook)
        await speak_again(connection, outlook.held.origin)
        brought = await _answer(connection, outlook, origin, now, grown)
        await recovering.forget(connection)
        await record_keys(connection, folder, now)
    return brought


def raise_mark(folder: KeyFolder, outlook: Outlook) -> None:
    """Raises the mark beside the keys to all that is known to be signed, or writes it anew. After `bring_back`, and at the
    operator's word where it was lost. Raises LogWaits, LogRefused, MissingKeys, UnsafeKeys."""
    SignedMark(folder.path).swap(outlook.mark, outlook.whole)


async def _write_log(connection: Connection, outlook: Outlook, origin: int, now: datetime) -> Regrowth:
    """Writes tiles, bodies, revokes, documents and the state. Returns the tree."""
    base, added = outlook.base, _Added()
    await recovering.drop_unsigned(connection, base)

    async def write(entries: list[bytes], first: int, step: Regrown) -> None:
        await recovering.replace_tiles(connection, step.tiles)
        revokes = [(each.target, each.by, RevokeReason.UNSPECIFIED.value) for each in step.revokes]
        await set_revoked(connection, revokes)
        added.digests.update({digest: leaf for leaf, digest in step.digests.items()})
        added.matched += await _staged_before(connection, step.commitments)

    grown = await replay(connection, await base_edge(connection, outlook), outlook.whole, write)
    await recovering.drop_beyond(connection, outlook.whole.size)
    await recovering.drop_statements(connection, base, added.matched)
    await take_back_leaves(connection, origin, base, added.matched)
    await recovering.move_statements(connection)
    await _write_documents(connection, outlook, added.digests)
    if outlook.target is not None:
        await recovering.replace_state(connection, outlook.whole, outlook.target.note, now)
    return grown


async def _staged_before(connection: Connection, commitments: dict[int, bytes]) -> list[int]:
    here = await recovering.fetch_staged(connection, list(commitments))
    return [leaf for leaf, (salt, body) in here.items() if commitment(salt, body) == commitments[leaf]]


async def _write_documents(connection: Connection, outlook: Outlook, digests: dict[bytes, int]) -> None:
    """Writes the documents whose entries are in the tree. Raises LogRefused where one of them is nowhere: without it
    nobody knows which keys are in power."""
    chain = [(parse_operations_note(note)[0], note) for note in outlook.chain]
    said = [
        (document.number, note, digests[document.digest])
        for document, note in chain
        if document.digest in digests
    ]
    missing = len(digests) - len(said)
    if missing:
        raise LogRefused(
            f"{missing} operations documents that this log has published are missing, and no peer has them",
            mend="Run `passerelle recover` again when more peers answer.",
        )
    await recovering.replace_operations(connection, said)
    known = await fetch_operation_notes(connection)
    parsed = [(parse_operations_note(note)[0], leaf) for note, leaf in known]
    whole = [document for document, leaf in parsed if leaf is not None]
    _check_target(outlook, whole)
    waiting = [document for document, leaf in parsed if leaf is None]
    if waiting and (waiting[0].number, waiting[0].previous) != (whole[-1].number + 1, whole[-1].digest):
        await recovering.drop_waiting_documents(connection, 0)


def _check_target(outlook: Outlook, said: list[Operations]) -> None:
    try:
        check_signers(outlook.target.note if outlook.target else b"", outlook.held.origin, said)
    except FederationError as error:
        raise LogRefused(
            f"the checkpoint that a peer has shown is not by a key that its own tree names: {error}"
        ) from error


async def _check_against_mark(connection: Connection, folder: KeyFolder, outlook: Outlook) -> None:
    """Checks that the log has grown out of what this instance has signed last, where the mark is there to tell."""
    state = await load_state(connection, outlook.held.origin)
    mark = SignedMark(folder.path).read()
    if mark != outlook.mark:
        raise LogWaits(CHANGED)
    if mark is not None and state is not None:
        await check_mark(connection, mark, state)


async def _answer(
    connection: Connection, outlook: Outlook, origin: int, now: datetime, grown: Regrowth
) -> BroughtBack:
    """Takes the leaves into the answers, ties publications to them, and has lost ones revoked."""
    name, size = outlook.held.origin, outlook.whole.size
    done = 0 if outlook.state is None else outlook.state.ingested_size
    while done < size:
        before, done = done, await ingest_own_leaves(connection, name, range(done, size), now)
        if done == before:
            raise LogWaits("a member is changing a publication at this moment: run this again")
    await update_ingested(connection, size)
    await recovering.raise_issued(connection, origin)
    reclaimed = await reclaim_publications(connection, origin, outlook.base, may_have_ended=grown.has_ended)
    await ingest_own_leaves(connection, name, range(size, size), now)
    lost, live = 0, grown.live_leaves()
    while leaves := list(islice(live, LEAVES_AT_ONCE)):
        silent = sorted(set(leaves) - set(await recovering.fetch_staged(connection, leaves)))
        await store_lost(connection, origin, silent, now)
        lost += len(silent)
    return BroughtBack(size - outlook.base, lost, reclaimed)
