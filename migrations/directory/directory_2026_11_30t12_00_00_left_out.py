"""Which leaves of a peer were left out, since its log says too much of one X account."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from migrations.sql import forward

ID = "2026-11-30T12:00:00:000002"
VERSION = "1.38.0"
DESCRIPTION = "leaves that were left out, to be asked for again"

STATEMENTS = [
    """CREATE TABLE left_out (
        id bigserial PRIMARY KEY,
        origin integer NOT NULL REFERENCES origin (id) ON DELETE CASCADE ON UPDATE RESTRICT,
        leaf bigint NOT NULL,
        x_id bigint,
        x_handle_key varchar(20) COLLATE "C" NOT NULL
    )""",
    "CREATE UNIQUE INDEX left_out_leaf ON left_out (origin, leaf)",
    "CREATE INDEX left_out_x_id ON left_out (origin, x_id, leaf) WHERE x_id IS NOT NULL",
    "CREATE INDEX left_out_x_handle ON left_out (origin, x_handle_key, leaf)",
]


async def forwards() -> MigrationManager:
    return forward(ID, "directory", DESCRIPTION, STATEMENTS)
