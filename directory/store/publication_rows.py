"""Publications and their mappings as rows: inserted, restated, withdrawn. The caller holds the member's lock."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID, uuid4

import asyncpg
import msgspec

from directory.accounts import LinkedAccount, ProofState
from directory.identifiers import XHandle, XId
from directory.mapping_life import MappingState
from directory.mappings import Mapping, Network, Strength
from directory.members.errors import MemberError, NotNamed, NotProven, UnknownPublication
from directory.members.publications import Publication, compose_mapping, is_worth_restating
from directory.moderation.hides import HideReason
from directory.store.accounts import HOLDS, fetch_accounts, plain_uuid
from directory.store.claim_rows import IS_WAITING
from directory.store.database import Connection
from directory.store.mapping_conditions import SAME_ACCOUNT
from directory.store.mapping_rows import mark_contested, store_pending, withdraw_mappings
from directory.store.mappings import network_code, network_of_code, target_of
from directory.store.staged_leaves import IS_STAGED
from directory.store.unheld import take_over

_SELECT: Final = f"""
SELECT p.id, p.member, p.x_account, p.target_account, p.network, p.published_at, p.mapping, p.replaces,
    m.x_id, m.x_handle, m.target_id, m.target_handle, m.strength, m.state, m.leaf, m.issued, m.expires, m.name_until, m.is_contested,
    origin.name AS origin, (m.leaf IS NOT NULL OR {IS_STAGED} OR former.leaf IS NOT NULL) AS is_logged,
    NOT (x.{HOLDS} AND t.{HOLDS}) AS is_stale,
    (SELECT h.reason FROM hide h WHERE {SAME_ACCOUNT} ORDER BY h.hidden_at, h.id LIMIT 1) AS hidden
FROM publication p JOIN mapping m ON m.id = p.mapping LEFT JOIN mapping former ON former.id = p.replaces
    JOIN origin ON origin.id = m.origin
    JOIN linked_account x ON x.id = p.x_account JOIN linked_account t ON t.id = p.target_account
"""
_ORDER: Final = "ORDER BY p.published_at, p.id"
_FIND_HIDE: Final = f"""
SELECT h.reason FROM hide h
JOIN (SELECT id AS origin, $2::smallint AS network, $3::bigint AS x_id, $4::text AS x_handle_key
      FROM origin WHERE name = $1) m ON {SAME_ACCOUNT}
