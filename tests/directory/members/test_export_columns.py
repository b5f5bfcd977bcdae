"""Every column of what is kept of a member is in the export, or named here with the others that are not."""

from typing import Final

from directory.store.database import Database
from directory.store.member_tables import MEMBER_TABLES

LINKS: Final = frozenset({"id", "member", "account", "run", "challenge", "follow_list", "mapping", "holder"})
"""Which row belongs to which: in the export by what stands together, and by the ids of accounts."""
UNTOLD: Final = {
    "secrets, and what stands in their place": {
        "challenge": "nonce_hash sealed",
        "member_session": "token_hash",
        "newcomer_message": "code_hash sealed",
        "token": "token_hash sealed",
    },
    "told by another column": {
        "challenge": "instance target_handles post_id expires",
        "follow_run": "is_read",
        "hide": "origin leaf x_handle_key",
        "linked_account": "handle_key",
        "newcomer": "is_again",
        "newcomer_message": "network told_until",
        "publication": "x_account target_account network replaces",
    },
    "who decided: the moderators' own": {"hide": "hidden_by"},
    "whether somebody else claims it: nobody is told of another's claim but by the page": {
        "linked_account": "has_rival"
    },
    "when a job looks again, and how often it did": {
        "contested_claim": "next_at attempts",
        "follow_item": "number remote looks",
        "follow_run": "next_at attempts",
        "link_check": "next_at",
        "linked_account": "recheck_attempts",
        "newcomer_message": "attempts failures trouble troubles",
        "proof_check": "next_at",
        "standing_match": "looked_at",
        "token": "access_expires held_until",
    },
}
TOLD: Final = {
    "challenge": "language targets state created closed_at",
    "consent": "kind version given_at expires ended_at ended_by",
    "contested_claim": "account_id handle evidence state claimed_at proven_at doubted_at decided_at settled_at",
    "follow_item": "target_id target_handle x_id x_handle x_seen lists is_ticked bridge_of state reason moved_id"
    " moved_handle changed_at",
    "follow_list": "kind x_ids x_handles x_seen kept_at",
    "follow_run": "network host kind source title state created_at starts_at ended_at note",
    "hide": "network x_id x_handle reason hidden_at",
    "ignored_person": "network target_id ignored_at",
    "link_check": "x_handle state attempts created finished_at reason",
    "linked_account": "network account_id handle evidence linked_at proven_at checked_at recheck_at health"
    " health_since on_page moved_to page software",
    "member": "created",
    "member_page": "code",
    "member_session": "label created used_at",
    "newcomer": "found_at",
    "newcomer_message": "language state ended_by is_tested chosen_at next_at last_sent_at",
    "proof_check": "post_id state attempts created finished_at reason",
    "publication": "published_at",
    "standing_match": "since last_batch",
    "token": "purpose issuer scopes granted_at refreshed_at",
}


def named(columns: dict[str, str]) -> set[str]:
    return {f"{table}.{column}" for table, names in columns.items() for column in names.split()}


async def test_what_is_kept_and_not_exported_is_named(database: Database) -> None:
    """On which lists somebody in a run stands, and the day of their name, were in no export, and nobody saw."""
    async with database.connection() as connection:
        rows = await connection.fetch(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'"
        )
    exported = {table.name for table in MEMBER_TABLES if table.exported is not None}
    found = {f"{table}.{column}" for table, column in rows if table in exported and column not in LINKS}
    untold = set[str]().union(*map(named, UNTOLD.values()))
    assert found - named(TOLD) - untold == set(), "a new column: export it, or say here why not"
    assert (named(TOLD) | untold) - found == set(), "there is no such column"
    assert named(TOLD) & untold == set()
