"""Holds what a peer shows to the tail against what its log has had our own witness cosign.

A log that shows its readers one tree and the witnesses another is found out where a reader is a witness, too.
"""

from dataclasses import replace

from directory.store.database import Connection
from federation.errors import UntrustedNote
from federation.peers.believing import Opened
from federation.peers.chains import Chain, open_under
from federation.peers.comparing import fork
from federation.peers.rounds import Round, load_tree
from federation.peers.verdicts import WrongAnswer
from federation.store.tailed import Progress
from federation.store.witnessed import Witnessed, fetch_witnessed


async def is_newest(
    connection: Connection, current: Round, progress: Progress, opened: Opened, *, has_grown: bool
) -> bool:
    """Checks that the tree that was read begins with the one that our witness has cosigned. The bundles are stored already;
    smaller trees are compared where it `has_grown`.

    Returns False where the witness has seen a larger tree: the one that was shown is withheld from us, or is older, and its
    time says nothing of what the log says now. Raises Forked. What no key in power has signed is left out: a recovery takes
    a log back.
    """
    kept = await fetch_witnessed(connection, current.peer.origin)
    if kept is None or kept.size == 0 or not _is_in_power(current, kept, opened.chain):
        return True
    if kept.size > opened.size:
        return False
    hashes: tuple[bytes, ...] = ()
    root = opened.root
    if kept.size < opened.size:
        if not has_grown:
            return True
        tree = await load_tree(connection, progress, kept.size)
        hashes, root = tree.prove_prefix(kept.size), tree.root_at(kept.size)
    if root != kept.root:
        raise fork(replace(progress, note=kept.note), opened, hashes)
    return True


def _is_in_power(current: Round, kept: Witnessed, chain: Chain) -> bool:
    """Whether a key that is in power has signed what was cosigned."""
    try:
        open_under(kept.note, current.peer.origin, chain, current.clock.now())
    except (UntrustedNote, WrongAnswer):
        return False
    return True
