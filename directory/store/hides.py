"""Hides as rows: placed, listed, lifted, and the condition by which every reader of mappings leaves them out."""

from contextlib import suppress
from typing import Any, Final
from uuid import UUID

import asyncpg
from piccolo.query import Select

from directory.identifiers import XHandle, XId
from directory.mappings import Network
from directory.members.errors import MemberGone
from directory.moderation.hides import Hide, HideNote, HideReason
from directory.queries import Query
from directory.store import tables
from directory.store.account_columns import read_x_account
from directory.store.accounts import lock_member, plain_uuid
from directory.store.database import Connection, Database
from directory.store.hide_rows import tell_hides_of_account
from directory.store.mapping_conditions import IS_ACTIVE, IS_NOT_HIDDEN, IS_PENDING
from directory.store.mappings import network_code, network_of_code
from directory.store.ordinary import run

MAX_LISTED: Final = 1_000

_COLUMNS: Final = (
    "hide.id, origin.name AS origin_name, hide.network, hide.x_id, hide.x_handle, hide.leaf, hide.member, hide.reason,"
    " hide.hidden_by, hide.hidden_at"
)
# Of a member's account the id may be known, though the mapping leaves it out.
_FIND_SAID: Final = f"""
SELECT m.origin, m.network, coalesce(m.x_id, x.account_id::bigint), m.x_handle_key, m.x_handle, m.leaf, p.member,
    p.x_account
FROM mapping m JOIN origin ON origin.id = m.origin
    LEFT JOIN publication p ON p.mapping = m.id OR p.replaces = m.id
    LEFT JOIN linked_account x ON x.id = p.x_account
WHERE origin.name = $1 AND m.network = $2 AND ({IS_ACTIVE} OR {IS_PENDING})
    AND (m.x_id = $3 OR ($3::bigint IS NULL AND m.x_handle_key = $4))
ORDER BY m.id DESC LIMIT 1
"""
# What was seen of the account, and what is said of it: under one handle something answers, under another it waits.
_FIND_ACCOUNTS: Final = """
SELECT account_id, handle FROM linked_account WHERE id = $1 AND account_id IS NOT NULL
UNION SELECT x.account_id, m.x_handle FROM publication p JOIN linked_account x ON x.id = p.x_account
    JOIN mapping m ON m.id IN (p.mapping, p.replaces)
WHERE p.x_account = $1 AND x.account_id IS NOT NULL
"""
_PLACE: Final = """
INSERT INTO hide (origin, network, x_id, x_handle_key, x_handle, leaf, member, id, reason, hidden_by, hidden_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT (origin, network, x_handle_key, coalesce(x_id, 0)) DO NOTHING
"""
_FIND: Final = f"""
SELECT {_COLUMNS} FROM hide JOIN origin ON origin.id = hide.origin
WHERE hide.origin = $1 AND hide.network = $2 AND hide.x_id IS NOT DISTINCT FROM $3 AND hide.x_handle_key = $4
"""
_FIND_OTHERS: Final = f"""
SELECT m.x_id FROM mapping m JOIN origin ON origin.id = m.origin
WHERE origin.name = $1 AND m.network = $2 AND m.x_handle_key = $3 AND m.x_id <> $4
    AND ({IS_ACTIVE} OR {IS_PENDING}) AND {IS_NOT_HIDDEN}
GROUP BY m.x_id ORDER BY max(m.id) DESC LIMIT $5
"""
_LIFT: Final = """
DELETE FROM hide h USING hide lifted
WHERE lifted.id = $1 AND (h.id = lifted.id
    OR (h.origin = lifted.origin AND h.network = lifted.network AND h.x_id = lifted.x_id)) RETURNING true
"""


class HideStore:
    """Trusted: whoever can change these rows decides what this instance does not answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def place_hide(self, account: Query, network: Network, origin: str, note: HideNote) -> Hide | None:
        """Hides the mappings of an X account on a network that come from `origin`, later ones too.

        Returns the hide, or the one before where the account was hidden already. Returns None where `origin`
        has no such mapping.
        """
        async with self._database.transaction() as connection:
            said = await _find_said(connection, account, network, origin)
            if said is not None and said["member"] is not None:
                # No account of theirs gets another handle while the hide learns those that it has.
                with suppress(MemberGone):
                    await lock_member(connection, said["member"])
                said = await _find_said(connection, account, network, origin)
            if said is None:
                return None
            *covered, x_account = said
            await connection.execute(_PLACE, *covered, note.id, note.reason, note.by, note.at)
            for row in await connection.fetch(_FIND_ACCOUNTS, x_account):
                await tell_hides_of_account(connection, read_x_account(row["account_id"], row["handle"]))
            placed = await connection.fetchrow(_FIND, *covered[:4])
        return _hide_of(placed) if placed is not None else None

    async def find_others(self, hide: Hide) -> list[XId]:
        """Finds X accounts of other ids that the same origin gives the name of a hide, and that are not hidden: the newest
        first, at most 1,000."""
        if hide.x_id is None:
            return []
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                _FIND_OTHERS,
                hide.origin,
                network_code(hide.network),
                hide.x_handle.key,
                hide.x_id.value,
                MAX_LISTED,
            )
        return [XId(row["x_id"]) for row in rows]

    async def list_hides(self) -> list[Hide]:
        """Lists the newest hides first, at most 1,000."""
        async with self._database.connection() as connection:
            newest = _select_hides().order_by(tables.Hide.hidden_at, ascending=False).order_by(tables.Hide.id)
            rows = await run(connection, newest.limit(MAX_LISTED))
        return [_hide_of(row) for row in rows]

    async def lift_hide(self, hide: UUID) -> bool:
        """Lifts a hide, under all handles that it is kept for: what it covered answers again. Returns whether
        there was one."""
        async with self._database.connection() as connection:
            return bool(await connection.fetchval(_LIFT, hide))


async def _find_said(
    connection: Connection, account: Query, network: Network, origin: str
) -> asyncpg.Record | None:
    return await connection.fetchrow(
        _FIND_SAID,
        origin,
        network_code(network),
        account.x_id.value if account.x_id is not None else None,
        account.x_handle.key if account.x_handle is not None else None,
    )


async def fetch_hides_of_member(connection: Connection, member: UUID) -> list[Hide]:
    """Reads the hides of a member's publications, the first hidden first."""
    of_member = _select_hides().where(tables.Hide.member == member)
    rows = await run(connection, of_member.order_by(tables.Hide.hidden_at, tables.Hide.id))
    return [_hide_of(row) for row in rows]


def _select_hides() -> "Select[Any]":
    return tables.Hide.select(*tables.Hide.all_columns(), tables.Hide.origin.name.as_alias("origin_name"))


def _hide_of(row: asyncpg.Record) -> Hide:
    return Hide(
        id=plain_uuid(row["id"]),
        origin=row["origin_name"],
        network=network_of_code(row["network"]),
        x_id=XId(row["x_id"]) if row["x_id"] is not None else None,
        x_handle=XHandle(row["x_handle"]),
        leaf=row["leaf"],
        member=plain_uuid(row["member"]) if row["member"] is not None else None,
        reason=HideReason(row["reason"]),
        by=row["hidden_by"],
        hidden_at=row["hidden_at"],
    )
