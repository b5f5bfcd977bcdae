"""The time by which what cannot be taken back is ended."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from migrations.sql import forward

ID = "2026-11-30T14:00:00:000001"
VERSION = "1.38.0"
DESCRIPTION = "the time that housekeeping believes"

STATEMENTS = [
    # One row: see directory/store/lived_time.py.
    """CREATE TABLE lived_time (
        id smallint PRIMARY KEY CHECK (id = 1),
        believed timestamptz NOT NULL,
        seen_at timestamptz NOT NULL,
        days integer NOT NULL
    )""",
]


async def forwards() -> MigrationManager:
    return forward(ID, "directory", DESCRIPTION, STATEMENTS)
