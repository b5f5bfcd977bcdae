"""The tables that hold data of members, in one list: what is exported, erased, purged and resealed.

Tests walk the database: every table that refers to `member`, directly or through others, has to be a member's table
here, and every other table of the directory has to say here why it has no owner.
"""

from collections.abc import Awaitable, Callable
from enum import Enum, auto
from typing import Final
from uuid import UUID

import msgspec

from directory.accounts import Member
from directory.lived_time import Times
from directory.members.challenges import challenge_context
from directory.members.errors import MemberGone
from directory.members.newcomer_messages import message_context
from directory.members.sign_ins import sign_in_context
from directory.members.tokens import app_context, token_context
from directory.store.accounts import fetch_accounts, plain_uuid
from directory.store.arrivals import fetch_newcomers
from directory.store.challenges import ChallengeStore, fetch_challenges
from directory.store.claim_rows import fetch_claims
from directory.store.claims import ClaimStore
from directory.store.consents import ConsentStore, fetch_consents
from directory.store.database import Connection, Database
from directory.store.faces import purge_faces
from directory.store.follow_exports import fetch_ignored, fetch_items_of_member
from directory.store.follow_lists import fetch_lists
from directory.store.follow_runs import fetch_runs, purge_runs
from directory.store.hides import fetch_hides_of_member
from directory.store.host_backoff import HostBackoffStore
from directory.store.link_checks import LinkCheckStore, fetch_link_checks
from directory.store.mastodon_apps import MastodonAppStore
from directory.store.member_pages import fetch_page_code
from directory.store.newcomer_messages import fetch_messages
from directory.store.proof_check_rows import fetch_checks
from directory.store.publication_rows import fetch_publications_of_member
from directory.store.publications import PublicationStore
from directory.store.sessions import SessionStore, fetch_sessions
from directory.store.sign_ins import SignInStore
from directory.store.standing_ends import purge_standing
from directory.store.standing_matches import fetch_standing
from directory.store.tokens import fetch_tokens
from directory.store.waiting_permissions import give_back_unused
from directory.vault import Context

ContextOf = Callable[[UUID], Context]
"""Returns the context that a row's column `sealed` was sealed for, by the row's id."""
Purge = Callable[[Database, Times, int], Awaitable[int]]
"""Purges what has expired, at most so many rows; returns how many. What only its member could begin anew goes by the time
that was lived. What is begun anew by itself, or by the next sign-in, goes by the clock."""

BY_MEMBER: Final = "member = $1"


class Goes(Enum):
    """How the rows of a member are removed by an erasure."""

    DELETED = auto()
    WITHDRAWN = auto()
    """Publications are withdrawn, and our log revokes them."""
    HANDED_OVER = auto()
    """Tokens wait in `revocation`, which names nobody, until their networks revoked them."""


class Exported(msgspec.Struct, frozen=True):
    """How rows are exported: the field of `MemberData` that `fetch` fills, and the file it is written to."""

    field: str
    file: str
    fetch: Callable[[Connection, UUID], Awaitable[object]]


class MemberTable(msgspec.Struct, frozen=True, kw_only=True):
    """A table that holds data of members."""

    name: str
    of_member: str = BY_MEMBER
    """The SQL condition for the rows of a member; $1 is the member."""
    goes: Goes = Goes.DELETED
    exported: Exported | None
    not_exported: str = ""
    """Why the table is not exported, where it is not."""
    kept: str
    """How long rows are kept, for docs/members.md."""
    purge: Purge | None = None
    context_of: ContextOf | None = None
    """Set for tables with a column `sealed`."""


class NamelessTable(msgspec.Struct, frozen=True, kw_only=True):
    """A table that names no member, and has sealed rows or rows that expire. Its rows can name a host, which can be
    the server of one person."""

    name: str
    kept: str
    """How its rows go, for docs/members.md."""
    purge: Purge | None = None
    context_of: ContextOf | None = None


async def _fetch_member(connection: Connection, member: UUID) -> Member:
    row = await connection.fetchrow("SELECT id, created FROM member WHERE id = $1", member)
    if row is None:
        raise MemberGone
    return Member(plain_uuid(row["id"]), row["created"])


