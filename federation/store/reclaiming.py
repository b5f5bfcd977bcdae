"""Ties the publications of members to the leaves of a log that was brought back. The caller holds a transaction, and the
rows of both.

What the log says counts: a publication that it has revoked ends. What was still to be published may have been published
and withdrawn since, and is not published against a withdrawal.
"""

from dataclasses import dataclass
from typing import Final

from directory.store.database import Connection
from directory.store.mapping_conditions import IS_ACTIVE, IS_PENDING
from directory.store.mapping_rows import withdraw_mappings
from directory.store.publication_rows import withdraw_publications

_BY_HASH: Final = "SET LOCAL enable_nestloop = off"
"""What was just brought back has no statistics: each row would be compared with each."""
_AS_BEFORE: Final = "SET LOCAL enable_nestloop = on"
_SAME_PAIR: Final = (
    "n.network = m.network AND n.target_id = m.target_id AND n.x_handle_key = m.x_handle_key"
    " AND n.x_id IS NOT DISTINCT FROM m.x_id"
)
_N_IS_ACTIVE: Final = IS_ACTIVE.replace("m.", "n.")
_IS_HELD: Final = (
    "(EXISTS (SELECT FROM publication p WHERE p.mapping = n.id)"
    " OR EXISTS (SELECT FROM publication p WHERE p.replaces = n.id))"
)
# Of several leaves that say the same, the last one is what a publication said last.
_FIND: Final = f"""
SELECT DISTINCT ON (p.id) p.id, p.mapping, p.replaces, n.id AS found
FROM publication p JOIN mapping m ON m.id = p.mapping JOIN mapping n ON n.origin = m.origin AND {_SAME_PAIR}
WHERE m.origin = $1 AND n.leaf >= $2 AND {_N_IS_ACTIVE} AND n.id <> m.id AND NOT {_IS_HELD}
ORDER BY p.id, n.leaf DESC
"""
_IS_REVOKED: Final = "EXISTS (SELECT FROM log_revoke r WHERE r.target = m.leaf)"
_ENDED: Final = f"""
SELECT p.id FROM publication p JOIN mapping m ON m.id = p.mapping LEFT JOIN mapping f ON f.id = p.replaces
WHERE m.origin = $1 AND ({_IS_REVOKED} OR {IS_PENDING} AND m.leaf IS NULL AND (
    EXISTS (SELECT FROM log_revoke r WHERE r.target = f.leaf) OR f.id IS NULL AND $2))
"""
_REPLACED: Final = """
UPDATE publication p SET replaces = NULL FROM mapping f, log_revoke r
WHERE f.id = p.replaces AND f.origin = $1 AND r.target = f.leaf RETURNING f.id
"""
_TWICE: Final = f"""
SELECT m.id FROM mapping m WHERE m.origin = $1 AND m.leaf >= $2 AND {IS_ACTIVE}
    AND NOT EXISTS (SELECT FROM publication p WHERE p.mapping = m.id OR p.replaces = m.id)
    AND EXISTS (SELECT FROM mapping n WHERE n.origin = m.origin AND {_N_IS_ACTIVE} AND {_SAME_PAIR}
        AND (n.leaf > m.leaf OR EXISTS (SELECT FROM publication p WHERE p.mapping = n.id)))
"""


@dataclass(frozen=True, slots=True)
class Reclaimed:
    """How many publications go on with a leaf that was brought back, and how many have ended."""

    kept: int
    ended: int


async def hold_publications(connection: Connection) -> None:
    """Keeps members from changing a publication until the transaction ends. Reads go on."""
    await connection.execute("LOCK TABLE publication, mapping IN EXCLUSIVE MODE")


async def reclaim_publications(
    connection: Connection, origin: int, base: int, *, may_have_ended: bool
) -> Reclaimed:
    """Ties each publication to the leaf from `base` on that says it, and ends those that the log has revoked.

    `may_have_ended`: leaves from `base` on were revoked, of which nobody knows what they said. A publication that waited
    for its first leaf, and is not found in the log, may have been one of them, and ends as well.
    """
    await connection.execute(_BY_HASH)
    found = await connection.fetch(_FIND, origin, base)
    await connection.execute(
        "UPDATE publication SET mapping = f.mapping, replaces = NULL"
        " FROM unnest($1::uuid[], $2::bigint[]) AS f (id, mapping) WHERE publication.id = f.id",
        [row["id"] for row in found],
        [row["found"] for row in found],
    )
    former = [number for row in found for number in (row["mapping"], row["replaces"]) if number is not None]
    former += [row["id"] for row in await connection.fetch(_REPLACED, origin)]
    await withdraw_mappings(connection, former)
    ended = await connection.fetch(_ENDED, origin, may_have_ended)
    await withdraw_publications(connection, [row["id"] for row in ended])
    twice = await connection.fetch(_TWICE, origin, base)
    await connection.execute(_AS_BEFORE)
    await withdraw_mappings(connection, [row["id"] for row in twice])
    return Reclaimed(len(found), len(ended))
