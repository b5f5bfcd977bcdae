"""Stores salts and bodies of live leaves of peers, and which are missing. The caller holds a transaction.

Trusted to erase: a salt that stays here after its leaf was revoked undoes the withdrawal. Not trusted with what a body
says: each was held against its commitment before it came here.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from directory.store.copying import copy_rows, few_at_a_time
from directory.store.database import Connection
from federation.protocol.body_answers import Body
from federation.protocol.peer_places import leaf_of, peer_place, peer_places

_HAS_STATEMENTS: Final = "SELECT EXISTS (SELECT FROM peer_statement WHERE place >= $1 AND place <= $2)"


async def copy_statements(connection: Connection, log: int, bodies: Sequence[tuple[int, Body]]) -> None:
    """Stores salts and bodies of leaves, by COPY. Those that a purge has left, as it was broken off, are replaced."""
    if not bodies:
        return
    places = [peer_place(log, leaf) for leaf, _ in bodies]
    if await connection.fetchval(_HAS_STATEMENTS, min(places), max(places)):
        await connection.execute("DELETE FROM peer_statement WHERE place = ANY($1::bigint[])", places)
    rows = ((place, said.salt, said.body) for place, (_, said) in zip(places, bodies, strict=True))
    await copy_rows(connection, "peer_statement", rows=few_at_a_time(rows), columns=["place", "salt", "body"])


async def delete_statements(connection: Connection, log: int, leaves: Sequence[int]) -> None:
    """Erases salt and body of revoked leaves, and forgets that they were missing."""
    places = [peer_place(log, leaf) for leaf in leaves]
    await connection.execute("DELETE FROM peer_statement WHERE place = ANY($1::bigint[])", places)
    await delete_missing(connection, log, leaves)


async def cut_bodies(connection: Connection, log: int, size: int) -> None:
    """Erases all salts and bodies from leaf `size` on."""
    span = (peer_place(log, size), peer_places(log)[1])
    await connection.execute("DELETE FROM peer_statement WHERE place >= $1 AND place < $2", *span)
    await connection.execute("DELETE FROM peer_missing WHERE place >= $1 AND place < $2", *span)


async def mark_missing(
    connection: Connection, log: int, leaves: Mapping[int, bool], missing_at: datetime, now: datetime
) -> None:
    """Records leaves without a body, and whether that is a breach. The time at which one was missed first stays."""
    if leaves:
        await connection.execute(
            "INSERT INTO peer_missing AS m (place, missing_at, asked_at, is_breach)"
            " SELECT place, $3, $4, is_breach FROM unnest($1::bigint[], $2::boolean[]) AS u (place, is_breach)"
            " ON CONFLICT (place) DO UPDATE SET missing_at = coalesce(m.missing_at, excluded.missing_at),"
            " asked_at = excluded.asked_at, is_breach = excluded.is_breach",
            [peer_place(log, leaf) for leaf in leaves],
            list(leaves.values()),
            missing_at,
            now,
        )


async def mark_unasked(connection: Connection, log: int, leaves: Sequence[int]) -> None:
    """Records leaves that hold again, since their revoke was given up, or have room now: they are asked for anew."""
    if leaves:
        await connection.execute(
            "INSERT INTO peer_missing (place) SELECT unnest($1::bigint[]) ON CONFLICT (place) DO NOTHING",
            [peer_place(log, leaf) for leaf in leaves],
        )


async def delete_missing(connection: Connection, log: int, leaves: Sequence[int]) -> None:
    """Forgets that leaves were missing."""
    await connection.execute(
        "DELETE FROM peer_missing WHERE place = ANY($1::bigint[])", [peer_place(log, leaf) for leaf in leaves]
    )


async def fetch_missing(
    connection: Connection, log: int, asked_before: datetime, now: datetime, limit: int
) -> dict[int, datetime | None]:
    """Fetches leaves without a body that were not asked for since, those that have waited longest first: with the time of
    the log since which each is missed. What was asked for in the future was asked for under a clock that ran ahead."""
    rows = await connection.fetch(
        "SELECT place, missing_at FROM peer_missing WHERE place >= $1 AND place < $2"
        " AND (asked_at IS NULL OR asked_at < $3 OR asked_at > $5) ORDER BY asked_at NULLS FIRST, place LIMIT $4",
        *peer_places(log),
        asked_before,
        limit,
        now,
    )
    return {leaf_of(row["place"]): row["missing_at"] for row in rows}


async def count_missing(connection: Connection, log: int, limit: int) -> int:
    """Counts the leaves without a body, up to `limit`."""
    sql = "SELECT count(*) FROM (SELECT FROM peer_missing WHERE place >= $1 AND place < $2 LIMIT $3) AS m"
    return int(await connection.fetchval(sql, *peer_places(log), limit))
