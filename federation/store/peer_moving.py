"""Carries what operators have decided about a peer over to the log of its new name. The caller holds the transaction.

Trusted as the table of peers is: whoever can write here decides who is given our members' mappings.
"""

from typing import Final

from directory.store.database import Connection
from federation.protocol.peer import TheyFollow, WeFollow

# What was decided about the new name stays, where it is more.
_CARRY: Final = """
UPDATE peer n SET we_follow = greatest(n.we_follow, CASE WHEN o.we_follow > $3 THEN $4 ELSE $3 END),
    they_follow = CASE WHEN o.they_follow = $5 THEN o.they_follow ELSE n.they_follow END,
    is_listed = o.is_listed, strengths = o.strengths, daily_cap = o.daily_cap, growth_cap = o.growth_cap,
    sample_size = o.sample_size
FROM peer o WHERE o.origin = $1 AND n.origin = $2 AND o.confirmed_at IS NOT NULL AND n.confirmed_at IS NOT NULL
"""


async def fetch_said_documents(connection: Connection, origin: str) -> list[bytes]:
    """Fetches the documents of a peer's log whose entries were read in its tree, the first one first."""
    rows = await connection.fetch(
        "SELECT d.note FROM peer_document d JOIN peer_log l ON l.id = d.log"
        " WHERE l.origin = $1 AND d.leaf IS NOT NULL ORDER BY d.number",
        origin,
    )
    return [bytes(row["note"]) for row in rows]


async def fetch_first_document(connection: Connection, origin: str) -> bytes | None:
    """Fetches the first document of a peer's log. Returns None where none is held."""
    found = await connection.fetchval(
        "SELECT d.note FROM peer_document d JOIN peer_log l ON l.id = d.log WHERE l.origin = $1 AND d.number = 0",
        origin,
    )
    return None if found is None else bytes(found)


async def carry_decisions(connection: Connection, old: str, new: str) -> bool:
    """Copies directions and policy, and records where the old one has gone. Returns False where one of them is not
    confirmed."""
    done = await connection.execute(
        _CARRY, old, new, WeFollow.NO.value, WeFollow.ASKED.value, TheyFollow.APPROVED.value
    )
    if done != "UPDATE 1":
        return False
    await connection.execute("UPDATE peer SET moved_to = $2 WHERE origin = $1", old, new)
    return True


async def limit_as(connection: Connection, old: str, new: str, *, limited: int, following: int) -> None:
    """Limits the new origin where the old one is limited."""
    await connection.execute(
        "UPDATE origin n SET standing = $3 FROM origin o"
        " WHERE o.name = $1 AND n.name = $2 AND o.standing = $3 AND n.standing = $4",
        old,
        new,
        limited,
        following,
    )
