"""The operations documents of our own log, as the database keeps them."""

from collections.abc import Sequence
from datetime import datetime

from directory.store.database import Connection
from federation.errors import LogRefused, Malformed, UntrustedOperations
from federation.keys.chain import in_force, index_come, index_in_force, open_chain
from federation.keys.operations import Operations
from federation.store.log_rows import fetch_operation_notes
from federation.tlog.keys import VerifierKey

KeptDocument = tuple[Operations, int | None]
"""A document and its leaf, None where it waits for the next batch."""


async def load_documents(connection: Connection) -> list[KeptDocument]:
    """Loads all operations documents, verified as a chain, the first one first. Raises LogRefused."""
    rows = await fetch_operation_notes(connection)
    try:
        if not rows:
            return []
        first = Operations.parse(rows[0][0].partition(b"\n\n")[0].decode("ascii", "replace") + "\n")
        chain = open_chain([note for note, _ in rows], first.log_key)
    except (Malformed, UntrustedOperations) as error:
        raise LogRefused(f"the operations documents in the database are not in order: {error}") from error
    return list(zip(chain, [leaf for _, leaf in rows], strict=True))


def find_in_force(documents: Sequence[KeptDocument], now: datetime) -> Operations | None:
    """Finds the document in force among those in the log. Returns None where there is none yet."""
    said = [document for document, leaf in documents if leaf is not None]
    return in_force(said, int(now.timestamp())) if said else None


def find_signers(chain: Sequence[Operations], now: int) -> tuple[list[VerifierKey], list[VerifierKey]]:
    """Finds the keys that sign the next checkpoint: those that must, and those that do if they are here.

    The keys of the document in force and of later ones must, so that nothing changes for readers when the time of these
    comes. A recovery says that the keys before it are lost or stolen.
    """
    first, in_power = index_come(chain, now), index_in_force(chain, now)
    required = _keys_of(chain[in_power:])
    return required, [key for key in _keys_of(chain[first:in_power]) if key not in required]


def _keys_of(chain: Sequence[Operations]) -> list[VerifierKey]:
    return list(dict.fromkeys(key for document in chain for key in document.checkpoint_keys))
