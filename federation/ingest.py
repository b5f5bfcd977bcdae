"""The one door into the answers: what a signed, published checkpoint covers comes in, what it revokes goes.

A mapping answers only from here on. For our own log nothing has to be fetched: its rows wait in the directory.
"""

from directory.store.database import Connection
from federation.store.own_mappings import activate, erase_revoked


async def ingest_own_leaves(connection: Connection, origin: str, first: int, size: int) -> int:
    """Takes in the leaves of our own log from `first` up to `size`, which is published; then erases what the log
    has revoked. Can be repeated. Returns up to which leaf nothing is left to do. The caller holds a transaction.
    """
    done = await activate(connection, origin, first, size) if size > first else True
    await erase_revoked(connection, origin, size)
    return size if done else first
