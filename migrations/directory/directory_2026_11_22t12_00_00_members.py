"""Members: their accounts, sessions, sign-ins under way, and the secrets that networks handed out."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from migrations.sql import forward

ID = "2026-11-22T12:00:00:000001"
VERSION = "1.38.0"
DESCRIPTION = "members and their accounts"

# What belongs to a member goes with the member. A token does not: its account cannot go before the token
# was handed to `revocation`, so that none is forgotten while a network still honours it.
STATEMENTS = [
    """CREATE TABLE member (
        id uuid PRIMARY KEY,
        created timestamptz NOT NULL
    )""",
    """CREATE TABLE linked_account (
        id uuid PRIMARY KEY,
        member uuid NOT NULL REFERENCES member (id) ON DELETE CASCADE ON UPDATE RESTRICT,
        network smallint NOT NULL,
        account_id text COLLATE "C" NOT NULL,
        handle text NOT NULL,
        handle_key text COLLATE "C" NOT NULL,
        evidence json NOT NULL,
        linked_at timestamptz NOT NULL,
        proven_at timestamptz NOT NULL,
        checked_at timestamptz NOT NULL,
        recheck_at timestamptz,
        recheck_attempts smallint NOT NULL DEFAULT 0,
        health smallint NOT NULL DEFAULT 0,
        health_since timestamptz,
        on_page boolean NOT NULL DEFAULT false
    )""",
    "CREATE UNIQUE INDEX linked_account_identity ON linked_account (network, account_id)",
    "CREATE INDEX linked_account_handle ON linked_account (handle_key)",
    "CREATE INDEX linked_account_member ON linked_account (member)",
    "CREATE INDEX linked_account_recheck ON linked_account (recheck_at) WHERE recheck_at IS NOT NULL",
    """CREATE TABLE contested_claim (
        id uuid PRIMARY KEY,
        member uuid NOT NULL REFERENCES member (id) ON DELETE CASCADE ON UPDATE RESTRICT,
        holder uuid REFERENCES linked_account (id) ON DELETE SET NULL ON UPDATE RESTRICT,
        account_id text COLLATE "C" NOT NULL,
        handle text NOT NULL,
        evidence json NOT NULL,
        claimed_at timestamptz NOT NULL,
        settled_at timestamptz,
        is_upheld boolean
    )""",
    "CREATE UNIQUE INDEX contested_claim_open ON contested_claim (member, holder) WHERE settled_at IS NULL",
    "CREATE INDEX contested_claim_member ON contested_claim (member)",
    "CREATE INDEX contested_claim_holder ON contested_claim (holder)",
    """CREATE TABLE member_session (
        id uuid PRIMARY KEY,
        member uuid NOT NULL REFERENCES member (id) ON DELETE CASCADE ON UPDATE RESTRICT,
        token_hash bytea NOT NULL UNIQUE,
        label text NOT NULL,
        created timestamptz NOT NULL,
        used_at timestamptz NOT NULL
    )""",
    "CREATE INDEX member_session_member ON member_session (member)",
    "CREATE INDEX member_session_used ON member_session (used_at)",
    """CREATE TABLE sign_in (
        id uuid PRIMARY KEY,
        state_hash bytea NOT NULL UNIQUE,
        browser_hash bytea NOT NULL,
        purpose smallint NOT NULL,
        network smallint NOT NULL,
        member uuid REFERENCES member (id) ON DELETE CASCADE ON UPDATE RESTRICT,
        sealed bytea NOT NULL,
        expires timestamptz NOT NULL
    )""",
    "CREATE INDEX sign_in_browser ON sign_in (browser_hash)",
    "CREATE INDEX sign_in_member ON sign_in (member)",
    "CREATE INDEX sign_in_expires ON sign_in (expires)",
    """CREATE TABLE token (
        id uuid PRIMARY KEY,
        account uuid NOT NULL REFERENCES linked_account (id) ON DELETE RESTRICT ON UPDATE RESTRICT,
        purpose smallint NOT NULL,
        issuer text NOT NULL,
        scopes text NOT NULL,
        sealed bytea NOT NULL,
        granted_at timestamptz NOT NULL,
        refreshed_at timestamptz NOT NULL,
        access_expires timestamptz
    )""",
    "CREATE UNIQUE INDEX token_account_purpose ON token (account, purpose)",
    """CREATE TABLE revocation (
        id uuid PRIMARY KEY,
        network smallint NOT NULL,
        issuer text NOT NULL,
        sealed bytea NOT NULL,
        asked_at timestamptz NOT NULL,
        attempts smallint NOT NULL DEFAULT 0,
        next_at timestamptz NOT NULL
    )""",
    "CREATE INDEX revocation_next ON revocation (next_at)",
    """CREATE TABLE mastodon_app (
        id uuid PRIMARY KEY,
        host text COLLATE "C" NOT NULL,
        scope text NOT NULL,
        redirect_uri text NOT NULL,
        client_id text NOT NULL,
        sealed bytea NOT NULL,
        checked_at timestamptz NOT NULL
    )""",
    "CREATE UNIQUE INDEX mastodon_app_host ON mastodon_app (host, scope, redirect_uri)",
]


async def forwards() -> MigrationManager:
    return forward(ID, "directory", DESCRIPTION, STATEMENTS)
