"""The operations documents of our own log, as the database keeps them."""

from directory.store.database import Connection
from federation.errors import LogRefused, Malformed, UntrustedOperations
from federation.keys.chain import open_chain
from federation.keys.operations import Operations
from federation.store.log_rows import fetch_operation_notes

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
