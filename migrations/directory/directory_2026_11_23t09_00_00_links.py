"""The lasting address of a member's page, and the checks of the links to it."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from migrations.sql import forward

ID = "2026-11-23T09:00:00:000001"
VERSION = "1.38.0"
DESCRIPTION = "pages of members and link checks"

# 0 is CheckState.WAITING.
STATEMENTS = [
    """CREATE TABLE member_page (
        code text PRIMARY KEY,
        member uuid NOT NULL UNIQUE REFERENCES member (id) ON DELETE CASCADE ON UPDATE RESTRICT
    )""",
    """CREATE TABLE link_check (
        id uuid PRIMARY KEY,
        member uuid NOT NULL REFERENCES member (id) ON DELETE CASCADE ON UPDATE RESTRICT,
        x_handle text NOT NULL,
        state smallint NOT NULL,
        attempts smallint NOT NULL DEFAULT 0,
        created timestamptz NOT NULL,
        next_at timestamptz NOT NULL,
        finished_at timestamptz,
        reason text
    )""",
    "CREATE UNIQUE INDEX link_check_waiting ON link_check (member) WHERE state = 0",
    "CREATE INDEX link_check_next ON link_check (next_at) WHERE state = 0",
    "CREATE INDEX link_check_member ON link_check (member)",
    "CREATE INDEX link_check_finished ON link_check (finished_at) WHERE state <> 0",
]


async def forwards() -> MigrationManager:
    return forward(ID, "directory", DESCRIPTION, STATEMENTS)