async def _end_contests(database: Database, times: Times, limit: int) -> int:
    """Ends claims that waited for too long, and what is contested for nothing any more."""
    lapsed = await ClaimStore(database).lapse_old_claims(times.now, limit, lived=times.lived)
    return max(lapsed, await PublicationStore(database).restate_uncontested(times.now, limit))


WHILE_MEMBER: Final = "as long as the membership"

MEMBER_TABLES: Final = (
    MemberTable(
        name="publication",
        goes=Goes.WITHDRAWN,
        exported=Exported("publications", "publications.json", fetch_publications_of_member),
        kept="until withdrawn, or 30 days after it expired",
        purge=lambda database, times, limit: PublicationStore(database).drop_expired_publications(
            times.lived, limit
        ),
    ),
    MemberTable(
        name="token",
        of_member="account IN (SELECT id FROM linked_account WHERE member = $1)",
        goes=Goes.HANDED_OVER,
        exported=Exported("permissions", "permissions.json", fetch_tokens),
        kept="until no run and no wish needs it, or 30 days while its run waits for the member",
        purge=lambda database, times, limit: give_back_unused(database, times.now, limit, lived=times.lived),
        context_of=token_context,
    ),
    MemberTable(
        name="proof_check",
        exported=Exported("checks", "proofs.json", fetch_checks),
        kept="as long as its challenge",
    ),
    MemberTable(
        name="challenge",
        exported=Exported("challenges", "proofs.json", fetch_challenges),
        kept="37 days where it ended in nothing, as the proof of an unlinked account; one that proves something as long as the membership",
        purge=lambda database, times, _: ChallengeStore(database).purge_challenges(times.lived),
        context_of=challenge_context,
    ),
    MemberTable(
        name="link_check",
        exported=Exported("link_checks", "links.json", fetch_link_checks),
        kept="30 days after it ended",
        purge=lambda database, times, limit: LinkCheckStore(database).purge_link_checks(times.lived, limit),
    ),
    MemberTable(
        name="member_page",
        exported=Exported("page_code", "links.json", fetch_page_code),
        kept=WHILE_MEMBER,
    ),
    MemberTable(
        name="contested_claim",
        exported=Exported("claims", "claims.json", fetch_claims),
        kept=WHILE_MEMBER,
        purge=_end_contests,
    ),
    MemberTable(
        name="hide",
        exported=Exported("hides", "hidden.json", fetch_hides_of_member),
        kept="until it is lifted, or as long as the membership",
    ),
    MemberTable(
        name="member_session",
        exported=Exported("sessions", "sessions.json", fetch_sessions),
        kept="30 days without use, 180 days at most",
        purge=lambda database, times, _: SessionStore(database).purge_sessions(times.now),
    ),
    MemberTable(
        name="sign_in",
        exported=None,
        not_exported="ten minutes of a sign-in under way: secrets and hashes",
        kept="10 minutes",
        purge=lambda database, times, _: SignInStore(database).purge_sign_ins(times.now),
        context_of=sign_in_context,
    ),
    MemberTable(
        name="consent",
        exported=Exported("consents", "consents.json", fetch_consents),
        kept=WHILE_MEMBER,
        purge=lambda database, times, limit: ConsentStore(database).end_expired_consents(times.lived, limit),
    ),
    MemberTable(
        name="newcomer",
        of_member="follow_list IN (SELECT id FROM follow_list WHERE member = $1)",
        exported=Exported("newcomers", "newcomers.json", fetch_newcomers),
        kept="as long as its list and its mapping",
    ),
    MemberTable(
        name="known_account",
        of_member="follow_list IN (SELECT id FROM follow_list WHERE member = $1)",
        exported=None,
        not_exported="digests of accounts of people on the kept list, so that nobody counts as a newcomer twice",
        kept="as long as a list of people followed is kept",
    ),
    MemberTable(
        name="follow_list",
        exported=Exported("follow_lists", "follow-lists/<list>.json", fetch_lists),
        kept="as long as the consent to keep it: 12 months, renewable",
    ),
    MemberTable(
        name="newcomer_message",
        exported=Exported("messages", "messages.json", fetch_messages),
        kept="until another account is chosen for the messages, or this one is unlinked",
        context_of=message_context,
    ),
    MemberTable(
        name="follow_item",
        of_member="run IN (SELECT id FROM follow_run WHERE member = $1)",
        exported=Exported("run_items", "runs.json", fetch_items_of_member),
        kept="as long as its run",
    ),
    MemberTable(
        name="follow_run",
        exported=Exported("runs", "runs.json", fetch_runs),
        kept="180 days after it ended",
        purge=lambda database, times, limit: purge_runs(database, times.now, limit, lived=times.lived),
    ),
    MemberTable(
        name="follow_budget",
        of_member="account IN (SELECT id FROM linked_account WHERE member = $1)",
        exported=None,
        not_exported="counters of the last day, so that no network is asked too often",
        kept="as long as the account is linked",
    ),
    MemberTable(
        name="ignored_person",
        exported=Exported("ignored", "ignored.json", fetch_ignored),
        kept=WHILE_MEMBER,
    ),
    MemberTable(
        name="standing_match",
        exported=Exported("standing", "standing.json", fetch_standing),
        kept="until it or the kept list is ended, or as long as the account is linked",
        purge=lambda database, times, limit: purge_standing(database, times.lived, limit),
    ),
    MemberTable(
        name="linked_account",
        exported=Exported("accounts", "accounts.json", fetch_accounts),
        kept="until it is unlinked, or as long as the membership",
    ),
    MemberTable(
        name="member",
        of_member="id = $1",
        exported=Exported("member", "member.json", _fetch_member),
        kept="until the member leaves, or has no account left to sign in with",
    ),
)
"""In the order of erasure: no row refers to one that is deleted before it."""

