"""Reads what our own log has beside each leaf: salt and body, why it ended, or which entry revokes it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from directory.store.database import Database
from directory.store.mapping_conditions import IS_WITHDRAWN
from federation.protocol.tile_places import place_of
from federation.store.own_mappings import TRUE_REASON
from federation.tlog.tiles import TILE_WIDTH, Bundle

# What was withdrawn is not served from that moment on, nor what is staged to be revoked.
_STATEMENTS: Final = f"""
SELECT s.leaf, s.salt, s.body,
    CASE WHEN {IS_WITHDRAWN} OR s.ended IS NOT NULL OR s.revoked_by IS NOT NULL THEN {TRUE_REASON} END AS reason
FROM log_statement s LEFT JOIN mapping m ON m.leaf = s.leaf AND m.origin = (SELECT id FROM origin WHERE name = $1)
WHERE s.leaf >= $3 AND s.leaf < $4 ORDER BY s.leaf
"""


@dataclass(frozen=True, slots=True)
class StoredBundle:
    """What is stored for the leaves of one entry bundle, as of one moment."""

    size: int
    """The size of the published tree."""
    entries: bytes
    """The stored bundle, which may be wider than what is published."""
    statements: dict[int, tuple[bytes, bytes, int | None]]
    """Salt, body, and the true reason where a revoke is to come, by leaf."""
    revokes: dict[int, int]
    """The revoking entry by its target; it may be staged and not yet published."""


class BodyStore:
    """Reads the bodies of our own log. Not trusted: who asks holds each body against its commitment."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read_bundle(self, number: int, now: datetime) -> StoredBundle | None:
        """Reads what is stored for the leaves of bundle `number`. Returns None before the log is published, and where
        the bundle is not stored."""
        first, end = number * TILE_WIDTH, (number + 1) * TILE_WIDTH
        async with (
            self._database.connection() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            state = await connection.fetchrow(
                "SELECT origin, published_size, data FROM log_state JOIN log_tile ON place = $1"
                " WHERE published IS NOT NULL",
                place_of(Bundle(number)),
            )
            if state is None:
                return None
            statements = await connection.fetch(_STATEMENTS, state["origin"], now, first, end)
            revokes = await connection.fetch(
                "SELECT target, leaf FROM log_revoke WHERE target >= $1 AND target < $2", first, end
            )
        return StoredBundle(
            state["published_size"],
            bytes(state["data"]),
            {row["leaf"]: (row["salt"], row["body"], row["reason"]) for row in statements},
            {row["target"]: row["leaf"] for row in revokes},
        )
