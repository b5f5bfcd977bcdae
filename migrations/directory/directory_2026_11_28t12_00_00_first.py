"""The first schema of the directory: mappings, members, proofs, consents, publications."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from migrations.sql import forward

ID = "2026-11-28T12:00:00:000001"
VERSION = "1.38.0"
DESCRIPTION = "the first schema"

# COLLATE "C": the keys are compared byte by byte, which is faster and the same everywhere.
# The numbers are those of the enums in `directory`: only an active mapping answers (1), so only it is in the
# indexes of lookups; 0 is a pending mapping, an open challenge and a waiting check; list 1 is who is followed.
# What belongs to a member goes with the member. A token does not: its account cannot go before the token was
# handed to `revocation`, so that none is forgotten while a network still honours it. RESTRICT around
# `publication`: no member and no account goes before what they publish was withdrawn, and no mapping is deleted
# while somebody still means to publish it.
# An account is its id; only an X account (network 3) may have none, and is its handle then.
STATEMENTS = [
    """CREATE TABLE origin (
        id serial PRIMARY KEY,
        name text NOT NULL UNIQUE,
        is_demo boolean NOT NULL DEFAULT false,
        standing smallint NOT NULL DEFAULT 0,
        heard_at timestamptz
    )""",
    """CREATE TABLE mapping (
        id bigserial PRIMARY KEY,
        x_id bigint,
        x_handle varchar(20) NOT NULL,
        x_handle_key varchar(20) COLLATE "C" NOT NULL,
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
        name_until timestamptz NOT NULL,
        evidence json NOT NULL,
        is_contested boolean NOT NULL DEFAULT false,
        checked_until timestamptz
    )""",
    "CREATE INDEX mapping_x_id ON mapping (x_id) WHERE state = 1 AND x_id IS NOT NULL",
    "CREATE INDEX mapping_x_handle ON mapping (x_handle_key) WHERE state = 1",
    "CREATE INDEX mapping_x_handle_without_id ON mapping (x_handle_key) WHERE state = 1 AND x_id IS NULL",
    "CREATE INDEX mapping_target_id ON mapping (target_id) WHERE state = 1",
    "CREATE INDEX mapping_target_handle ON mapping (target_handle_key) WHERE state = 1",
    "CREATE INDEX mapping_contested ON mapping (id) WHERE is_contested",
    "CREATE UNIQUE INDEX mapping_origin_leaf ON mapping (origin, leaf) WHERE leaf IS NOT NULL",
    """CREATE TABLE staged_batch (
        id bigserial PRIMARY KEY,
        mappings bigint[] NOT NULL,
        leaves bigint[] NOT NULL
    )""",
    # Read once or twice and deleted: to compress them takes longer than to write them.
    "ALTER TABLE staged_batch ALTER COLUMN mappings SET STORAGE EXTERNAL, ALTER COLUMN leaves SET STORAGE EXTERNAL",
    """CREATE TABLE arrival (
        id bigserial PRIMARY KEY,
        origin integer NOT NULL REFERENCES origin (id) ON DELETE CASCADE ON UPDATE RESTRICT,
        next_leaf bigint NOT NULL,
        end_leaf bigint NOT NULL,
        next_at timestamptz NOT NULL,
        attempts integer NOT NULL DEFAULT 0
    )""",
    "CREATE INDEX arrival_next ON arrival (next_at)",
    "CREATE INDEX arrival_origin ON arrival (origin)",
    """CREATE TABLE member (
        id uuid PRIMARY KEY,
        created timestamptz NOT NULL
    )""",
    """CREATE TABLE linked_account (
        id uuid PRIMARY KEY,
        member uuid NOT NULL REFERENCES member (id) ON DELETE CASCADE ON UPDATE RESTRICT,
        network smallint NOT NULL,
        account_id text COLLATE "C",
        handle text NOT NULL,
        handle_key text COLLATE "C" NOT NULL,
        evidence json NOT NULL,
        linked_at timestamptz NOT NULL,
        proven_at timestamptz NOT NULL,
        checked_at timestamptz NOT NULL,
        recheck_at timestamptz,
        recheck_attempts integer NOT NULL DEFAULT 0,
        health smallint NOT NULL DEFAULT 0,
        health_since timestamptz,
        on_page boolean NOT NULL DEFAULT false,
        moved_to text,
        has_rival boolean NOT NULL DEFAULT false,
        page text,
        software text NOT NULL DEFAULT '',
        CONSTRAINT linked_account_has_id CHECK (account_id IS NOT NULL OR network = 3)
    )""",
    "CREATE UNIQUE INDEX linked_account_identity ON linked_account (network, account_id) WHERE account_id IS NOT NULL",
    "CREATE UNIQUE INDEX linked_account_x_handle ON linked_account (handle_key) WHERE account_id IS NULL",
    "CREATE INDEX linked_account_handle ON linked_account (handle_key)",
    "CREATE INDEX linked_account_member ON linked_account (member)",
    "CREATE INDEX linked_account_recheck ON linked_account (recheck_at) WHERE recheck_at IS NOT NULL",
    """CREATE TABLE contested_claim (
        id uuid PRIMARY KEY,
        member uuid NOT NULL REFERENCES member (id) ON DELETE CASCADE ON UPDATE RESTRICT,
        holder uuid REFERENCES linked_account (id) ON DELETE SET NULL ON UPDATE RESTRICT,
        account_id text COLLATE "C",
        handle text NOT NULL,
        evidence json NOT NULL,
        state smallint NOT NULL,
        claimed_at timestamptz NOT NULL,
        proven_at timestamptz NOT NULL,
        decided_at timestamptz,
        settled_at timestamptz,
        next_at timestamptz,
        attempts integer NOT NULL DEFAULT 0
    )""",
    "CREATE UNIQUE INDEX contested_claim_open ON contested_claim (member, holder) WHERE settled_at IS NULL",
    "CREATE INDEX contested_claim_waiting ON contested_claim (claimed_at) WHERE settled_at IS NULL",
    "CREATE INDEX contested_claim_next ON contested_claim (next_at) WHERE next_at IS NOT NULL",
    "CREATE INDEX contested_claim_member ON contested_claim (member)",
    "CREATE INDEX contested_claim_holder ON contested_claim (holder)",
    """CREATE TABLE member_session (
        id uuid PRIMARY KEY,
        member uuid NOT NULL REFERENCES member (id) ON DELETE CASCADE ON UPDATE RESTRICT,
        account uuid NOT NULL REFERENCES linked_account (id) ON DELETE CASCADE ON UPDATE RESTRICT,
        token_hash bytea NOT NULL UNIQUE,
        label text NOT NULL,
        created timestamptz NOT NULL,
        used_at timestamptz NOT NULL
    )""",
    "CREATE INDEX member_session_member ON member_session (member)",
    "CREATE INDEX member_session_account ON member_session (account)",
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
        token_hash bytea NOT NULL,
        sealed bytea NOT NULL,
        granted_at timestamptz NOT NULL,
        refreshed_at timestamptz NOT NULL,
        access_expires timestamptz
    )""",
    "CREATE UNIQUE INDEX token_account_purpose ON token (account, purpose)",
    "CREATE INDEX token_hash ON token (token_hash)",
    """CREATE TABLE revocation (
        id uuid PRIMARY KEY,
        network smallint NOT NULL,
        issuer text NOT NULL,
        token_hash bytea NOT NULL,
        sealed bytea NOT NULL,
        asked_at timestamptz NOT NULL,
        attempts integer NOT NULL DEFAULT 0,
        next_at timestamptz NOT NULL,
        sent_at timestamptz
    )""",
    "CREATE INDEX revocation_next ON revocation (next_at)",
    "CREATE INDEX revocation_hash ON revocation (token_hash)",
    """CREATE TABLE host_backoff (
        host text COLLATE "C" PRIMARY KEY,
        until timestamptz NOT NULL,
        failures integer NOT NULL,
        changed_at timestamptz NOT NULL
    )""",
    "CREATE INDEX host_backoff_until ON host_backoff (until)",
    """CREATE TABLE mastodon_app (
        id uuid PRIMARY KEY,
        host text COLLATE "C" NOT NULL,
        scope text NOT NULL,
        redirect_uri text NOT NULL,
        client_id text NOT NULL,
        sealed bytea NOT NULL,
        checked_at timestamptz NOT NULL,
        name text NOT NULL,
        due_at timestamptz,
        renewed_at timestamptz
    )""",
    "CREATE UNIQUE INDEX mastodon_app_host ON mastodon_app (host, scope, redirect_uri)",
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
        closed_at timestamptz,
        post_id bigint
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
        attempts integer NOT NULL DEFAULT 0,
        created timestamptz NOT NULL,
        next_at timestamptz NOT NULL,
        finished_at timestamptz,
        reason text
    )""",
    "CREATE UNIQUE INDEX proof_check_waiting ON proof_check (challenge) WHERE state = 0",
    "CREATE INDEX proof_check_next ON proof_check (next_at) WHERE state = 0",
    "CREATE INDEX proof_check_challenge ON proof_check (challenge)",
    "CREATE INDEX proof_check_member ON proof_check (member)",
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
        x_seen date[] NOT NULL,
        kept_at timestamptz NOT NULL
    )""",
    "CREATE UNIQUE INDEX follow_list_kind ON follow_list (member, kind)",
    "CREATE INDEX follow_list_x_ids ON follow_list USING gin (x_ids) WHERE kind = 1",
    "CREATE INDEX follow_list_x_handles ON follow_list USING gin (x_handles) WHERE kind = 1",
    """CREATE TABLE newcomer (
        id bigserial PRIMARY KEY,
        follow_list uuid NOT NULL REFERENCES follow_list (id) ON DELETE CASCADE ON UPDATE RESTRICT,
        mapping bigint NOT NULL REFERENCES mapping (id) ON DELETE CASCADE ON UPDATE RESTRICT,
        found_at timestamptz NOT NULL,
        is_again boolean NOT NULL DEFAULT false
    )""",
    "CREATE UNIQUE INDEX newcomer_list ON newcomer (follow_list, mapping)",
    "CREATE INDEX newcomer_mapping ON newcomer (mapping)",
    """CREATE TABLE known_account (
        id bigserial PRIMARY KEY,
        follow_list uuid NOT NULL REFERENCES follow_list (id) ON DELETE CASCADE ON UPDATE RESTRICT,
        digest bytea NOT NULL,
        found_at timestamptz
    )""",
    "CREATE UNIQUE INDEX known_account_list ON known_account (follow_list, digest)",
    """CREATE TABLE follow_run (
        id uuid PRIMARY KEY,
        member uuid NOT NULL REFERENCES member (id) ON DELETE CASCADE ON UPDATE RESTRICT,
        account uuid NOT NULL REFERENCES linked_account (id) ON DELETE CASCADE ON UPDATE RESTRICT,
        network smallint NOT NULL,
        host text NOT NULL,
        kind smallint NOT NULL,
        source smallint NOT NULL,
        title text NOT NULL DEFAULT '',
        state smallint NOT NULL,
        created_at timestamptz NOT NULL,
        starts_at timestamptz NOT NULL,
        next_at timestamptz NOT NULL,
        attempts integer NOT NULL DEFAULT 0,
        ended_at timestamptz,
        is_read boolean NOT NULL DEFAULT false,
        note text NOT NULL DEFAULT ''
    )""",
    "CREATE UNIQUE INDEX follow_run_open ON follow_run (account) WHERE state IN (0, 1, 2, 3, 6)",
    "CREATE INDEX follow_run_due ON follow_run (next_at) WHERE state IN (0, 1, 6)",
    "CREATE INDEX follow_run_member ON follow_run (member)",
    "CREATE INDEX follow_run_account ON follow_run (account)",
    "CREATE INDEX follow_run_ended ON follow_run (ended_at) WHERE ended_at IS NOT NULL",
    """CREATE TABLE follow_item (
        id bigserial PRIMARY KEY,
        run uuid NOT NULL REFERENCES follow_run (id) ON DELETE CASCADE ON UPDATE RESTRICT,
        number integer NOT NULL,
        target_id text NOT NULL,
        target_handle text NOT NULL,
        x_id bigint,
        x_handle text NOT NULL DEFAULT '',
        x_seen date,
        lists smallint NOT NULL DEFAULT 0,
        is_ticked boolean NOT NULL DEFAULT false,
        bridge_of text NOT NULL DEFAULT '',
        state smallint NOT NULL DEFAULT 0,
        reason smallint NOT NULL DEFAULT 0,
        moved_id text NOT NULL DEFAULT '',
        moved_handle text NOT NULL DEFAULT '',
        remote text NOT NULL DEFAULT '',
        looks smallint NOT NULL DEFAULT 0,
        changed_at timestamptz NOT NULL
    )""",
    "CREATE UNIQUE INDEX follow_item_number ON follow_item (run, number)",
    "CREATE UNIQUE INDEX follow_item_target ON follow_item (run, target_id)",
    "CREATE INDEX follow_item_left ON follow_item (run, number) WHERE state IN (0, 1, 7)",
    """CREATE TABLE follow_budget (
        account uuid PRIMARY KEY REFERENCES linked_account (id) ON DELETE CASCADE ON UPDATE RESTRICT,
        hour_began timestamptz NOT NULL,
        hour_spent integer NOT NULL DEFAULT 0,
        day_began timestamptz NOT NULL,
        day_spent integer NOT NULL DEFAULT 0,
        not_before timestamptz
    )""",
    """CREATE TABLE ignored_person (
        id bigserial PRIMARY KEY,
        member uuid NOT NULL REFERENCES member (id) ON DELETE CASCADE ON UPDATE RESTRICT,
        network smallint NOT NULL,
        target_id text NOT NULL,
        ignored_at timestamptz NOT NULL
    )""",
    "CREATE UNIQUE INDEX ignored_person_target ON ignored_person (member, network, target_id)",
    """CREATE TABLE standing_match (
        member uuid NOT NULL REFERENCES member (id) ON DELETE CASCADE ON UPDATE RESTRICT,
        account uuid PRIMARY KEY REFERENCES linked_account (id) ON DELETE CASCADE ON UPDATE RESTRICT,
        since timestamptz NOT NULL,
        last_batch date,
        looked_at timestamptz
    )""",
    "CREATE INDEX standing_match_member ON standing_match (member)",
    "CREATE INDEX standing_match_due ON standing_match (last_batch NULLS FIRST)",
    """CREATE TABLE face (
        id bigserial PRIMARY KEY,
        network smallint NOT NULL,
        target_id text NOT NULL,
        handle text NOT NULL,
        name text NOT NULL,
        description text NOT NULL,
        code text NOT NULL,
        reason smallint NOT NULL DEFAULT 0,
        moved_id text NOT NULL DEFAULT '',
        moved_handle text NOT NULL DEFAULT '',
        picture_url text NOT NULL DEFAULT '',
        picture bytea,
        picture_type text NOT NULL DEFAULT '',
        fetched_at timestamptz NOT NULL
    )""",
    "CREATE UNIQUE INDEX face_target ON face (network, target_id)",
    "CREATE UNIQUE INDEX face_code ON face (code)",
    "CREATE INDEX face_fetched ON face (fetched_at)",
    """CREATE TABLE newcomer_message (
        id uuid PRIMARY KEY,
        member uuid NOT NULL UNIQUE REFERENCES member (id) ON DELETE CASCADE ON UPDATE RESTRICT,
        account uuid NOT NULL REFERENCES linked_account (id) ON DELETE CASCADE ON UPDATE RESTRICT,
        network smallint NOT NULL,
        language text NOT NULL,
        sealed bytea NOT NULL,
        code_hash bytea NOT NULL UNIQUE,
        state smallint NOT NULL DEFAULT 0,
        ended_by smallint NOT NULL DEFAULT 0,
        is_tested boolean NOT NULL DEFAULT false,
        chosen_at timestamptz NOT NULL,
        next_at timestamptz NOT NULL,
        attempts integer NOT NULL DEFAULT 0,
        failures smallint NOT NULL DEFAULT 0,
        trouble smallint NOT NULL DEFAULT 0,
        troubles smallint NOT NULL DEFAULT 0,
        last_sent_at timestamptz,
        told_until bigint NOT NULL DEFAULT 0
    )""",
    "CREATE INDEX newcomer_message_account ON newcomer_message (account)",
    "CREATE INDEX newcomer_message_next ON newcomer_message (next_at) WHERE state = 0",
    """CREATE TABLE hide (
        id uuid PRIMARY KEY,
        origin integer NOT NULL REFERENCES origin (id) ON DELETE CASCADE ON UPDATE RESTRICT,
        network smallint NOT NULL,
        x_id bigint,
        x_handle varchar(20) NOT NULL,
        x_handle_key varchar(20) COLLATE "C" NOT NULL,
        leaf bigint,
        member uuid REFERENCES member (id) ON DELETE CASCADE ON UPDATE RESTRICT,
        reason text NOT NULL,
        hidden_by text NOT NULL,
        hidden_at timestamptz NOT NULL
    )""",
    "CREATE UNIQUE INDEX hide_account ON hide (origin, network, x_handle_key, coalesce(x_id, 0))",
    "CREATE INDEX hide_x_id ON hide (origin, network, x_id) WHERE x_id IS NOT NULL",
    "CREATE INDEX hide_member ON hide (member)",
    """CREATE TABLE member_page (
        code text PRIMARY KEY,
        member uuid NOT NULL UNIQUE REFERENCES member (id) ON DELETE CASCADE ON UPDATE RESTRICT
    )""",
    """CREATE TABLE link_check (
        id uuid PRIMARY KEY,
        member uuid NOT NULL REFERENCES member (id) ON DELETE CASCADE ON UPDATE RESTRICT,
        x_handle text NOT NULL,
        state smallint NOT NULL,
        attempts integer NOT NULL DEFAULT 0,
        created timestamptz NOT NULL,
        next_at timestamptz NOT NULL,
        finished_at timestamptz,
        reason text
    )""",
    "CREATE UNIQUE INDEX link_check_waiting ON link_check (member) WHERE state = 0",
    "CREATE INDEX link_check_next ON link_check (next_at) WHERE state = 0",
    "CREATE INDEX link_check_member ON link_check (member)",
    "CREATE INDEX link_check_finished ON link_check (finished_at) WHERE state <> 0",
    """CREATE TABLE instance_setting (
        key text PRIMARY KEY,
        value json NOT NULL,
        changed_at timestamptz NOT NULL
    )""",
    """CREATE TABLE instance_identity (
        part text PRIMARY KEY,
        fingerprint bytea NOT NULL,
        place text NOT NULL,
        recorded_at timestamptz NOT NULL
    )""",
    # One row: see directory/store/beats.py.
    """CREATE TABLE replica_beat (
        id smallint PRIMARY KEY CHECK (id = 1),
        number bigint NOT NULL,
        mark uuid NOT NULL
    )""",
    # One row: see directory/store/statistics.py.
    """CREATE TABLE directory_count (
        id smallint PRIMARY KEY CHECK (id = 1),
        took_s double precision NOT NULL,
        counts json NOT NULL
    )""",
]


async def forwards() -> MigrationManager:
    return forward(ID, "directory", DESCRIPTION, STATEMENTS)
