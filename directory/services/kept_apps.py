"""Keeps this instance's registrations at Mastodon-API servers, their secrets sealed."""

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
            host, scope, redirect_uri, row.client_id, secret.reveal().decode(), row.checked_at, row.name
        )

    async def put(self, app: App) -> None:
        """Keeps an app in place of the one before."""
        row = uuid4()
        sealed = self._vault.seal(Secret(app.client_secret.encode()), app_context(row))
        await self._store.put_app(_row_of(app, row, sealed))

    async def forget(self, app: App) -> None:
        """Deletes an app, if it is still the one that is kept."""
        await self._store.forget_app(_row_of(app, uuid4(), b""))


def _row_of(app: App, row: UUID, sealed: bytes) -> AppRow:
    return AppRow(row, app.host, app.scope, app.redirect_uri, app.client_id, sealed, app.checked_at, app.name)
