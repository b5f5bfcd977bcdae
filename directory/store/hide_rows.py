"""Keeps the rows of hides up to date with an X account: its id, and its present handle. The caller holds a
transaction.

Trusted: whoever can change these rows decides what this instance does not answer.
"""

from typing import Final

from directory.accounts import XAccount
from directory.store.database import Connection

# Hides with a member are of our own log, whose accounts are known here.
_LEARN_ID: Final = """
UPDATE hide h SET x_id = $1
WHERE h.member IS NOT NULL AND h.x_id IS NULL AND h.x_handle_key = $2 AND NOT EXISTS (
    SELECT FROM hide other WHERE other.origin = h.origin AND other.network = h.network
    AND other.x_handle_key = h.x_handle_key AND other.x_id = $1)
"""
# Beside the former handle, not in its place: a mapping under that one may still answer.
_ADD_HANDLE: Final = """
INSERT INTO hide (id, origin, network, x_id, x_handle, x_handle_key, leaf, member, reason, hidden_by, hidden_at)
SELECT DISTINCT ON (h.origin, h.network) gen_random_uuid(), h.origin, h.network, h.x_id, $3, $2, h.leaf, h.member,
    h.reason, h.hidden_by, h.hidden_at
FROM hide h WHERE h.member IS NOT NULL AND h.x_id = $1 ORDER BY h.origin, h.network, h.hidden_at, h.id
ON CONFLICT (origin, network, x_handle_key, coalesce(x_id, 0)) DO NOTHING
"""
_COPY: Final = """
INSERT INTO hide (id, origin, network, x_id, x_handle, x_handle_key, reason, hidden_by, hidden_at)
SELECT gen_random_uuid(), n.id, h.network, h.x_id, h.x_handle, h.x_handle_key, h.reason, h.hidden_by, h.hidden_at
FROM hide h JOIN origin o ON o.id = h.origin, origin n WHERE o.name = $1 AND n.name = $2
ON CONFLICT (origin, network, x_handle_key, coalesce(x_id, 0)) DO NOTHING
"""


async def tell_hides_of_account(connection: Connection, x: XAccount) -> None:
    """Adds to the hides of a member's X account its id and its handle, as they were just seen.

    A mapping of the account may leave its id out, and may be published again only later, under another handle.
    """
    if x.id is None:
        return
    await connection.execute(_LEARN_ID, x.id.value, x.handle.key)
    await connection.execute(_ADD_HANDLE, x.id.value, x.handle.key, str(x.handle))


async def copy_hides(connection: Connection, before: str, after: str) -> None:
    """Hides what `after` says of the X accounts of which `before` is hidden: a log that goes on under another name says the
    same again. The leaves are those of the former log, and no member of ours is in either."""
    await connection.execute(_COPY, before, after)
