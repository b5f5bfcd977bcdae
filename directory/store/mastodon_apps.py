"""This instance's registrations at Mastodon-API servers: one for each host, scope and redirect."""

from datetime import datetime, timedelta
from typing import Final

import asyncpg

from directory.members.tokens import AppRow
from directory.networks.mastodon.apps import CHECK_AFTER
from directory.store.account_hosts import host_in
from directory.store.accounts import plain_uuid
from directory.store.database import Database

UNUSED_APP_KEPT: Final = CHECK_AFTER + timedelta(days=1)
"""After its last check: a sign-in that begins later than `CHECK_AFTER` after one checks the app again."""
_OF_ONE: Final = "host = $1 AND scope = $2 AND redirect_uri = $3"


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
                " SET id = $1, client_id = $5, sealed = $6, checked_at = $7, name = $8",
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

    async def forget_app(self, app: AppRow) -> None:
        """Deletes a registration, if its client id is still the one that is kept."""
        async with self._database.connection() as connection:
            await connection.execute(
                f"DELETE FROM mastodon_app WHERE {_OF_ONE} AND client_id = $4",
                app.host,
                app.scope,
                app.redirect_uri,
                app.client_id,
            )


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
    )
