"""Peers as rows: who they are, and what the operators of both sides have decided."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import asyncpg
import msgspec

from directory.mappings import Strength
from directory.origins import Standing
from directory.store.database import Connection, Database
from directory.store.mapping_rows import ensure_origin
from federation.protocol.peer import Peer, PeerView, Shown, TheyFollow, WeFollow
from federation.tlog.merkle import EMPTY_ROOT

ASKING_LOCK: Final = 0x7061_7373_6173_6B

_VIEWS: Final = """
SELECT p.*, o.standing, o.heard_at, l.size, l.target_size, l.bodies_size, l.seen_at, l.fault, l.stopped, l.skipped, l.invalid,
    ARRAY(SELECT d.note FROM peer_document d WHERE d.log = l.id ORDER BY d.number) AS documents,
    (SELECT count(*) FROM peer_evidence e WHERE e.origin = p.origin AND e.is_proven) AS evidence,
    (SELECT count(*) FROM peer_missing m WHERE m.place >= l.id * (1::bigint << 40)
        AND m.place < (l.id + 1) * (1::bigint << 40) AND m.missing_at IS NOT NULL) AS missing
FROM peer p LEFT JOIN origin o ON o.name = p.origin AND p.confirmed_at IS NOT NULL
LEFT JOIN peer_log l ON l.origin = p.origin
"""
_WAITING: Final = "they_follow = 1 AND confirmed_at IS NULL AND we_follow = 0"
_PUT: Final = """
INSERT INTO peer (origin, address, name, contact, first_key, confirmed_at) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (origin) DO UPDATE SET address = $2, name = $3, contact = $4, first_key = $5,
    confirmed_at = coalesce(peer.confirmed_at, $6),
    they_follow = CASE WHEN peer.first_key = $5 THEN peer.they_follow ELSE 0 END,
    asked_at = CASE WHEN peer.first_key = $5 THEN peer.asked_at END
    WHERE peer.confirmed_at IS NULL OR peer.first_key = $5
