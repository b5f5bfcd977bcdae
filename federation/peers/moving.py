"""A peer that has changed its domain: whether the logs of two names are of one house, and what is carried over then.

Both logs have to say so, in documents that are in force and were read in their trees, and an operator of ours has to
confirm it: a thief of a log key can say that it has moved, and nothing follows from that alone.
"""

from collections.abc import Sequence
from datetime import datetime

from directory.clock import Clock
from directory.origins import ANSWERING, Standing
from directory.store.database import Connection, Database
from directory.store.hide_rows import copy_hides
from federation.errors import FederationError, PeeringRefused
from federation.keys.chain import index_in_force, open_chain, open_first_operations
from federation.keys.moving import is_same_house
from federation.keys.operations import Operations
from federation.store.peer_moving import (
    carry_decisions,
    fetch_first_document,
    fetch_said_documents,
    limit_as,
)
from federation.store.peers import fetch_peer, fetch_standing
from federation.tlog.keys import VerifierKey


def moved_to_of(chain: Sequence[Operations], now: datetime) -> str | None:
    """Returns the origin to which a log says that its instance has moved, by the document in force. None where it says no
    such thing, or a recovery has taken it back."""
    if not chain:
        return None
    said = chain[index_in_force(chain, int(now.timestamp()))].moved_to
    return None if said is None else said.name


class PeerMoving:
    """Carries trust over to a peer's new name. Trusted: it lets another log have what one was given."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def find_former(self, new: str) -> str | None:
        """Finds the peer that goes on as `new`. Returns None where there is none, or it does not answer here."""
        async with self._database.connection() as connection:
            return await self._find_former(connection, new)

    async def carry_over(self, new: str) -> str:
        """Lets the log `new`, whose keys an operator has confirmed, stand as the one that it goes on from: directions,
        policy, a limit, and what moderators have hidden. What the former log said stays until it revokes it or falls silent.

        Returns the origin of the former log. Raises PeeringRefused where there is none.
        """
        async with self._database.transaction() as connection:
            old = await self._find_former(connection, new)
            if old is None or not await carry_decisions(connection, old, new):
                raise PeeringRefused(
                    f"{new} is not where a peer of this instance goes on: both logs have to say so, and both keys have to"
                    " be confirmed"
                )
            await limit_as(
                connection,
                old,
                new,
                limited=Standing.LIMITED.value,
                following=Standing.FOLLOWING.value,
            )
            await copy_hides(connection, old, new)
        return old

    async def _find_former(self, connection: Connection, new: str) -> str | None:
        first = await self._first_of(connection, new)
        if first is None or first.moved_from is None:
            return None
        old = first.moved_from.name
        peer = await fetch_peer(connection, old)
        if peer is None or not peer.is_confirmed or await fetch_standing(connection, old) not in ANSWERING:
            return None
        chain = await self._chain_of(connection, old, VerifierKey.parse(peer.first_key))
        end = index_in_force(chain, int(self._clock.now().timestamp())) + 1 if chain else 0
        return old if is_same_house(chain[:end], first) else None

    @staticmethod
    async def _first_of(connection: Connection, origin: str) -> Operations | None:
        peer, note = await fetch_peer(connection, origin), await fetch_first_document(connection, origin)
        if peer is None or not peer.is_confirmed or note is None:
            return None
        try:
            return open_first_operations(note, VerifierKey.parse(peer.first_key))
        except FederationError:
            return None

    @staticmethod
    async def _chain_of(connection: Connection, origin: str, first_key: VerifierKey) -> list[Operations]:
        try:
            return open_chain(await fetch_said_documents(connection, origin), first_key)
        except FederationError:
            return []
