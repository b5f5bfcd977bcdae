"""Has our own log stand like that of a silent peer, while the database is older than what was signed.

Who withdrew since the backup would be followed again, unseen. What a peer withdrew is as little known while it is silent:
after a day its mappings are stale, and followed unseen by nobody; after seven they do not answer. So do ours, counted from the
last time at which this database was whole, and stale at once; until `passerelle recover` has brought the rest back.
"""

from datetime import datetime

from directory.origins import STALE_AFTER
from directory.store.database import Connection
from directory.store.origins import silence_origin, unsilence_origin
from federation.keys.operations import witness_of
from federation.store.cosignatures import find_cosignature
from federation.store.log_rows import fetch_state


async def fall_silent(connection: Connection, origin: str, now: datetime) -> None:
    """Has our own log count as silent. It can be repeated: the first time stays."""
    state = await fetch_state(connection)
    if state is None:
        return
    cosigned = await find_cosignature(connection, origin, witness_of(origin))
    whole_at = max(state.staged_at, cosigned.at) if cosigned is not None else state.staged_at
    await silence_origin(connection, origin, min(whole_at, now - STALE_AFTER))


async def speak_again(connection: Connection, origin: str) -> bool:
    """Has our own log answer as ever, since the database is whole. Returns whether it was silent."""
    return await unsilence_origin(connection, origin)
