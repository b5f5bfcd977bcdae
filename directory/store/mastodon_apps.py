"""This instance's registrations at Mastodon-API servers: one for each host, scope and redirect."""

from datetime import datetime, timedelta
from typing import Final

import asyncpg

from directory.members.tokens import AppRow
from directory.networks.mastodon.apps import CHECK_AFTER, RENEW_EVERY
from directory.store.account_hosts import host_in
from directory.store.accounts import plain_uuid
from directory.store.database import Database

UNUSED_APP_KEPT: Final = CHECK_AFTER + timedelta(days=1)
"""After its last check: a sign-in that begins later than `CHECK_AFTER` after one checks the app again."""
_OF_ONE: Final = "host = $1 AND scope = $2 AND redirect_uri = $3"
_IS_KEPT: Final = f"{_OF_ONE} AND client_id = $4"


class MastodonAppStore:
    """Trusted: whoever can change these rows can send sign-ins to an app of their own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find_app(self, host: str, scope: str, redirect_uri: str) -> AppRow | None:
        """Finds the app registered for exactly this; the host in lower case. Returns None where there is none."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(
                f"SELECT * FROM mastodon_app WHERE {_OF_ONE}", host, scope, redirect_uri
            )
        return _app_of(row) if row is not None else None

    async def put_app(self, app: AppRow) -> None:
        """Keeps a registration in place of the one before, in a new row and under a new seal."""
        async with self._database.connection() as connection:
            await connection.execute(
                "INSERT INTO mastodon_app (id, host, scope, redirect_uri, client_id, sealed, checked_at, name)"
                " VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (host, scope, redirect_uri) DO UPDATE"
                " SET id = $1, client_id = $5, sealed = $6, checked_at = $7, name = $8,"
                " due_at = CASE WHEN mastodon_app.client_id = $5 THEN mastodon_app.due_at END",
                app.id,
                app.host,
                app.scope,
                app.redirect_uri,
                app.client_id,
                app.sealed,
                app.checked_at,
                app.name,
            )

    async def purge_apps(self, now: datetime, limit: int) -> int:
        """Deletes registrations that no sign-in began with for a day and that no token came from; returns how many.

        One in use is checked every 12 hours. Registering anew costs two requests; kept, it would name the server of
        somebody who never became a member, or has left.
        """
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                "DELETE FROM mastodon_app WHERE id IN (SELECT id FROM mastodon_app WHERE checked_at <= $1"
                f" AND host NOT IN (SELECT {host_in('issuer')} FROM token) LIMIT $2) RETURNING id",
                now - UNUSED_APP_KEPT,
                limit,
            )
        return len(rows)

    async def claim_renewal(self, app: AppRow, now: datetime) -> bool:
        """Counts a registration in the place of this one. Returns False where the last one is too recent; a time after
        now was written by a wrong clock.

        Counted apart for each scope: who keeps one busy would else keep the others from being renewed.
        """
        async with self._database.connection() as connection:
            claimed = await connection.fetchval(
                f"UPDATE mastodon_app SET renewed_at = $5 WHERE {_IS_KEPT}"
                " AND (renewed_at IS NULL OR renewed_at <= $6 OR renewed_at > $5) RETURNING id",
                *_kept(app),
                now,
                now - RENEW_EVERY,
            )
        return claimed is not None

    async def note_departure(self, app: AppRow, back_by: datetime) -> None:
        """Makes an app due then, unless it is already due; if it is still the one that is kept."""
        await self._set(f"due_at = coalesce(due_at, $5) WHERE {_IS_KEPT}", *_kept(app), back_by)

    async def note_return(self, app: AppRow) -> None:
        """Stores that an app is not due, if it is still the one that is kept."""
        await self._set(f"due_at = NULL WHERE {_IS_KEPT} AND due_at IS NOT NULL", *_kept(app))

    async def doubt_app(self, host: str, client_id: str, now: datetime) -> None:
        """Makes an app due now, if it is still the one that is kept."""
        await self._set("due_at = least(due_at, $3) WHERE host = $1 AND client_id = $2", host, client_id, now)

    async def _set(self, change: str, *values: object) -> None:
        async with self._database.connection() as connection:
            await connection.execute(f"UPDATE mastodon_app SET {change}", *values)


def _kept(app: AppRow) -> tuple[str, str, str, str]:
    """Returns the values of _IS_KEPT."""
    return app.host, app.scope, app.redirect_uri, app.client_id


def _app_of(row: asyncpg.Record) -> AppRow:
    return AppRow(
        plain_uuid(row["id"]),
        row["host"],
        row["scope"],
        row["redirect_uri"],
        row["client_id"],
        row["sealed"],
        row["checked_at"],
        row["name"],
        row["due_at"],
    )
