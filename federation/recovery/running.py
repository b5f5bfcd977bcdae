"""Runs a recovery from its first look to the mark, so that it can be interrupted and run again."""

from collections.abc import Sequence

from directory.clock import Clock
from directory.store.database import Connection
from federation.errors import LogRefused
from federation.keys.instance import KeyFolder
from federation.recovery.bringing_back import BroughtBack, bring_back, raise_mark
from federation.recovery.copies import Copy
from federation.recovery.gathering import Gathered, OnProgress, gather
from federation.recovery.outlook import Outlook, look


class Recovering:
    """Brings our own log back. The caller leads. Trusted with the keys' mark."""

    def __init__(self, connection: Connection, keys: KeyFolder, origin: str, clock: Clock) -> None:
        self._connection = connection
        self._keys = keys
        self._origin = origin
        self._clock = clock

    async def look(self, copies: Sequence[Copy]) -> Outlook:
        """Looks at what there is. Raises LogRefused, MissingKeys, UnsafeKeys."""
        return await look(self._connection, self._keys, self._origin, copies, self._clock.now())

    async def gather(self, outlook: Outlook, copies: Sequence[Copy], on_progress: OnProgress) -> Gathered:
        """Brings what is missing from peers, and verifies it; the log stays as it is. Raises LogRefused."""
        return await gather(self._connection, outlook, copies, on_progress)

    async def finish(self, outlook: Outlook) -> BroughtBack:
        """Makes what was gathered a part of the log, and sets the mark. Raises LogRefused, LogWaits."""
        brought = await bring_back(self._connection, self._keys, outlook, self._clock.now())
        raise_mark(self._keys, outlook)
        return brought

    def set_mark(self, outlook: Outlook) -> None:
        """Writes the mark for what the database holds and a peer has seen. Only at the operator's word: a peer that does
        not answer, or is behind, may know of less than was signed. Raises LogRefused."""
        if outlook.mark is None and not outlook.is_behind and is_known_to_a_peer(outlook):
            raise_mark(self._keys, outlook)
            return
        raise LogRefused("no peer has seen exactly what this database holds")


def is_known_to_a_peer(outlook: Outlook) -> bool:
    """Whether a peer has seen exactly the tree that the database holds."""
    return any(heard.seen is not None and heard.seen.checkpoint == outlook.held for heard in outlook.heard)
