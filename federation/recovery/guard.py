"""Asks the peers, before anything is signed, whether they have seen more of our own log than the database holds."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Final

import structlog

from directory.clock import Clock
from directory.store.database import Connection
from federation.errors import DatabaseIsOlder, LogRefused
from federation.keys.chain import find_keys_in_power
from federation.keys.documents import load_documents
from federation.keys.instance import InstanceKeys
from federation.own_log.preconditions import former_root, load_state
from federation.recovery.asking import ask_checkpoints
from federation.recovery.believing import Seen, see
from federation.recovery.copies import Copy
from federation.store.recovering import list_confirmed_addresses
from federation.tlog.checkpoint import Checkpoint
from federation.tlog.merkle import EMPTY_ROOT
from federation.tlog.text import count_leaves

BRING_BACK: Final = (
    "Run `passerelle recover`: it brings what is missing back from the peers. Before it does, it tells where somebody else may"
    ' have signed that (docs/operations.md, "A database from a backup").'
)
FORKED: Final = (
    "Somebody else signs with the keys of this log, or did: a second copy of this instance, or a thief. Stop the other"
    ' copy; where it was a thief, run `passerelle keys recover` (docs/operations.md, "A database from a backup").'
)
OpenCopies = Callable[[Sequence[str]], AbstractAsyncContextManager[Sequence[Copy]]]
"""Opens the copies at these addresses, until the block ends."""

log = structlog.get_logger(__name__)


class PeerGuard:
    """Refuses to sign what peers would take for a fork. Where no peer answers, the mark beside the keys decides alone.

    A peer is believed only what a key of our own has signed: one that lies, or is behind, changes nothing.
    """

    def __init__(self, open_copies: OpenCopies, clock: Clock) -> None:
        self._open_copies = open_copies
        self._clock = clock

    async def check(self, connection: Connection, keys: InstanceKeys) -> None:
        """Raises LogRefused where a peer has a tree that the database does not hold, signed by this log."""
        addresses = await list_confirmed_addresses(connection)
        if not addresses:
            return
        async with self._open_copies(addresses) as copies:
            told = await ask_checkpoints(copies)
        chain = [document for document, _ in await load_documents(connection)]
        held = [key.vkey for key in keys.logs]
        believed = find_keys_in_power(chain, held, int(self._clock.now().timestamp()))
        for each in told:
            found = see(each, keys.origin, believed)
            if isinstance(found, Seen):
                await self._compare(connection, found)
            else:
                log.info("a peer does not say what it has of our log", address=each.address, reason=found)

    @staticmethod
    async def _compare(connection: Connection, seen: Seen) -> None:
        theirs = seen.checkpoint
        state = await load_state(connection, theirs.origin)
        ours = Checkpoint(theirs.origin, 0, EMPTY_ROOT) if state is None else state.staged
        if theirs.size > ours.size:
            raise DatabaseIsOlder(
                f"{seen.address} has seen {count_leaves(theirs.size)} of this log, signed by its key, and the database holds"
                f" {ours.size}. It seems to come from a backup, or to be new",
                mend=BRING_BACK,
            )
        if await former_root(connection, theirs.size) != theirs.root:
            raise LogRefused(
                f"{seen.address} has another tree of {theirs.size} leaves than the database, signed by the key of this log",
                mend=FORKED,
            )
