"""Reads everything that is stored of a member, as of one moment."""

from typing import Any
from uuid import UUID

import msgspec

from directory.accounts import LinkedAccount, Member
from directory.follows.newcomers import Newcomer
from directory.follows.runs import IgnoredPerson, Item, Run, StandingMatch
from directory.members.challenges import ProofCheck
from directory.members.claims import Claim
from directory.members.consents import Consent
from directory.members.kept_lists import KeptList
from directory.members.newcomer_messages import NewcomerMessages
from directory.members.page_links import LinkCheck
from directory.members.publications import Publication
from directory.members.sessions import Session
from directory.members.tokens import Token
from directory.moderation.hides import Hide
from directory.store.challenges import ChallengeRow
from directory.store.database import Database
from directory.store.member_tables import MEMBER_TABLES


class MemberData(msgspec.Struct, frozen=True, kw_only=True):
    """All that is stored of a member; `member_tables` has the source of each field. It holds no secrets but the
    sealed nonces, which are not exported."""

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
    messages: NewcomerMessages | None
    hides: list[Hide]
    runs: list[Run]
    run_items: list[tuple[UUID, Item]]
    ignored: list[IgnoredPerson]
    standing: list[StandingMatch]


class ExportStore:
    """Reads only."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read_member(self, member: UUID) -> MemberData:
        """Reads a member's data as one consistent snapshot. Raises MemberGone."""
        async with (
            self._database.connection() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            parts: dict[str, Any] = {
                table.exported.field: await table.exported.fetch(connection, member)
                for table in MEMBER_TABLES
                if table.exported is not None
            }
        return MemberData(**parts)
