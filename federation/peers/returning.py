"""Returns to where a log was right, as its recovery says: what was read beyond is given up."""

import structlog

from directory.answers import let_go_peer_leaves_from
from directory.store.database import Connection
from federation.errors import EvidenceRefused
from federation.keys.accusing import judge
from federation.keys.evidence import Evidence
from federation.keys.forks import record_fork
from federation.keys.operations import RightTree
from federation.keys.return_point import size_to_read_from
from federation.peers.believing import Opened
from federation.peers.comparing import derive, find_contradiction, kept_checkpoint
from federation.peers.rounds import Round, load_tree
from federation.peers.verdicts import Forked, WrongAnswer
from federation.store.peer_bodies import cut_bodies, mark_unasked
from federation.store.peer_leaves import cut_leaves
from federation.store.peer_logs import (
    cut_documents,
    cut_progress,
    delete_documents_from,
    free_up_to,
    set_note,
)
from federation.store.peer_samples import forget_leaves
from federation.store.tailed import Progress

log = structlog.get_logger(__name__)


async def return_to_right(current: Round, opened: Opened) -> Opened:
    """Follows a recovery back, where the checkpoint was opened under one that is new. Returns the checkpoint with the
    documents that are left to be found. What was believed and contradicts it is kept as evidence, which it explains.

    Raises WrongAnswer where the recovery is not of this log: then it changes nothing.
    """
    recovery = opened.recovery
    if recovery is None or recovery.right_tree is None:
        return opened
    right = recovery.right_tree
    await _check_right(current, right, opened)
    found = await find_contradiction(current, opened)
    explained = _explain(current, opened, found) if found is not None else ""
    async with current.step() as (connection, progress):
        if found is not None:
            await record_fork(
                connection, current.peer.origin, found, current.clock.now(), explained=explained
            )
        kept_root = None
        if progress.size >= right.size:
            kept_root = (await load_tree(connection, progress, right.size)).root_at(right.size)
        start = size_to_read_from(progress.size, right, kept_root)
        chain = opened.chain.cut_leaves(start)
        first = chain.count_confirmed()
        await delete_documents_from(connection, progress.log, first)
        if start < progress.size:
            log.warning("a log was recovered", origin=current.peer.origin, size=progress.size, right=start)
            await cut_to(connection, current.peer.origin, progress, start)
            # As much as was held, and is right: under a daily cap its people would be gone for weeks.
            await free_up_to(connection, progress.log, min(progress.size, right.size))
        kept = kept_checkpoint(progress)
        if kept is not None and kept.size > right.size:
            # Beyond, it may be a thief's, also where nothing was read of it yet.
            await set_note(connection, progress.log, None)
    return Opened(opened.data, opened.signed, chain)


def _explain(current: Round, opened: Opened, found: Evidence) -> str:
    """Explains by the recovery why a contradiction is not held against the log. Raises Forked where it does not: a key that
    has signed both is still in power."""
    try:
        explained = judge(found, opened.chain.as_peers, current.clock.now()).explained
    except EvidenceRefused as error:
        raise WrongAnswer(f"the log contradicts itself, and there is no evidence of it: {error}") from error
    if not explained:
        raise Forked(found)
    return explained


async def _check_right(current: Round, right: RightTree, opened: Opened) -> None:
    if right.size >= opened.size:
        raise WrongAnswer("a recovery says that more was right than the log has")
    _, root = await derive(current.client, right.size, opened.size, opened.root)
    if root != right.root:
        raise WrongAnswer("a recovery names another tree than that of the log which it is in")


async def cut_to(connection: Connection, origin: str, progress: Progress, size: int) -> None:
    """Gives up all that was read of a log from leaf `size` on, with what it published and revoked, and the keys that it
    named."""
    tree = await load_tree(connection, progress, size)
    edge = tree.range_at(size)
    kept = kept_checkpoint(progress)
    again = await cut_leaves(connection, progress.log, size)
    await cut_bodies(connection, progress.log, size)
    await mark_unasked(connection, progress.log, [leaf for leaf in again if leaf < progress.bodies_size])
    await cut_documents(connection, progress.log, size)
    await cut_progress(connection, progress.log, edge)
    if kept is not None and kept.size <= size:
        await set_note(connection, progress.log, progress.note)
    await mark_unasked(connection, progress.log, await let_go_peer_leaves_from(connection, origin, size))
    await forget_leaves(connection, origin, size)
