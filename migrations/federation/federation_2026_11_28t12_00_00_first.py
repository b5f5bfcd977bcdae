"""The first schema of the federation: our own signed log, and its daily check."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from migrations.sql import forward

ID = "2026-11-28T12:00:00:000001"
VERSION = "1.38.0"
DESCRIPTION = "the first schema"

# EXTERNAL: hashes do not compress, and trying takes longer than writing them; a part of a tile can be read alone.
STATEMENTS = [
    """CREATE TABLE log_state (
        id smallint PRIMARY KEY CHECK (id = 1),
        origin text NOT NULL,
        staged_size bigint NOT NULL,
        staged_root bytea NOT NULL,
        staged_at timestamptz NOT NULL,
        issued_at timestamptz NOT NULL,
        signed bytea,
        published bytea,
        published_size bigint NOT NULL,
        ingested_size bigint NOT NULL
    )""",
    """CREATE TABLE log_doubt (
        id smallint PRIMARY KEY CHECK (id = 1),
        since timestamptz NOT NULL,
        reason text NOT NULL
    )""",
    """CREATE TABLE log_cosignature (
        id serial PRIMARY KEY,
        origin text NOT NULL,
        name text NOT NULL,
        key_id bytea NOT NULL,
        size bigint NOT NULL,
        root bytea NOT NULL,
        at timestamptz NOT NULL,
        line text NOT NULL
    )""",
    "CREATE UNIQUE INDEX log_cosignature_witness ON log_cosignature (origin, name)",
    """CREATE TABLE log_tile (
        place bigint PRIMARY KEY,
        data bytea NOT NULL
    )""",
    "ALTER TABLE log_tile ALTER COLUMN data SET STORAGE EXTERNAL",
    """CREATE TABLE log_statement (
        leaf bigint PRIMARY KEY,
        salt bytea NOT NULL,
        body bytea NOT NULL,
        ended smallint,
        revoked_by bigint
    )""",
    # Statistics hold samples of what is in a column, longer than the rows themselves.
    "ALTER TABLE log_statement ALTER COLUMN salt SET STATISTICS 0, ALTER COLUMN body SET STATISTICS 0",
    "CREATE INDEX log_statement_revoked ON log_statement (revoked_by) WHERE revoked_by IS NOT NULL",
    """CREATE TABLE log_revoke (
        target bigint PRIMARY KEY,
        leaf bigint NOT NULL
    )""",
    """CREATE TABLE log_operations (
        number integer PRIMARY KEY,
        note bytea NOT NULL,
        leaf bigint UNIQUE
    )""",
    """CREATE TABLE proof_link (
        token_hash bytea PRIMARY KEY,
        leaf bigint NOT NULL,
        expires timestamptz NOT NULL
    )""",
    "CREATE INDEX proof_link_expires ON proof_link (expires)",
    "CREATE INDEX mapping_withdrawn ON mapping (origin, leaf) WHERE state = 2 AND leaf IS NOT NULL",
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
