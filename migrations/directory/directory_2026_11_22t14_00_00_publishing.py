"""What members agree to, what they publish, and the follow lists that they let us keep."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from migrations.sql import forward

ID = "2026-11-22T14:00:00:000001"
VERSION = "1.38.0"
DESCRIPTION = "consents, publications and kept follow lists"

# RESTRICT around `publication`: no member and no account can go before what they publish was withdrawn,
# and no mapping can be deleted while somebody still means to publish it.
# 0 is MappingState.PENDING, 1 the number of Lists.FOLLOWING.
STATEMENTS = [
    """CREATE TABLE consent (
        id bigserial PRIMARY KEY,
        member uuid NOT NULL REFERENCES member (id) ON DELETE CASCADE ON UPDATE RESTRICT,
        kind smallint NOT NULL,
        version smallint NOT NULL,
        given_at timestamptz NOT NULL,
        expires timestamptz,
        ended_at timestamptz,
        ended_by smallint
    )""",
    "CREATE UNIQUE INDEX consent_current ON consent (member, kind) WHERE ended_at IS NULL",
    "CREATE INDEX consent_member ON consent (member)",
    "CREATE INDEX consent_expires ON consent (expires) WHERE ended_at IS NULL AND expires IS NOT NULL",
    """CREATE TABLE publication (
        id uuid PRIMARY KEY,
        member uuid NOT NULL REFERENCES member (id) ON DELETE RESTRICT ON UPDATE RESTRICT,
        x_account uuid NOT NULL REFERENCES linked_account (id) ON DELETE RESTRICT ON UPDATE RESTRICT,
        target_account uuid NOT NULL REFERENCES linked_account (id) ON DELETE RESTRICT ON UPDATE RESTRICT,
        network smallint NOT NULL,
        mapping bigint NOT NULL UNIQUE REFERENCES mapping (id) ON DELETE RESTRICT ON UPDATE RESTRICT,
        replaces bigint UNIQUE REFERENCES mapping (id) ON DELETE RESTRICT ON UPDATE RESTRICT,
        published_at timestamptz NOT NULL
    )""",
    "CREATE UNIQUE INDEX publication_network ON publication (x_account, network)",
    "CREATE INDEX publication_target ON publication (target_account)",
    "CREATE INDEX publication_member ON publication (member)",
    "CREATE INDEX mapping_pending ON mapping (id) WHERE state = 0",
    """CREATE TABLE follow_list (
        id uuid PRIMARY KEY,
        member uuid NOT NULL REFERENCES member (id) ON DELETE CASCADE ON UPDATE RESTRICT,
        kind smallint NOT NULL,
        x_ids bigint[] NOT NULL,
        x_handles text[] NOT NULL,
        kept_at timestamptz NOT NULL
    )""",
    "CREATE UNIQUE INDEX follow_list_kind ON follow_list (member, kind)",
    "CREATE INDEX follow_list_x_ids ON follow_list USING gin (x_ids) WHERE kind = 1",
    "CREATE INDEX follow_list_x_handles ON follow_list USING gin (x_handles) WHERE kind = 1",
]


async def forwards() -> MigrationManager:
    return forward(ID, "directory", DESCRIPTION, STATEMENTS)
