"""Accounts that are known of the people on kept lists, newcomers who had been there before, and what kept a message back.

The lists that are there know the accounts that are said with certainty now: nobody of them is a newcomer by a renewal.
"""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from migrations.sql import forward

ID = "2026-11-30T16:00:00:000001"
VERSION = "1.38.0"
DESCRIPTION = "accounts that are known, and what kept a message back"

STATEMENTS = [
    "ALTER TABLE newcomer ADD COLUMN is_again boolean NOT NULL DEFAULT false",
    "ALTER TABLE newcomer_message ADD COLUMN trouble smallint NOT NULL DEFAULT 0",
    "ALTER TABLE newcomer_message ADD COLUMN troubles smallint NOT NULL DEFAULT 0",
    """CREATE TABLE known_account (
        id bigserial PRIMARY KEY,
        follow_list uuid NOT NULL REFERENCES follow_list (id) ON DELETE CASCADE ON UPDATE RESTRICT,
        digest bytea NOT NULL,
        found_at timestamptz
    )""",
    "CREATE UNIQUE INDEX known_account_list ON known_account (follow_list, digest)",
    # Active, proven, not contested, of an origin that is followed; of lists of people followed. Who was taken in, and waits to be
    # held against the lists, is a newcomer of those that are there.
    """INSERT INTO known_account (follow_list, digest, found_at)
        SELECT f.id, substr(sha256(uuid_send(f.member) || convert_to(m.target_id, 'UTF8')), 1, 8), min(n.found_at)
        FROM newcomer n JOIN follow_list f ON f.id = n.follow_list
        JOIN mapping m ON m.id = n.mapping JOIN origin ON origin.id = m.origin
        WHERE m.state = 1 AND m.strength >= 3 AND NOT m.is_contested AND origin.standing = 0 AND f.kind = 1 GROUP BY 1, 2""",
    """INSERT INTO known_account (follow_list, digest)
        SELECT DISTINCT f.id, substr(sha256(uuid_send(f.member) || convert_to(m.target_id, 'UTF8')), 1, 8)
        FROM follow_list f CROSS JOIN unnest(f.x_ids) AS person (x_id)
        JOIN mapping m ON m.x_id = person.x_id JOIN origin ON origin.id = m.origin
        WHERE person.x_id <> 0 AND m.state = 1 AND m.strength >= 3 AND NOT m.is_contested AND origin.standing = 0 AND f.kind = 1
        AND NOT EXISTS (SELECT FROM arrival a WHERE a.origin = m.origin AND m.leaf >= a.next_leaf AND m.leaf < a.end_leaf)
        ON CONFLICT (follow_list, digest) DO NOTHING""",
    """INSERT INTO known_account (follow_list, digest)
        SELECT DISTINCT f.id, substr(sha256(uuid_send(f.member) || convert_to(m.target_id, 'UTF8')), 1, 8)
        FROM follow_list f CROSS JOIN unnest(f.x_ids, f.x_handles) AS person (x_id, x_handle)
        JOIN mapping m ON m.x_handle_key = person.x_handle JOIN origin ON origin.id = m.origin
        WHERE (person.x_id = 0 OR m.x_id IS NULL) AND m.name_until > now() AND m.state = 1 AND m.strength >= 3 AND NOT m.is_contested AND origin.standing = 0 AND f.kind = 1
        AND NOT EXISTS (SELECT FROM arrival a WHERE a.origin = m.origin AND m.leaf >= a.next_leaf AND m.leaf < a.end_leaf)
        ON CONFLICT (follow_list, digest) DO NOTHING""",
]


async def forwards() -> MigrationManager:
    return forward(ID, "directory", DESCRIPTION, STATEMENTS)
