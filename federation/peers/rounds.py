"""One round of reading the log of a peer: what all its steps share."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from directory.clock import Clock
from directory.store.database import Connection, Database
from federation.peers.log_client import LogClient
from federation.peers.verdicts import LeaseLost
from federation.protocol.kept_tree import KeptTree
from federation.store.peer_leaves import fetch_kept_tree
from federation.store.peer_logs import lock_progress
from federation.store.tailed import Progress, TailedPeer, TailJob


@dataclass(frozen=True, slots=True)
class Round:
    """One attempt at a log. `until` is when it stops by the clock of the event loop, to go on in the next one."""

    database: Database
    clock: Clock
    client: LogClient
    job: TailJob
    until: float
    begun: float
    judging: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held by the step whose bodies are judged: one has the loop at a time, and others in between."""

    @property
    def peer(self) -> TailedPeer:
        return self.job.peer

    @property
    def elapsed_s(self) -> float:
        return asyncio.get_running_loop().time() - self.begun

    @property
    def is_over(self) -> bool:
        return asyncio.get_running_loop().time() >= self.until

    @asynccontextmanager
    async def step(self) -> AsyncIterator[tuple[Connection, Progress]]:
        """Opens a transaction that holds the lease. Raises LeaseLost."""
        async with self.database.transaction() as connection:
            progress = await lock_progress(connection, self.job.lease)
            if progress is None:
                raise LeaseLost("another attempt counts by now, or this peer is read no more")
            yield connection, progress

    async def load(self) -> Progress:
        """Loads how far the log was read. Raises LeaseLost."""
        async with self.step() as (_, progress):
            return progress


async def load_tree(connection: Connection, progress: Progress, *sizes: int) -> KeptTree:
    """Loads what the roots of the tree at its own size and at these smaller ones are computed from."""
    return await fetch_kept_tree(connection, progress.log, progress.size, *sizes)