NAMELESS_TABLES: Final = (
    NamelessTable(
        name="revocation",
        kept="until its network revoked the token, or 30 days of trying",
        context_of=token_context,
    ),
    NamelessTable(
        name="mastodon_app",
        kept="until the last account on the host goes, or nobody signed in with it for a day",
        purge=lambda database, times, limit: MastodonAppStore(database).purge_apps(times.now, limit),
        context_of=app_context,
    ),
    NamelessTable(
        name="host_backoff",
        kept="until the host answers, the last account on it goes, or a day after its time: two days at most",
        purge=lambda database, times, limit: HostBackoffStore(database).purge_backoffs(times.now, limit),
    ),
    NamelessTable(
        name="face",
        kept="a day",
        purge=lambda database, times, limit: purge_faces(database, times.now, limit),
    ),
)

OWNERLESS_TABLES: Final[dict[str, str]] = {
    "origin": "instances, which the operator or a peer named",
    "mapping": "what was published, by us or by a peer: it goes when it is withdrawn, is revoked or expires",
    "arrival": "numbers of leaves of a log, until they were matched",
    "left_out": "leaves of a peer that says too much of one X account, until there is room or they are revoked",
    "staged_batch": "row numbers of mappings and their leaves, until the batch is published",
    "instance_setting": "the operator's settings",
    "directory_count": "how many people and mappings answered when they were last counted",
    "lived_time": "the time by which what cannot be taken back is ended",
    "replica_beat": "by which replicas show how current they are",
    "instance_identity": "fingerprints of the instance's own secrets",
    "migration": "the names of the migrations that ran",
}
"""Tables that hold nothing of members, each with the reason. Every table of the directory stands here or above."""

ALL_TABLES: Final[tuple[MemberTable | NamelessTable, ...]] = (*MEMBER_TABLES, *NAMELESS_TABLES)
SEALED_TABLES: Final[dict[str, ContextOf]] = {
    table.name: table.context_of for table in ALL_TABLES if table.context_of is not None
}
PURGES: Final[dict[str, Purge]] = {table.name: table.purge for table in ALL_TABLES if table.purge is not None}
