"""Stops our own log where a peer has shown a checkpoint of it that this database does not lead to.

A database from a backup, with a mark from the same backup beside the keys, looks whole. What was signed since is known to
the witnesses that have cosigned it: to sign anything else would fork the log. The checkpoint counts only under keys that
are in power, or that the folder holds and no document names yet: who has stolen a former key cannot stop the log with it.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from directory.store.database import Connection
from federation.errors import DatabaseIsOlder, LogRefused, Malformed, UntrustedNote
from federation.keys.chain import find_keys_in_power
from federation.keys.documents import load_documents
from federation.own_log.high_water import RESTORE
from federation.own_log.preconditions import former_root, load_state
from federation.protocol.log_state import LogState
from federation.store.known import delete_known, fetch_known
from federation.tlog.checkpoint import Checkpoint, LogTrust, SignedCheckpoint, open_checkpoint
from federation.tlog.keys import VerifierKey
from federation.tlog.note import NoteVerifier
from federation.tlog.text import count_leaves

FORKED: Final = (
    "Stop the instance: two databases have written this log, or somebody else holds its key"
    ' (docs/operations.md, "A peer that is frozen").'
)


async def check_known(
    connection: Connection, origin: str, folder: Sequence[VerifierKey], now: datetime
) -> None:
    """Checks that our tree begins with what a peer has shown of it. One that it leads to by now, or that no key in power
    has signed, is forgotten.

    Raises LogRefused.
    """
    known = await fetch_known(connection)
    if known is None:
        return
    signed = await open_known(connection, origin, known.note, folder, now)
    state = await load_state(connection, origin)
    if signed is None or await leads_to(connection, state, signed.checkpoint):
        await delete_known(connection, known)
        return
    size = 0 if state is None else state.staged.size
    if signed.checkpoint.size > size:
        raise DatabaseIsOlder(
            f"the database is older than what this instance has signed: it holds {count_leaves(size)}, and {known.told_by}"
            f" has shown a checkpoint of {signed.checkpoint.size}. It seems to come from a backup",
            mend=RESTORE,
        )
    raise LogRefused(
        f"{known.told_by} has shown another tree of {count_leaves(signed.checkpoint.size)} that a key of this log has signed",
        mend=FORKED,
    )


async def open_known(
    connection: Connection, origin: str, note: bytes, folder: Sequence[VerifierKey], now: datetime
) -> SignedCheckpoint | None:
    """Opens a checkpoint of our own log. Returns None where no key that is in power has signed it."""
    documents = [document for document, _ in await load_documents(connection)]
    keys = find_keys_in_power(documents, folder, int(now.timestamp()))
    try:
        return open_checkpoint(note, LogTrust(origin, tuple(map(NoteVerifier, keys))))
    except (Malformed, UntrustedNote):
        return None


async def leads_to(connection: Connection, state: LogState | None, checkpoint: Checkpoint) -> bool:
    """Whether our own tree, as it is staged, begins with that of a checkpoint."""
    if state is None or checkpoint.size > state.staged.size:
        return False
    return await former_root(connection, checkpoint.size) == checkpoint.root
