"""Since when the evidence of a claim was seen not to hold."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from migrations.sql import forward

ID = "2026-11-30T13:00:00:000001"
VERSION = "1.38.0"
DESCRIPTION = "when a claim was first seen not to hold"

STATEMENTS = ["ALTER TABLE contested_claim ADD COLUMN doubted_at timestamptz"]


async def forwards() -> MigrationManager:
    return forward(ID, "directory", DESCRIPTION, STATEMENTS)
