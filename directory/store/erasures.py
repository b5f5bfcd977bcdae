"""Erases a member in one transaction, after which no row names them."""

from datetime import datetime
from typing import Final
from uuid import UUID

from directory.accounts import AccountNetwork
from directory.members.errors import MemberGone
from directory.members.publications import Publication
from directory.members.receipts import Elsewhere, Receipt, Withdrawn
from directory.profile_pages import called
from directory.store.account_columns import account_network_code
from directory.store.accounts import lock_member, plain_uuid
from directory.store.claim_rows import IS_WAITING
from directory.store.database import Connection, Database
from directory.store.known_accounts import lock_lists
from directory.store.lonely_hosts import fetch_hosts_of_member, forget_lonely_hosts
from directory.store.member_tables import MEMBER_TABLES, Goes, MemberTable
from directory.store.publication_rows import (
    fetch_publications_of_member,
    lock_publications_of_member,
    withdraw_all_of_member,
)
from directory.store.tokens import hand_over_tokens_of_member

_IS_ABANDONED: Final = (
    "NOT EXISTS (SELECT FROM linked_account a WHERE a.member = member.id"
    f" AND (a.network <> {account_network_code(AccountNetwork.X)} OR a.account_id IS NOT NULL))"
    f" AND NOT EXISTS (SELECT FROM contested_claim c WHERE c.member = member.id AND c.{IS_WAITING})"
)
"""An X account that is known by its handle alone signs nobody in. A claim that waits can still give them an account."""


class ErasureStore:
    """Trusted: whoever can call it can erase any member."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def erase_member(self, member: UUID, now: datetime) -> Receipt:
        """Erases a member and every row that belongs to them. Durable and complete once it returns.

        Their publications are withdrawn, and our log revokes what it said of them. Their tokens wait in
        `revocation`, which names nobody. What was kept of a server goes with the last account on it. A running job
        of theirs finds no row any more. Raises MemberGone.
        """
        async with self._database.transaction() as connection:
            await lock_member(connection, member, to_erase=True)
            return await _erase(connection, member, now)


async def purge_abandoned(database: Database, now: datetime, limit: int) -> int:
    """Erases members who have no account left that signs them in: nobody can enter as them any more, to leave or for anything
    else. Returns how many."""
    async with database.connection() as connection:
        rows = await connection.fetch(f"SELECT id FROM member WHERE {_IS_ABANDONED} LIMIT $1", limit)
    return sum([await _erase_if_abandoned(database, plain_uuid(row["id"]), now) for row in rows])


async def _erase_if_abandoned(database: Database, member: UUID, now: datetime) -> bool:
    try:
        async with database.transaction() as connection:
            await lock_member(connection, member, to_erase=True)
            sql = f"SELECT true FROM member WHERE id = $1 AND {_IS_ABANDONED}"
            if not await connection.fetchval(sql, member):
                return False
            await _erase(connection, member, now)
    except MemberGone:
        return False
    return True


async def _erase(connection: Connection, member: UUID, now: datetime) -> Receipt:
    """Erases a member, who is locked for that."""
    hosts = await fetch_hosts_of_member(connection, member)
    await lock_publications_of_member(connection, member)
    published = await fetch_publications_of_member(connection, member)
    await withdraw_all_of_member(connection, member)
    revoked = await hand_over_tokens_of_member(connection, member, now)
    await lock_lists(connection, member)
    deleted = {
        table.name: await _delete(connection, table, member)
        for table in MEMBER_TABLES
        if table.goes is Goes.DELETED
    }
    await forget_lonely_hosts(connection, hosts)
    withdrawn = tuple(_withdrawn(publication) for publication, _ in published)
    return Receipt(now, withdrawn, tuple(revoked), deleted)


def _withdrawn(publication: Publication) -> Withdrawn:
    return Withdrawn(
        str(publication.x_handle),
        publication.network,
        called(publication.target_id, publication.target_handle),
        Elsewhere.REVOKED if publication.is_logged else Elsewhere.NEVER_SHARED,
    )


async def _delete(connection: Connection, table: MemberTable, member: UUID) -> int:
    status = await connection.execute(f"DELETE FROM {table.name} WHERE {table.of_member}", member)
    return int(status.rpartition(" ")[2])
