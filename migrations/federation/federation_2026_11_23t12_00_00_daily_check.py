"""What the last daily check of the log has found, and when it was made."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from migrations.sql import forward

ID = "2026-11-23T12:00:00:000001"
VERSION = "1.38.0"
DESCRIPTION = "the daily check"

STATEMENTS = [
    """CREATE TABLE daily_check (
        id smallint PRIMARY KEY CHECK (id = 1),
        made_at timestamptz NOT NULL,
        leaves bigint NOT NULL,
        faults integer NOT NULL,
        first_fault text NOT NULL
    )""",
]


async def forwards() -> MigrationManager:
    return forward(ID, "federation", DESCRIPTION, STATEMENTS)
