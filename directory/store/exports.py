"""Everything that is stored of a member, as of one moment."""

from uuid import UUID

import msgspec

from directory.accounts import LinkedAccount, Member
from directory.follows.newcomers import Newcomer
from directory.members.challenges import ProofCheck
from directory.members.consents import Consent
from directory.members.errors import MemberGone
from directory.members.kept_lists import KeptList
from directory.members.page_links import LinkCheck
from directory.members.publications import Publication
from directory.members.sessions import Session
from directory.members.tokens import Token
from directory.moderation.hides import Hide
from directory.store.accounts import fetch_accounts, plain_uuid
from directory.store.arrivals import fetch_newcomers
from directory.store.challenges import ChallengeRow, fetch_challenges
from directory.store.claims import Claim, fetch_claims
from directory.store.consents import fetch_consents
from directory.store.database import Database
from directory.store.follow_lists import fetch_lists
from directory.store.hides import fetch_hides_of_member
from directory.store.link_checks import fetch_link_checks
from directory.store.member_pages import fetch_page_code
from directory.store.proof_check_rows import fetch_checks
from directory.store.publication_rows import fetch_publications_of_member
from directory.store.sessions import fetch_sessions
from directory.store.tokens import fetch_tokens


class MemberData(msgspec.Struct, frozen=True, kw_only=True):
    """All of a member. Secrets are not among it, but for the sealed nonces, which are not written out."""

    member: Member
    accounts: list[LinkedAccount]
    claims: list[Claim]
    publications: list[tuple[Publication, str]]
    consents: list[Consent]
    sessions: list[Session]
    permissions: list[Token]
    challenges: list[ChallengeRow]
    checks: list[ProofCheck]
    follow_lists: list[KeptList]
    page_code: str | None
    link_checks: list[LinkCheck]
    newcomers: list[Newcomer]
    hides: list[Hide]


class ExportStore:
    """Reads only."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read_member(self, member: UUID) -> MemberData:
        """One consistent state, whatever else goes on. Raises MemberGone."""
        async with (
            self._database.connection() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            row = await connection.fetchrow("SELECT id, created FROM member WHERE id = $1", member)
            if row is None:
                raise MemberGone
            return MemberData(
                member=Member(plain_uuid(row["id"]), row["created"]),
                accounts=await fetch_accounts(connection, member),
                claims=await fetch_claims(connection, member),
                publications=await fetch_publications_of_member(connection, member),
                consents=await fetch_consents(connection, member),
                sessions=await fetch_sessions(connection, member),
                permissions=await fetch_tokens(connection, member),
                challenges=await fetch_challenges(connection, member),
                checks=await fetch_checks(connection, member),
                follow_lists=await fetch_lists(connection, member),
                page_code=await fetch_page_code(connection, member),
                link_checks=await fetch_link_checks(connection, member),
                newcomers=await fetch_newcomers(connection, member),
                hides=await fetch_hides_of_member(connection, member),
            )
