"""Makes a peer whose log was read, straight in the tables: for tests that are not about how it was read."""

from datetime import datetime
from typing import Final

from directory.answers import take_in_leaves
from directory.mappings import Mapping
from directory.store.database import Database
from federation.protocol.peer_places import peer_place
from tests.directory.test_answers import said

_PEER: Final = (
    "INSERT INTO peer (origin, address, first_key, we_follow, confirmed_at) VALUES ($1, $2, '', 2, $3)"
)
_LOG: Final = (
    "INSERT INTO peer_log (origin, size, root, bodies_size, next_at, target_size)"
    " VALUES ($1, $2, '', $2, $3, $2) RETURNING id"
)


async def add_peer(database: Database, origin: str, at: datetime, *people: Mapping) -> int:
    """Adds a peer that was heard at a time, with the mappings and bodies of its log. Returns the number of the log."""
    async with database.transaction() as connection:
        await connection.execute(_PEER, origin, f"https://{origin.removesuffix('/log')}", at)
        log = int(await connection.fetchval(_LOG, origin, len(people), at))
        await take_in_leaves(connection, origin, said(*people), at)
        await connection.executemany(
            "INSERT INTO peer_statement (place, salt, body) VALUES ($1, $2, $3)",
            [(peer_place(log, leaf), b"s" * 32, b"{}") for leaf in range(len(people))],
        )
        await connection.execute(
            "INSERT INTO origin (name, heard_at) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET heard_at = $2",
            origin,
            at,
        )
    return log