"""
_ASK: Final = """
INSERT INTO peer (origin, address, name, contact, first_key, they_follow, asked_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (origin) DO UPDATE SET address = $2, name = $3, contact = $4, first_key = $5, they_follow = $6,
    asked_at = coalesce(peer.asked_at, $7) WHERE peer.confirmed_at IS NULL
"""


class PeerStore:
    """Trusted: whoever can change these rows decides whose log is believed, and who is given our members' mappings."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find_peer(self, origin: str) -> Peer | None:
        """Finds a peer. Returns None where the origin is none, and has not asked to be one."""
        async with self._database.connection() as connection:
            return await fetch_peer(connection, origin)

    async def find_view(self, origin: str) -> PeerView | None:
        """Finds a peer with its standing and its log."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(f"{_VIEWS} WHERE p.origin = $1", origin)
        return None if row is None else _view_of(row)

    async def list_views(self) -> list[PeerView]:
        """Lists all peers, those that wait for our operators first."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(f"{_VIEWS} ORDER BY (p.they_follow = 1) DESC, p.origin")
        return [_view_of(row) for row in rows]

    async def list_asking(self, since: datetime) -> list[str]:
        """Lists the origins that have asked since then and wait, without those that an operator of ours has taken up."""
        async with self._database.connection() as connection:
            return await fetch_asking(connection, since)

    async def find_documents(self, origin: str) -> list[bytes]:
        """Finds the signed documents that are held of a confirmed peer's log, the first one first."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                "SELECT d.note FROM peer_document d JOIN peer_log l ON l.id = d.log WHERE l.origin = $1"
                " ORDER BY d.number",
                origin,
            )
        return [bytes(row["note"]) for row in rows]

    async def find_frozen_from(self, origin: str) -> Standing:
        """Finds how a peer stood before it was frozen last."""
        async with self._database.connection() as connection:
            found = await connection.fetchval("SELECT frozen_from FROM peer WHERE origin = $1", origin)
        return Standing.FOLLOWING if found is None else Standing(found)

    async def change_we_follow(self, origin: str, after: WeFollow) -> None:
        async with self._database.connection() as connection:
            await connection.execute("UPDATE peer SET we_follow = $2 WHERE origin = $1", origin, after.value)

    async def change_they_follow(self, origin: str, after: TheyFollow, asked_at: datetime | None) -> bool:
        """Changes whether a peer may take what we say. Returns False where there is no such peer any more."""
        async with self._database.connection() as connection:
            done = await connection.execute(
                "UPDATE peer SET they_follow = $2, asked_at = $3 WHERE origin = $1",
                origin,
                after.value,
                asked_at,
            )
        return done != "UPDATE 0"

    async def ask_again(self, origin: str, now: datetime) -> None:
        """Records that a confirmed peer asks to follow us, unless our operators have decided meanwhile."""
        async with self._database.connection() as connection:
            await connection.execute(
                "UPDATE peer SET they_follow = $2, asked_at = coalesce(asked_at, $3)"
                " WHERE origin = $1 AND they_follow IN ($4, $2)",
                origin,
                TheyFollow.ASK.value,
                now,
                TheyFollow.NO.value,
            )

    async def stop_following(self, origin: str) -> None:
        """Records that a peer follows us no more. A refusal stays."""
        async with self._database.connection() as connection:
            await connection.execute(
                "UPDATE peer SET they_follow = $2, asked_at = NULL WHERE origin = $1 AND they_follow <> $3",
                origin,
                TheyFollow.NO.value,
                TheyFollow.REFUSED.value,
            )

    async def forget_asking(self, origin: str) -> None:
        """Deletes the request of a stranger that waits."""
        async with self._database.connection() as connection:
            await connection.execute(f"DELETE FROM peer WHERE {_WAITING} AND origin = $1", origin)

    async def read_next_now(self, origin: str, now: datetime) -> None:
        """Has the log of a peer read at once."""
        async with self._database.connection() as connection:
            await connection.execute(
                "UPDATE peer_log SET next_at = $2, failures = 0 WHERE origin = $1 AND next_at > $2",
                origin,
                now,
            )


async def fetch_peer(connection: Connection, origin: str, *, is_locked: bool = False) -> Peer | None:
    """Fetches a peer; with `is_locked` nobody else changes it until the transaction ends."""
    lock = " FOR UPDATE" if is_locked else ""
    row = await connection.fetchrow(f"SELECT * FROM peer WHERE origin = $1{lock}", origin)
    return None if row is None else peer_of(row)


async def fetch_asking(connection: Connection, since: datetime) -> list[str]:
    rows = await connection.fetch(f"SELECT origin FROM peer WHERE {_WAITING} AND asked_at > $1", since)
    return [row["origin"] for row in rows]


async def delete_forgotten(connection: Connection, until: datetime) -> None:
    """Deletes the requests of strangers that nobody has answered until then."""
    await connection.execute(f"DELETE FROM peer WHERE {_WAITING} AND asked_at <= $1", until)


async def lock_asking(connection: Connection) -> None:
    """Waits until nobody else counts and stores the request of a stranger, and keeps others out until the transaction
    ends: two at a time are not one too many."""
    await connection.execute("SELECT pg_advisory_xact_lock($1)", ASKING_LOCK)


async def put_asking(connection: Connection, shown: Shown, now: datetime) -> None:
    """Stores that a stranger has asked to follow us. Changes nothing of a peer that was confirmed meanwhile."""
    await connection.execute(_ASK, *msgspec.structs.astuple(shown), TheyFollow.ASK.value, now)


async def put_confirmed(
    connection: Connection, shown: Shown, notes: Sequence[bytes], size: int, now: datetime
) -> None:
    """Pins the first key of a peer, and has its log read from now on. A request under another key is forgotten.

    `size` is that of the log as the operator saw it: up to there it counts as no growth. A key that is pinned stays: the caller looks which one it is.
    """
    origin = shown.origin
    await connection.execute(_PUT, *msgspec.structs.astuple(shown), now)
    await ensure_origin(connection, origin)
    log = await connection.fetchval(
        "INSERT INTO peer_log (origin, root, free_size, next_at) VALUES ($1, $2, $3, $4)"
        " ON CONFLICT (origin) DO NOTHING RETURNING id",
        origin,
        EMPTY_ROOT,
        size,
        now,
    )
    if log is not None:  # else the documents that were read since it was confirmed are there
        await connection.executemany(
            "INSERT INTO peer_document (log, number, note) VALUES ($1, $2, $3)",
            [(log, number, note) for number, note in enumerate(notes)],
        )


async def put_decision(
    connection: Connection, origin: str, we_follow: WeFollow | None, they_follow: TheyFollow | None
) -> None:
    """Records what an operator has decided about a confirmed peer, None for what stays. What we follow already, stays
    followed."""
    await connection.execute(
        "UPDATE peer SET we_follow = greatest(we_follow, $2), they_follow = coalesce($3, they_follow),"
        " asked_at = CASE WHEN $3::smallint IS NULL THEN asked_at END WHERE origin = $1",
        origin,
        None if we_follow is None else we_follow.value,
        None if they_follow is None else they_follow.value,
    )


async def fetch_standing(connection: Connection, origin: str) -> Standing:
    """Fetches the standing of an origin that has a row."""
    return Standing(await connection.fetchval("SELECT standing FROM origin WHERE name = $1", origin))


async def fetch_evidence_count(connection: Connection, origin: str) -> int:
    """Counts the proven contradictions of a log that are kept here."""
    count: int = await connection.fetchval(
        "SELECT count(*) FROM peer_evidence WHERE origin = $1 AND is_proven", origin
    )
    return count


def peer_of(row: asyncpg.Record) -> Peer:
    """Makes the peer of a row of `peer`."""
    return Peer(
        origin=row["origin"],
        address=row["address"],
        name=row["name"],
        contact=row["contact"],
        we_follow=WeFollow(row["we_follow"]),
        they_follow=TheyFollow(row["they_follow"]),
        first_key=row["first_key"],
        confirmed_at=row["confirmed_at"],
        asked_at=row["asked_at"],
        is_listed=row["is_listed"],
        strengths=frozenset(map(Strength, row["strengths"])),
        daily_cap=row["daily_cap"],
        growth_cap=row["growth_cap"],
        sample_size=row["sample_size"],
        moved_to=row["moved_to"],
    )


def _view_of(row: asyncpg.Record) -> PeerView:
    return PeerView(
        peer=peer_of(row),
        standing=None if row["standing"] is None else Standing(row["standing"]),
        heard_at=row["heard_at"],
        size=row["size"] or 0,
        target_size=row["target_size"] or 0,
        bodies_size=row["bodies_size"] or 0,
        seen_at=row["seen_at"],
        fault=row["fault"] or "",
        stopped=row["stopped"] or "",
        documents=tuple(map(bytes, row["documents"] or ())),
        evidence=row["evidence"],
        missing=row["missing"],
        skipped=row["skipped"] or 0,
        invalid=row["invalid"] or 0,
    )
