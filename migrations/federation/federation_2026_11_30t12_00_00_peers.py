"""What of a peer's log is read without a cap, which of its documents is still to be had, and how a peer stood before it was
frozen."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from migrations.sql import forward

ID = "2026-11-30T12:00:00:000001"
VERSION = "1.38.0"
DESCRIPTION = "what of a peer's log is free, which document is missing, how it stood before a freeze"

STATEMENTS = [
    "ALTER TABLE peer_log ADD COLUMN free_size bigint NOT NULL DEFAULT 0",
    "UPDATE peer_log SET free_size = day_size",
    "ALTER TABLE peer_log ADD COLUMN unread_document bigint",
    "ALTER TABLE peer ADD COLUMN frozen_from smallint",
]


async def forwards() -> MigrationManager:
    return forward(ID, "federation", DESCRIPTION, STATEMENTS)
