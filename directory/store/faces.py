"""Faces: how accounts look that were found. Public, and kept for a day, whoever they were fetched for."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from secrets import token_urlsafe
from typing import Final

import asyncpg

from directory.accounts import AccountNetwork
from directory.follows.faces import Face, Picture, Profile
from directory.follows.reasons import Reason
from directory.mappings import Network
from directory.store.account_columns import account_network_code, read_target_account
from directory.store.database import Database

KEEP_FACE: Final = timedelta(days=1)
CLOCK_SLACK: Final = timedelta(hours=1)
"""What was fetched later than that was fetched by a clock that ran ahead, and counts no more."""
_COLUMNS: Final = (
    "network, target_id, handle, name, description, reason, moved_id, moved_handle, picture_url, code"
)


class FaceStore:
    """Not trusted: what it holds was written by strangers, and decides nothing but how a person is shown."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find_faces(self, network: Network, ids: Sequence[str], now: datetime) -> list[Face]:
        """Finds the faces that were fetched within a day."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                f"SELECT {_COLUMNS} FROM face WHERE network = $1 AND target_id = ANY($2::text[]) AND fetched_at > $3 AND fetched_at < $4",
                _code(network), ids, now - KEEP_FACE, now + CLOCK_SLACK,
            )  # fmt: skip
        return [_face_of(row) for row in rows]

    async def find_known(self, network: Network, ids: Sequence[str], now: datetime) -> list[Face]:
        """Finds the faces of those of whom the network said within a day that they are gone, moved or labelled."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                f"SELECT {_COLUMNS} FROM face WHERE network = $1 AND target_id = ANY($2::text[]) AND fetched_at > $3 AND fetched_at < $4"
                " AND reason <> 0",
                _code(network), ids, now - KEEP_FACE, now + CLOCK_SLACK,
            )  # fmt: skip
        return [_face_of(row) for row in rows]

    async def save_faces(self, network: Network, profiles: Sequence[Profile], now: datetime) -> list[Face]:
        """Saves profiles in place of those before; their pictures are fetched when somebody looks. Returns the faces."""
        columns = list(zip(*(_values(each) for each in profiles), strict=True))
        if not columns:
            return []
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                f"INSERT INTO face ({_COLUMNS}, fetched_at) SELECT $1, u.*, $2 FROM unnest($3::text[], $4::text[],"
                " $5::text[], $6::text[], $7::smallint[], $8::text[], $9::text[], $10::text[], $11::text[]) AS u"
                " ON CONFLICT (network, target_id) DO UPDATE SET handle = excluded.handle, name = excluded.name,"
                " description = excluded.description, reason = excluded.reason, moved_id = excluded.moved_id,"
                " moved_handle = excluded.moved_handle, picture_url = excluded.picture_url, picture = NULL,"
                " picture_type = '', fetched_at = excluded.fetched_at"
                f" RETURNING {_COLUMNS}",
                _code(network), now, *columns,
            )  # fmt: skip
        return [_face_of(row) for row in rows]

    async def find_picture(self, code: str, now: datetime) -> Picture | str | None:
        """Finds the picture of a face; or its address, where it was not fetched yet. None where there is none."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(
                "SELECT picture, picture_type, picture_url FROM face WHERE code = $1 AND fetched_at > $2"
                " AND fetched_at < $3",
                code, now - KEEP_FACE, now + CLOCK_SLACK,
            )  # fmt: skip
        if row is None:
            return None
        if row["picture"] is not None:
            return Picture(row["picture"], row["picture_type"])
        return row["picture_url"] or None

    async def save_picture(self, code: str, url: str, picture: Picture | None) -> None:
        """Saves the picture that was fetched from that address; None where there is none that may be shown."""
        async with self._database.connection() as connection:
            await connection.execute(
                "UPDATE face SET picture = $3::bytea, picture_type = $4, picture_url = CASE WHEN $3::bytea IS NULL THEN '' ELSE $2 END"
                " WHERE code = $1 AND picture_url = $2",
                code, url, picture.content if picture else None, picture.media_type if picture else "",
            )  # fmt: skip


async def purge_faces(database: Database, now: datetime, limit: int) -> int:
    """Deletes faces that were fetched more than a day ago, or by a clock that ran ahead. Returns how many."""
    async with database.connection() as connection:
        rows = await connection.fetch(
            "DELETE FROM face WHERE id = ANY(ARRAY(SELECT id FROM face WHERE fetched_at < $1 OR fetched_at > $2"
            " LIMIT $3)) RETURNING true",
            now - KEEP_FACE, now + CLOCK_SLACK, limit,
        )  # fmt: skip
    return len(rows)


def _values(profile: Profile) -> tuple[str, str, str, str, int, str, str, str, str]:
    account, moved = profile.account, profile.moved_to
    return (
        str(account.id),
        str(account.handle),
        profile.name,
        profile.description,
        profile.reason.value,
        str(moved.id) if moved else "",
        str(moved.handle) if moved else "",
        profile.avatar_url,
        token_urlsafe(18),
    )


def _face_of(row: asyncpg.Record) -> Face:
    network, moved = row["network"], row["moved_id"]
    profile = Profile(
        read_target_account(network, row["target_id"], row["handle"]),
        row["name"],
        row["description"],
        row["picture_url"],
        Reason(row["reason"]),
        read_target_account(network, moved, row["moved_handle"]) if moved else None,
    )
    return Face(profile, row["code"])


def _code(network: Network) -> int:
    return account_network_code(AccountNetwork(network.value))
