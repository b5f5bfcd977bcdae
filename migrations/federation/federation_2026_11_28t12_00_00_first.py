"""The first schema of the federation: our own signed log, its daily check, and the logs of peers."""

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
    # What is brought back of our own log, before all of it is there and becomes part of the log at once.
    """CREATE TABLE log_recovery (
        id smallint PRIMARY KEY CHECK (id = 1),
        base_size bigint NOT NULL,
        note bytea NOT NULL,
        source text NOT NULL
    )""",
    """CREATE TABLE recovered_bundle (
        number bigint PRIMARY KEY,
        data bytea NOT NULL
    )""",
    "ALTER TABLE recovered_bundle ALTER COLUMN data SET STORAGE EXTERNAL",
    """CREATE TABLE recovered_statement (
        leaf bigint PRIMARY KEY,
        salt bytea NOT NULL,
        body bytea NOT NULL
    )""",
    "ALTER TABLE recovered_statement ALTER COLUMN salt SET STATISTICS 0, ALTER COLUMN body SET STATISTICS 0",
    # What a peer's log said is kept under `place`: the number of the log, and a leaf or a bundle of it (peer_places).
    """CREATE TABLE peer (
        origin text PRIMARY KEY,
        address text NOT NULL,
        name text NOT NULL DEFAULT '',
        contact text NOT NULL DEFAULT '',
        we_follow smallint NOT NULL DEFAULT 0,
        they_follow smallint NOT NULL DEFAULT 0,
        first_key text NOT NULL,
        confirmed_at timestamptz,
        asked_at timestamptz,
        is_listed boolean NOT NULL DEFAULT true,
        strengths smallint[] NOT NULL DEFAULT '{2,3,4}',
        daily_cap integer,
        growth_cap integer,
        sample_size integer NOT NULL DEFAULT 20,
        moved_to text
    )""",
    """CREATE TABLE peer_log (
        id serial PRIMARY KEY,
        origin text NOT NULL UNIQUE REFERENCES peer (origin) ON DELETE CASCADE ON UPDATE RESTRICT,
        size bigint NOT NULL DEFAULT 0,
        root bytea NOT NULL,
        frontier bytea NOT NULL DEFAULT ''::bytea,
        note bytea,
        cosigned_at timestamptz,
        target_size bigint NOT NULL DEFAULT 0,
        bodies_size bigint NOT NULL DEFAULT 0,
        day date,
        day_size bigint NOT NULL DEFAULT 0,
        day_taken bigint NOT NULL DEFAULT 0,
        skipped bigint NOT NULL DEFAULT 0,
        invalid bigint NOT NULL DEFAULT 0,
        stopped text NOT NULL DEFAULT '',
        fault text NOT NULL DEFAULT '',
        seen_at timestamptz,
        next_at timestamptz NOT NULL,
        attempts integer NOT NULL DEFAULT 0,
        failures integer NOT NULL DEFAULT 0
    )""",
    """CREATE TABLE peer_document (
        id serial PRIMARY KEY,
        log integer NOT NULL REFERENCES peer_log (id) ON DELETE CASCADE ON UPDATE RESTRICT,
        number integer NOT NULL,
        note bytea NOT NULL,
        leaf bigint
    )""",
    "CREATE UNIQUE INDEX peer_document_number ON peer_document (log, number)",
    """CREATE TABLE peer_bundle (
        place bigint PRIMARY KEY,
        data bytea NOT NULL,
        root bytea
    )""",
    "ALTER TABLE peer_bundle ALTER COLUMN data SET STORAGE EXTERNAL",
    """CREATE TABLE peer_revoke (
        place bigint PRIMARY KEY,
        leaf bigint NOT NULL
    )""",
    """CREATE TABLE peer_statement (
        place bigint PRIMARY KEY,
        salt bytea NOT NULL,
        body bytea NOT NULL
    )""",
    "ALTER TABLE peer_statement ALTER COLUMN salt SET STATISTICS 0, ALTER COLUMN body SET STATISTICS 0",
    """CREATE TABLE peer_missing (
        place bigint PRIMARY KEY,
        missing_at timestamptz,
        asked_at timestamptz,
        is_breach boolean NOT NULL DEFAULT false
    )""",
    """CREATE TABLE peer_nonce (
        digest bytea PRIMARY KEY,
        until timestamptz NOT NULL
    )""",
    "CREATE INDEX peer_nonce_until ON peer_nonce (until)",
    """CREATE TABLE peer_evidence (
        id serial PRIMARY KEY,
        origin text NOT NULL,
        digest bytea NOT NULL UNIQUE,
        file bytea NOT NULL,
        found_at timestamptz NOT NULL,
        told_by text NOT NULL DEFAULT '',
        is_proven boolean NOT NULL DEFAULT false,
        explained text NOT NULL DEFAULT '',
        older_size bigint NOT NULL DEFAULT 0,
        newer_size bigint NOT NULL DEFAULT 0
    )""",
    "CREATE INDEX peer_evidence_origin ON peer_evidence (origin)",
    """CREATE TABLE peer_delivery (
        id serial PRIMARY KEY,
        evidence integer NOT NULL REFERENCES peer_evidence (id) ON DELETE CASCADE ON UPDATE RESTRICT,
        origin text NOT NULL REFERENCES peer (origin) ON DELETE CASCADE ON UPDATE RESTRICT,
        next_at timestamptz NOT NULL,
        attempts integer NOT NULL DEFAULT 0
    )""",
    "CREATE INDEX peer_delivery_due ON peer_delivery (next_at)",
    "CREATE INDEX peer_delivery_evidence ON peer_delivery (evidence)",
    "CREATE INDEX peer_delivery_origin ON peer_delivery (origin)",
    """CREATE TABLE peer_witnessed (
        origin text PRIMARY KEY,
        size bigint NOT NULL,
        root bytea NOT NULL,
        note bytea NOT NULL,
        at timestamptz NOT NULL,
        line text NOT NULL
    )""",
    """CREATE TABLE peer_witness (
        id serial PRIMARY KEY,
        origin text NOT NULL UNIQUE REFERENCES peer (origin) ON DELETE CASCADE ON UPDATE RESTRICT,
        size bigint NOT NULL DEFAULT 0,
        cosigned_at timestamptz,
        fault text NOT NULL DEFAULT '',
        next_at timestamptz NOT NULL,
        attempts integer NOT NULL DEFAULT 0,
        failures integer NOT NULL DEFAULT 0
    )""",
    "CREATE INDEX peer_witness_due ON peer_witness (next_at)",
    """CREATE TABLE log_known (
        id smallint PRIMARY KEY CHECK (id = 1),
        size bigint NOT NULL,
        note bytea NOT NULL,
        told_by text NOT NULL,
        seen_at timestamptz NOT NULL
    )""",
    """CREATE TABLE peer_silence (
        origin text PRIMARY KEY REFERENCES peer (origin) ON DELETE CASCADE ON UPDATE RESTRICT,
        heard_at timestamptz NOT NULL,
        seen_at timestamptz NOT NULL,
        days integer NOT NULL
    )""",
    """CREATE TABLE peer_sample (
        id serial PRIMARY KEY,
        origin text NOT NULL REFERENCES peer (origin) ON DELETE CASCADE ON UPDATE RESTRICT,
        month date NOT NULL,
        leaf bigint,
        result smallint,
        reason text NOT NULL DEFAULT '',
        next_at timestamptz NOT NULL,
        attempts integer NOT NULL DEFAULT 0
    )""",
    "CREATE UNIQUE INDEX peer_sample_leaf ON peer_sample (origin, month, leaf)",
    "CREATE INDEX peer_sample_due ON peer_sample (next_at) WHERE result IS NULL",
]


async def forwards() -> MigrationManager:
    return forward(ID, "federation", DESCRIPTION, STATEMENTS)