ORDER BY h.hidden_at, h.id LIMIT 1
"""


async def withdraw_all_of_member(connection: Connection, member: UUID) -> int:
    """Withdraws all publications of a member. Returns how many there were."""
    rows = await connection.fetch("SELECT id FROM publication WHERE member = $1", member)
    return await withdraw_publications(connection, [row["id"] for row in rows])


async def withdraw_all_of_account(connection: Connection, account: UUID) -> int:
    """Withdraws all publications of an account, on either side. Returns how many there were."""
    rows = await connection.fetch(
        "SELECT id FROM publication WHERE x_account = $1 OR target_account = $1", account
    )
    return await withdraw_publications(connection, [row["id"] for row in rows])


async def withdraw_by_target_and_strength(connection: Connection, account: UUID, strength: Strength) -> int:
    """Withdraws the publications onto a target that have exactly this strength. Returns how many there were."""
    rows = await connection.fetch(
        "SELECT p.id FROM publication p JOIN mapping m ON m.id = p.mapping"
        " WHERE p.target_account = $1 AND m.strength = $2",
        account,
        strength.value,
    )
    return await withdraw_publications(connection, [row["id"] for row in rows])


async def withdraw_publications(connection: Connection, publications: Sequence[UUID]) -> int:
    """Withdraws publications: they stop answering at once. Returns how many there were."""
    rows = await connection.fetch(
        "SELECT id, mapping, replaces FROM publication WHERE id = ANY($1::uuid[]) ORDER BY id FOR UPDATE",
        publications,
    )
    said = [number for row in rows for number in (row["mapping"], row["replaces"]) if number is not None]
    await connection.execute(
        "DELETE FROM publication WHERE id = ANY($1::uuid[])", [row["id"] for row in rows]
    )
    await withdraw_mappings(connection, said)
    return len(rows)


async def restate_account(connection: Connection, account: LinkedAccount, now: datetime) -> int:
    """Restates the publications of an account whose label, proof or time has changed, or that is contested, or no
    longer is; the member is locked.

    The former mapping answers until the new one does; what is contested is marked so at once. What no proof names any
    more is withdrawn: so a proof of a former X handle ends with the handle. Returns how many were restated.
    """
    accounts = {each.id: each for each in await fetch_accounts(connection, account.member)}
    count = 0
    for publication, origin in await fetch_publications_of_member(connection, account.member):
        if account.id not in {publication.x_account, publication.target_account}:
            continue
        x, target = accounts[publication.x_account], accounts[publication.target_account]
        try:
            mapping = await _compose_anew(connection, (publication, origin), x, target, now)
        except (NotProven, NotNamed):
            await withdraw_publications(connection, [publication.id])
            continue
        except MemberError:
            mapping = None  # what cannot be restated expires, or is withdrawn by the job that found out why
        if mapping is not None and is_worth_restating(publication, mapping):
            await restate_publication(connection, publication.id, mapping)
            count += 1
        if await is_contested(connection, x, target):
            await _mark_contested(connection, publication.id)
    return count


async def compose_as_it_stands(
    connection: Connection, x: LinkedAccount, target: LinkedAccount, origin: str, now: datetime
) -> Mapping:
    """Composes the mapping of two accounts, contested where it is. Raises what `compose_mapping` does."""
    mapping = compose_mapping(x, target, origin, now)
    return msgspec.structs.replace(mapping, is_contested=await is_contested(connection, x, target))


async def _compose_anew(
    connection: Connection,
    said: tuple[Publication, str],
    x: LinkedAccount,
    target: LinkedAccount,
    now: datetime,
) -> Mapping | None:
    """Composes what a publication is to say now. Returns None for an account that moved, which nothing renews: only a
    contest is still said, and its end. Raises what `compose_mapping` does."""
    publication, origin = said
    if target.moved_to is None:
        return await compose_as_it_stands(connection, x, target, origin, now)
    there = msgspec.structs.replace(target, moved_to=None)
    mapping = await compose_as_it_stands(connection, x, there, origin, now)
    if mapping.is_contested is publication.is_contested or publication.expires <= mapping.issued:
        return None
    return msgspec.structs.replace(mapping, expires=min(mapping.expires, publication.expires))


async def is_contested(connection: Connection, x: LinkedAccount, target: LinkedAccount) -> bool:
    """Whether a claim stands against the X account, it has a rival, or one of the two proofs is in doubt."""
    if x.has_rival or ProofState.IN_DOUBT in {x.health, target.health}:
        return True
    sql = f"SELECT EXISTS (SELECT FROM contested_claim WHERE holder = $1 AND {IS_WAITING})"
    return bool(await connection.fetchval(sql, x.id))


async def _mark_contested(connection: Connection, publication: UUID) -> None:
    """Marks what answers for a publication now, and what is to answer."""
    row = await connection.fetchrow(
        "SELECT mapping, replaces FROM publication WHERE id = $1 FOR UPDATE", publication
    )
    said = (row["mapping"], row["replaces"]) if row is not None else ()
    await mark_contested(connection, [number for number in said if number is not None])


async def restate_publication(connection: Connection, publication: UUID, mapping: Mapping) -> None:
    """Replaces the mapping of a publication; the former one answers until the new one does."""
    before = await connection.fetchrow(
        "SELECT p.mapping, p.replaces, m.state FROM publication p JOIN mapping m ON m.id = p.mapping"
        " WHERE p.id = $1 FOR UPDATE OF p",
        publication,
    )
    if before is None:
        raise UnknownPublication
    number = await store_pending(connection, mapping)
    if before["state"] == MappingState.PENDING:
        await connection.execute("UPDATE publication SET mapping = $2 WHERE id = $1", publication, number)
        await withdraw_mappings(connection, [before["mapping"]])
        return
    await connection.execute(
        "UPDATE publication SET mapping = $2, replaces = $3 WHERE id = $1",
        publication,
        number,
        before["mapping"],
    )
    if before["replaces"] is not None:
        await withdraw_mappings(connection, [before["replaces"]])


async def insert_publication(
    connection: Connection,
    x: LinkedAccount,
    target: LinkedAccount,
    mapping: Mapping,
    before: Publication | None,
) -> None:
    """Inserts a publication with its mapping; it keeps the id and the date of the one before it."""
    former = await take_over(connection, mapping)
    number = await store_pending(connection, mapping)
    await connection.execute(
        "INSERT INTO publication (id, member, x_account, target_account, network, mapping, published_at, replaces)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        before.id if before is not None else uuid4(),
        x.member,
        x.id,
        target.id,
        network_code(mapping.network),
        number,
        before.published_at if before is not None else mapping.issued,
        former,
    )


async def find_hide_reason(connection: Connection, mapping: Mapping) -> HideReason | None:
    """Finds why a mapping would be hidden. Returns None where it would not."""
    reason = await connection.fetchval(
        _FIND_HIDE,
        mapping.origin,
        network_code(mapping.network),
        mapping.x_id.value if mapping.x_id is not None else None,
        mapping.x_handle.key,
    )
    return HideReason(reason) if reason is not None else None


async def lock_publications_of_member(connection: Connection, member: UUID) -> None:
    """Locks a member's publications and their mappings, after waiting for a batch of the log that stages some: what is read of
    them then stays."""
    rows = await connection.fetch(
        "SELECT mapping, replaces FROM publication WHERE member = $1 ORDER BY id FOR UPDATE", member
    )
    said = [number for row in rows for number in row if number is not None]
    await connection.execute("SELECT FROM mapping WHERE id = ANY($1::bigint[]) ORDER BY id FOR UPDATE", said)


async def fetch_publications_of_member(connection: Connection, member: UUID) -> list[tuple[Publication, str]]:
    """Reads a member's publications, each with its mapping's origin, the first published first."""
    rows = await connection.fetch(f"{_SELECT} WHERE p.member = $1 {_ORDER}", member)
    return [(_publication_of(row), row["origin"]) for row in rows]


async def fetch_publication_on(
    connection: Connection, x_account: UUID, network: Network
) -> Publication | None:
    """Reads the publication of an X account on a network, and locks its row. Returns None where there is none."""
    code = network_code(network)
    # Locked before it is read, so that what is read then stays.
    await connection.execute(
        "SELECT FROM publication WHERE x_account = $1 AND network = $2 FOR UPDATE", x_account, code
    )
    row = await connection.fetchrow(f"{_SELECT} WHERE p.x_account = $1 AND p.network = $2", x_account, code)
    return _publication_of(row) if row is not None else None


def _publication_of(row: asyncpg.Record) -> Publication:
    network = network_of_code(row["network"])
    target_id, target_handle = target_of(network, row["target_id"], row["target_handle"])
    return Publication(
        id=plain_uuid(row["id"]),
        member=plain_uuid(row["member"]),
        x_account=plain_uuid(row["x_account"]),
        target_account=plain_uuid(row["target_account"]),
        network=network,
        published_at=row["published_at"],
        x_id=XId(row["x_id"]) if row["x_id"] is not None else None,
        x_handle=XHandle(row["x_handle"]),
        target_id=target_id,
        target_handle=target_handle,
        strength=Strength(row["strength"]),
        mapping_state=MappingState(row["state"]),
        hidden=HideReason(row["hidden"]) if row["hidden"] is not None else None,
        leaf=row["leaf"],
        issued=row["issued"],
        expires=row["expires"],
        name_until=row["name_until"],
        is_replacing=row["replaces"] is not None,
        is_logged=row["is_logged"],
        is_stale=row["is_stale"],
        is_contested=row["is_contested"],
    )
