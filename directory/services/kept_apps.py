"""Keeps this instance's registrations at Mastodon-API servers, their secrets sealed."""

from datetime import datetime
from uuid import UUID, uuid4

from directory.members.tokens import AppRow, app_context
from directory.networks.mastodon.apps import App
from directory.store.mastodon_apps import MastodonAppStore
from directory.vault import Secret, Vault
from directory.vault_keys import VaultError


class KeptApps:
    """The `AppStore` of `directory.networks.mastodon.apps`."""

    def __init__(self, store: MastodonAppStore, vault: Vault) -> None:
        self._store = store
        self._vault = vault

    async def get(self, host: str, scope: str, redirect_uri: str) -> App | None:
        """Finds an app. Returns None where there is none, or it cannot be opened any more: it is then
        registered anew."""
        row = await self._store.find_app(host, scope, redirect_uri)
        if row is None:
            return None
        try:
            secret = self._vault.unseal(row.sealed, app_context(row.id))
        except VaultError:
            return None
        return App(
            host,
            scope,
            redirect_uri,
            row.client_id,
            secret.reveal().decode(),
            row.checked_at,
            row.name,
            row.due_at,
        )

    async def put(self, app: App) -> None:
        """Keeps an app in place of the one before."""
        row = uuid4()
        sealed = self._vault.seal(Secret(app.client_secret.encode()), app_context(row))
        await self._store.put_app(_row_of(app, row, sealed))

    async def claim_renewal(self, app: App, now: datetime) -> bool:
        """Counts a registration in the place of this one; returns whether it may be made."""
        return await self._store.claim_renewal(_row_of(app, uuid4(), b""), now)

    async def note_departure(self, app: App, back_by: datetime) -> None:
        """Makes an app due then, unless it is already due."""
        await self._store.note_departure(_row_of(app, uuid4(), b""), back_by)

    async def note_return(self, app: App) -> None:
        """Stores that an app is not due."""
        await self._store.note_return(_row_of(app, uuid4(), b""))

    async def doubt(self, host: str, client_id: str, now: datetime) -> None:
        """Makes an app due now, if it is still the one that is kept."""
        await self._store.doubt_app(host, client_id, now)


def _row_of(app: App, row: UUID, sealed: bytes) -> AppRow:
    return AppRow(row, app.host, app.scope, app.redirect_uri, app.client_id, sealed, app.checked_at, app.name)
