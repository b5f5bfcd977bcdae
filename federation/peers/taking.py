"""Takes in what bodies say that were judged, and what our own look has shown of it before."""

from directory.answers import take_in_peer_leaves
from directory.store.database import Connection
from federation.peers.judging import Judged
from federation.peers.rounds import Round
from federation.peers.samples import SampleResult
from federation.store.peer_bodies import copy_statements
from federation.store.peer_logs import count_bodies
from federation.store.peer_samples import mark_refuted
from federation.store.tailed import Progress


async def take_in(
    connection: Connection, current: Round, progress: Progress, judged: Judged, leaves: range
) -> None:
    """Stores bodies, and what they say, of a run of leaves. The caller holds the transaction of a step."""
    await copy_statements(connection, progress.log, judged.bodies)
    await count_bodies(connection, progress.log, len(judged.said), judged.skipped, judged.invalid)
    await take_in_peer_leaves(connection, current.peer.origin, leaves, judged.said, current.clock.now())
    await mark_refuted(connection, current.peer.origin, leaves, SampleResult.REFUTED)
