"""Publications of members. A publication points at its mapping; both change in one transaction."""

from datetime import datetime
from typing import Final
from uuid import UUID

from directory.accounts import LinkedAccount
from directory.mappings import Mapping
from directory.members.consents import ConsentKind
from directory.members.errors import PublicationHidden, UnknownAccount, UnknownPublication
from directory.members.publications import (
    KEEP_EXPIRED,
    Publication,
    Wish,
    check_handle,
    is_worth_restating,
)
from directory.moderation.hides import HideReason
from directory.store.accounts import IN_DOUBT, fetch_accounts, lock_member, plain_uuid, update_rechecks
from directory.store.claim_rows import IS_WAITING
from directory.store.consents import require_consent
from directory.store.database import Connection, Database
from directory.store.publication_rows import (
    compose_as_it_stands,
    fetch_publication_on,
    fetch_publications_of_member,
    find_hide_reason,
    insert_publication,
    restate_account,
    restate_publication,
    withdraw_all_of_member,
    withdraw_publications,
)

_UNCONTESTED: Final = f"""
SELECT DISTINCT p.member, p.x_account FROM mapping m JOIN publication p ON p.mapping = m.id
    JOIN linked_account x ON x.id = p.x_account JOIN linked_account t ON t.id = p.target_account
WHERE m.is_contested AND NOT x.has_rival AND NOT x.{IN_DOUBT} AND NOT t.{IN_DOUBT}
    AND NOT EXISTS (SELECT FROM contested_claim c WHERE c.holder = x.id AND c.{IS_WAITING})
LIMIT $1
"""


class PublicationStore:
    """Trusted: whoever can change these rows can publish in a member's name."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list_publications(self, member: UUID) -> list[Publication]:
        """Lists a member's publications."""
        async with self._database.connection() as connection:
            return [publication for publication, _ in await fetch_publications_of_member(connection, member)]

    async def find_hide_reason(self, mapping: Mapping) -> HideReason | None:
        """Finds why a mapping would be hidden. Returns None where it would not."""
        async with self._database.connection() as connection:
            return await find_hide_reason(connection, mapping)

    async def preview_mapping(
        self, x: LinkedAccount, target: LinkedAccount, origin: str, now: datetime
    ) -> Mapping:
        """Composes the mapping of two accounts as it would be published. Raises what `compose_mapping` does."""
        async with self._database.connection() as connection:
            return await compose_as_it_stands(connection, x, target, origin, now)

    async def publish_wish(self, member: UUID, wish: Wish, origin: str, now: datetime) -> Publication:
        """Publishes that an X account is the target; replaces another target on that network.

        Repeated, it changes nothing. Raises MemberGone, UnknownAccount, NotProven, ProofLapsed, ProofTooOld,
        ConsentMissing, ConsentOutdated, PublicationHidden.
        """
        async with self._database.transaction() as connection:
            await lock_member(connection, member)
            x, target = await _two_accounts(connection, member, wish)
            mapping = await compose_as_it_stands(connection, x, target, origin, now)
            await require_consent(connection, member, ConsentKind.PUBLISH, wish.consent, now)
            if await find_hide_reason(connection, mapping) is not None:
                raise PublicationHidden
            said = await fetch_publication_on(connection, x.id, mapping.network)
            if said is None or said.target_account != target.id:
                check_handle(target)
            if said is None:
                await insert_publication(connection, x, target, mapping, None)
            else:
                await _change(connection, said, x, target, mapping)
            await update_rechecks(connection, member, now)
            published = await fetch_publication_on(connection, x.id, mapping.network)
        if published is None:
            raise UnknownPublication
        return published

    async def withdraw_publication(self, member: UUID, publication: UUID, now: datetime) -> None:
        """Withdraws a publication: it stops answering at once. Raises MemberGone, UnknownPublication."""
        async with self._database.transaction() as connection:
            await lock_member(connection, member)
            if not await connection.fetchval(
                "SELECT true FROM publication WHERE id = $1 AND member = $2", publication, member
            ):
                raise UnknownPublication
            await withdraw_publications(connection, [publication])
            await update_rechecks(connection, member, now)

    async def withdraw_all_publications(self, member: UUID, now: datetime) -> int:
        """Withdraws all publications of a member; returns how many there were. Raises MemberGone."""
        async with self._database.transaction() as connection:
            await lock_member(connection, member)
            count = await withdraw_all_of_member(connection, member)
            await update_rechecks(connection, member, now)
        return count

    async def restate_uncontested(self, now: datetime, limit: int) -> int:
        """Restates publications that nothing contests any more, such as after the claimant left; returns how many.

        Their members are locked one by one.
        """
        async with self._database.connection() as connection:
            rows = await connection.fetch(_UNCONTESTED, limit)
        return sum([await self._restate(plain_uuid(row["member"]), row["x_account"], now) for row in rows])

    async def _restate(self, member: UUID, x_account: UUID, now: datetime) -> int:
        async with self._database.transaction() as connection:
            await connection.execute("SELECT FROM member WHERE id = $1 FOR NO KEY UPDATE", member)
            accounts = await fetch_accounts(connection, member)
            held = [account for account in accounts if account.id == plain_uuid(x_account)]
            return sum([await restate_account(connection, account, now) for account in held])

    async def drop_expired_publications(self, now: datetime, limit: int) -> int:
        """Withdraws publications that expired 30 days ago; returns how many. Their members are locked one by
        one."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                "SELECT p.id, p.member FROM publication p JOIN mapping m ON m.id = p.mapping"
                " WHERE m.expires <= $1 LIMIT $2",
                now - KEEP_EXPIRED,
                limit,
            )
        for row in rows:
            await self._drop_if_expired(plain_uuid(row["member"]), row["id"], now)
        return len(rows)

    async def _drop_if_expired(self, member: UUID, publication: UUID, now: datetime) -> None:
        async with self._database.transaction() as connection:
            await connection.fetchval("SELECT id FROM member WHERE id = $1 FOR NO KEY UPDATE", member)
            still = await connection.fetch(
                "SELECT p.id FROM publication p JOIN mapping m ON m.id = p.mapping WHERE p.id = $1 AND m.expires <= $2",
                publication,
                now - KEEP_EXPIRED,
            )
            await withdraw_publications(connection, [row["id"] for row in still])
            await update_rechecks(connection, member, now)


async def _two_accounts(
    connection: Connection, member: UUID, wish: Wish
) -> tuple[LinkedAccount, LinkedAccount]:
    accounts = {account.id: account for account in await fetch_accounts(connection, member)}
    if wish.x_account not in accounts or wish.target_account not in accounts:
        raise UnknownAccount
    return accounts[wish.x_account], accounts[wish.target_account]


async def _change(
    connection: Connection, said: Publication, x: LinkedAccount, target: LinkedAccount, mapping: Mapping
) -> None:
    if said.target_account == target.id:
        if is_worth_restating(said, mapping):
            await restate_publication(connection, said.id, mapping)
        return
    # Another target: the former mapping is withdrawn at once.
    await withdraw_publications(connection, [said.id])
    await insert_publication(connection, x, target, mapping, said)
