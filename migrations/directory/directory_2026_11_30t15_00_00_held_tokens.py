"""Until when somebody renews a token."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from migrations.sql import forward

ID = "2026-11-30T15:00:00:000001"
VERSION = "1.38.0"
DESCRIPTION = "until when a token is held by who renews it"

STATEMENTS = ["ALTER TABLE token ADD COLUMN held_until timestamptz"]


async def forwards() -> MigrationManager:
    return forward(ID, "directory", DESCRIPTION, STATEMENTS)
