"""Challenges that a proof post answers, and the checks of those posts."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from migrations.sql import forward

ID = "2026-11-22T13:00:00:000001"
VERSION = "1.38.0"
DESCRIPTION = "challenges and proof checks"

# 0 is ChallengeState.OPEN and CheckState.WAITING, 1 ChallengeState.USED.
STATEMENTS = [
    """CREATE TABLE challenge (
        id uuid PRIMARY KEY,
        member uuid NOT NULL REFERENCES member (id) ON DELETE CASCADE ON UPDATE RESTRICT,
        nonce_hash bytea NOT NULL UNIQUE,
        sealed bytea NOT NULL,
        instance text NOT NULL,
        language text NOT NULL,
        targets text[] NOT NULL,
        target_handles text[] NOT NULL,
        state smallint NOT NULL,
        created timestamptz NOT NULL,
        expires timestamptz NOT NULL,
        closed_at timestamptz
    )""",
    "CREATE UNIQUE INDEX challenge_open ON challenge (member) WHERE state = 0",
    "CREATE INDEX challenge_member ON challenge (member)",
    "CREATE INDEX challenge_expires ON challenge (expires) WHERE state <> 1",
    """CREATE TABLE proof_check (
        id uuid PRIMARY KEY,
        challenge uuid NOT NULL REFERENCES challenge (id) ON DELETE CASCADE ON UPDATE RESTRICT,
        member uuid NOT NULL REFERENCES member (id) ON DELETE CASCADE ON UPDATE RESTRICT,
        post_id bigint NOT NULL,
        state smallint NOT NULL,
        attempts smallint NOT NULL DEFAULT 0,
        created timestamptz NOT NULL,
        next_at timestamptz NOT NULL,
        finished_at timestamptz,
        reason text
    )""",
    "CREATE UNIQUE INDEX proof_check_waiting ON proof_check (challenge) WHERE state = 0",
    "CREATE INDEX proof_check_next ON proof_check (next_at) WHERE state = 0",
    "CREATE INDEX proof_check_challenge ON proof_check (challenge)",
    "CREATE INDEX proof_check_member ON proof_check (member)",
]


async def forwards() -> MigrationManager:
    return forward(ID, "directory", DESCRIPTION, STATEMENTS)
