"""Finds the witness keys of peers, as their documents in force name them."""

from collections.abc import Collection
from contextlib import suppress

from directory.clock import Clock
from directory.origin_names import LOG_SUFFIX
from directory.store.database import Database
from federation.errors import UnknownLog
from federation.keys.operations import WITNESS_SUFFIX
from federation.keys.peer_chain import PeerChains
from federation.store.peer_chains import fetch_known_peers
from federation.tlog.keys import VerifierKey


class WitnessKeys:
    """The keys of the witnesses whose cosignatures this instance shows: of confirmed peers that are not suspended or
    frozen."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._chains = PeerChains()

    async def find(self, names: Collection[str]) -> dict[str, VerifierKey]:
        """Finds the keys of witnesses by their names; those of nobody that we know are left out."""
        origins = [
            name.removesuffix(WITNESS_SUFFIX) + LOG_SUFFIX for name in names if name.endswith(WITNESS_SUFFIX)
        ]
        found: dict[str, VerifierKey] = {}
        if not origins:
            return found
        async with self._database.connection() as connection:
            for peer in await fetch_known_peers(connection, origins):
                if not peer.is_heard:
                    continue
                with suppress(UnknownLog):
                    chain = await self._chains.load(connection, peer)
                    key = chain.in_force(self._clock.now()).witness_key
                    found[key.name] = key
        return found
