"""Publications and their mappings as rows: written, restated, withdrawn. The caller holds the member's lock."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID, uuid4

import asyncpg

from directory.accounts import LinkedAccount
from directory.identifiers import Acct, ActorUri, AtHandle, Did, TargetHandle, TargetId, XHandle, XId
from directory.mappings import Mapping, MappingState, Network, Strength
from directory.members.errors import MemberError, UnknownPublication
from directory.members.publications import Publication, compose_mapping, is_worth_restating
from directory.store.accounts import fetch_accounts, plain_uuid
from directory.store.database import Connection
from directory.store.mappings import encode_evidence, network_code, network_of_code, target_key

_SELECT: Final = """
SELECT p.id, p.member, p.x_account, p.target_account, p.network, p.published_at, p.mapping, p.replaces,
    m.x_id, m.x_handle, m.target_id, m.target_handle, m.strength, m.state, m.leaf, m.issued, m.expires,
    origin.name AS origin, (m.leaf IS NOT NULL OR former.leaf IS NOT NULL) AS is_logged,
    (x.health <> 0 OR t.health <> 0) AS is_stale
FROM publication p JOIN mapping m ON m.id = p.mapping LEFT JOIN mapping former ON former.id = p.replaces
    JOIN origin ON origin.id = m.origin
    JOIN linked_account x ON x.id = p.x_account JOIN linked_account t ON t.id = p.target_account
"""
# What a row keeps of a withdrawn mapping is its leaf: the log has still to revoke that. 2 is WITHDRAWN.
_WITHDRAW: Final = """
UPDATE mapping SET state = 2, x_id = NULL, x_handle = '', x_handle_key = '', target_id = '',
    target_handle = '', target_handle_key = '', evidence = '[]'
WHERE id = ANY($1::bigint[])
"""


async def withdraw_where(connection: Connection, condition: str, *values: object) -> int:
    """Withdraws all publications that meet a condition; the member is locked. Returns how many."""
    rows = await connection.fetch(
        f"SELECT id, mapping, replaces FROM publication WHERE {condition} FOR UPDATE", *values
    )
    said = [number for row in rows for number in (row["mapping"], row["replaces"]) if number is not None]
    await connection.execute(_WITHDRAW, said)
    await connection.execute(
        "DELETE FROM publication WHERE id = ANY($1::uuid[])", [row["id"] for row in rows]
    )
    await _delete_unlogged(connection, said)
    return len(rows)


async def end_mappings(connection: Connection, numbers: Sequence[int]) -> None:
    """Withdraws mappings that no publication points at any more."""
    await connection.execute(_WITHDRAW, numbers)
    await _delete_unlogged(connection, numbers)


async def restate_account(connection: Connection, account: LinkedAccount, now: datetime) -> int:
    """Says anew what is published of an account whose label, proof or time has changed; the member is locked.

    The former wording answers until the new one does. Returns how many were said anew.
    """
    accounts = {each.id: each for each in await fetch_accounts(connection, account.member)}
    count = 0
    for publication, origin in await fetch_publications(connection, "p.member", account.member):
        if account.id not in {publication.x_account, publication.target_account}:
            continue
        x, target = accounts[publication.x_account], accounts[publication.target_account]
        try:
            mapping = compose_mapping(x, target, origin, now)
        except MemberError:
            continue  # what cannot be said anew runs out, or is withdrawn by who found out why
        if publication.mapping_state is not MappingState.HIDDEN and is_worth_restating(publication, mapping):
            await restate(connection, publication.id, mapping)
            count += 1
    return count


async def restate(connection: Connection, publication: UUID, mapping: Mapping) -> None:
    """Replaces the wording of a publication; the former one answers until the new one does."""
    before = await connection.fetchrow(
        "SELECT p.mapping, p.replaces, m.state FROM publication p JOIN mapping m ON m.id = p.mapping"
        " WHERE p.id = $1 FOR UPDATE OF p",
        publication,
    )
    if before is None:
        raise UnknownPublication
    number = await _insert_mapping(connection, mapping)
    if before["state"] == MappingState.PENDING:
        await connection.execute("UPDATE publication SET mapping = $2 WHERE id = $1", publication, number)
        await end_mappings(connection, [before["mapping"]])
    else:
        await connection.execute(
            "UPDATE publication SET mapping = $2, replaces = $3 WHERE id = $1",
            publication,
            number,
            before["mapping"],
        )
        if before["replaces"] is not None:
            await end_mappings(connection, [before["replaces"]])


async def insert_publication(
    connection: Connection,
    x: LinkedAccount,
    target: LinkedAccount,
    mapping: Mapping,
    before: Publication | None,
) -> None:
    """Writes a publication with its mapping; it takes over the name and the date of the one before it."""
    number = await _insert_mapping(connection, mapping)
    await connection.execute(
        "INSERT INTO publication (id, member, x_account, target_account, network, mapping, published_at)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7)",
        before.id if before is not None else uuid4(),
        x.member,
        x.id,
        target.id,
        network_code(mapping.network),
        number,
        before.published_at if before is not None else mapping.issued,
    )


async def _insert_mapping(connection: Connection, mapping: Mapping) -> int:
    """Pending, and without a leaf: whoever makes it answer is somebody else."""
    await connection.execute(
        "INSERT INTO origin (name) VALUES ($1) ON CONFLICT (name) DO NOTHING", mapping.origin
    )
    number = await connection.fetchval(
        "INSERT INTO mapping (x_id, x_handle, x_handle_key, network, target_id, target_handle,"
        " target_handle_key, strength, state, origin, issued, expires, evidence)"
        " SELECT $1, $2, $3, $4, $5, $6, $7, $8, 0, origin.id, $10, $11, $12 FROM origin WHERE name = $9"
        " RETURNING id",
        mapping.x_id.value if mapping.x_id is not None else None,
        str(mapping.x_handle),
        mapping.x_handle.key,
        network_code(mapping.network),
        str(mapping.target_id),
        str(mapping.target_handle),
        target_key(mapping.target_handle),
        mapping.strength.value,
        mapping.origin,
        mapping.issued,
        mapping.expires,
        encode_evidence(mapping.evidence),
    )
    return int(number)


async def _delete_unlogged(connection: Connection, numbers: Sequence[int]) -> None:
    """No log has to revoke what no log ever said."""
    await connection.execute("DELETE FROM mapping WHERE id = ANY($1::bigint[]) AND leaf IS NULL", numbers)


async def fetch_publications(
    connection: Connection, column: str, value: UUID, network: int | None = None
) -> list[tuple[Publication, str]]:
    """The publications whose `column` is `value`, each with its mapping's origin."""
    rows = await connection.fetch(
        f"{_SELECT} WHERE {column} = $1 AND ($2::int IS NULL OR p.network = $2) ORDER BY p.published_at, p.id",
        value,
        network,
    )
    return [(_publication_of(row), row["origin"]) for row in rows]


def _publication_of(row: asyncpg.Record) -> Publication:
    network = network_of_code(row["network"])
    target_id, target_handle = _target_of(network, row["target_id"], row["target_handle"])
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
        leaf=row["leaf"],
        issued=row["issued"],
        expires=row["expires"],
        is_replacing=row["replaces"] is not None,
        is_logged=row["is_logged"],
        is_stale=row["is_stale"],
    )


def _target_of(network: Network, target_id: str, target_handle: str) -> tuple[TargetId, TargetHandle]:
    if network is Network.BLUESKY:
        return Did(target_id), AtHandle(target_handle)
    user, _, host = target_handle.partition("@")
    return ActorUri(target_id), Acct(user, host)
