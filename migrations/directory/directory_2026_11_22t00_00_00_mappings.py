"""The mappings, where they come from, and the ways they are looked up by."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from migrations.sql import forward

ID = "2026-11-22T00:00:00:000001"
VERSION = "1.38.0"
DESCRIPTION = "mappings and their origins"

# 1 is MappingState.ACTIVE: only active mappings answer, so only they are in the indexes of lookups.
# COLLATE "C": the keys are compared byte by byte, which is faster and the same everywhere.
STATEMENTS = [
    """CREATE TABLE origin (
        id serial PRIMARY KEY,
        name text NOT NULL UNIQUE,
        is_demo boolean NOT NULL DEFAULT false
    )""",
    """CREATE TABLE mapping (
        id bigserial PRIMARY KEY,
        x_id bigint,
        x_handle varchar(15) NOT NULL,
        x_handle_key varchar(15) COLLATE "C" NOT NULL,
        network smallint NOT NULL,
        target_id text COLLATE "C" NOT NULL,
        target_handle text NOT NULL,
        target_handle_key text COLLATE "C" NOT NULL,
        strength smallint NOT NULL,
        state smallint NOT NULL,
        origin integer NOT NULL REFERENCES origin (id) ON DELETE RESTRICT ON UPDATE RESTRICT,
        leaf bigint,
        issued timestamptz NOT NULL,
        expires timestamptz NOT NULL,
        evidence json NOT NULL
    )""",
    "CREATE INDEX mapping_x_id ON mapping (x_id) WHERE state = 1 AND x_id IS NOT NULL",
    "CREATE INDEX mapping_x_handle ON mapping (x_handle_key) WHERE state = 1",
    "CREATE INDEX mapping_x_handle_without_id ON mapping (x_handle_key) WHERE state = 1 AND x_id IS NULL",
    "CREATE INDEX mapping_target_id ON mapping (target_id) WHERE state = 1",
    "CREATE INDEX mapping_target_handle ON mapping (target_handle_key) WHERE state = 1",
    "CREATE UNIQUE INDEX mapping_origin_leaf ON mapping (origin, leaf) WHERE leaf IS NOT NULL",
]


async def forwards() -> MigrationManager:
    return forward(ID, "directory", DESCRIPTION, STATEMENTS)
